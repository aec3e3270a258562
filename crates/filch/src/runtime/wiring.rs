//! The one place where all parts meet: put together, started, and taken apart.

use super::depth::Inside;
use super::owned::GRACE;
use super::park::DriverPark;
use super::pool::Pools;
use super::report::ShutdownReport;
use filch_core::RuntimeRef;
use filch_core::coop::Budget;
use filch_core::runtime::{Living, Parts, Remains, Roots, TimerBuffers, Unfinished};
use filch_core::seam::{Blocking, Clock, Driver, Park, Scheduler, Timers};
use filch_core::sys::sync::Mutex;
use std::future::Future;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// What the last steps of an end may take when its grace is used up; what takes longer is stuck.
// Why: they take a fraction of a millisecond, but 100 ms were too short on a machine with four times as many threads as
// cores, and a false alarm is worse than a late one.
const LAST_STEPS: Duration = Duration::from_millis(500);

/// The parts of a runtime that is to be.
pub(super) struct Chosen {
    pub(super) scheduler: Arc<dyn Scheduler>,
    pub(super) driver: Arc<dyn Driver>,
    pub(super) timers: Arc<dyn Timers>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pools: Pools,
    pub(super) budget: Budget,
    pub(super) name: Box<str>,
}

/// A running runtime.
pub(super) struct Wired {
    living: Living,
    pools: Pools,
    name: Box<str>,
}

/// Joins the parts and starts the scheduler.
pub(super) fn wire(chosen: Chosen) -> io::Result<Wired> {
    let origin = chosen.clock.now();
    // Why the step back: a deadline at the origin itself could not be told from one that has passed.
    let origin = origin.checked_sub(Duration::from_nanos(1)).unwrap_or(origin);
    let blocking: Arc<dyn Blocking> = Arc::new(chosen.pools.blocking.clone());
    let compute: Arc<dyn Blocking> = Arc::new(chosen.pools.compute.clone());
    let calls_elsewhere = Arc::new(AtomicUsize::new(0));
    let buffers = Arc::new(TimerBuffers::new(chosen.scheduler.n_workers()));
    let roots = Arc::<Roots>::default();
    let park = Arc::new(DriverPark {
        driver: Arc::clone(&chosen.driver),
        timers: Arc::clone(&chosen.timers),
        clock: Arc::clone(&chosen.clock),
        blocking: Arc::clone(&blocking),
        compute: Arc::clone(&compute),
        calls_elsewhere: Arc::clone(&calls_elsewhere),
        buffers: Arc::clone(&buffers),
        roots: Arc::clone(&roots),
        origin,
        is_held: AtomicBool::new(false),
        last_fired: AtomicU64::new(0),
        runtime: OnceLock::new(),
    });
    let scheduler = Arc::clone(&chosen.scheduler);
    let living = Living::open(Parts {
        scheduler: chosen.scheduler,
        driver: chosen.driver,
        timers: chosen.timers,
        clock: chosen.clock,
        blocking,
        compute,
        calls_elsewhere,
        park: Arc::clone(&park) as Arc<dyn Park>,
        buffers,
        roots,
        budget: chosen.budget,
        origin,
        name: chosen.name.clone(),
    });
    let runtime = living.runtime();
    let _ = park.runtime.set(runtime);
    chosen.pools.start(runtime);
    if let Err(error) = scheduler.start(runtime, park) {
        living.end();
        return Err(error);
    }
    Ok(Wired { living, pools: chosen.pools, name: chosen.name })
}

impl Wired {
    pub(super) fn runtime(&self) -> RuntimeRef {
        self.living.runtime()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Takes everything apart on a thread of its own and waits at most `grace` for it (designs 0012, 0016).
    pub(super) fn end(self, grace: Duration) -> ShutdownReport {
        if self.is_inherited() {
            return self.leave_alone();
        }
        let begin = Instant::now();
        let (pools, remains) = (self.pools.clone(), self.living.remains());
        let (tell, told) = mpsc::channel();
        let reaper = self.spawn_reaper(move |wired| {
            let unfinished = wind_down(&wired.living, grace, drop);
            // Why not always: it wakes the owner, which costs more than the end of an empty runtime.
            if !unfinished.is_empty() {
                let _ = tell.send(unfinished);
            }
            wired.living.end();
            drop(tell); // Tells that all is done.
        });
        if let Err(wired) = reaper {
            return wired.end_here(grace);
        }
        let (unfinished, worker_is_stuck) = follow(&told, &remains, grace);
        let blocking = pools.shutdown(grace.saturating_sub(begin.elapsed()));
        ShutdownReport::new(blocking, unfinished, worker_is_stuck, begin.elapsed())
    }

    /// Takes everything apart on this thread, which is the home of its tasks.
    pub(super) fn end_here(self, grace: Duration) -> ShutdownReport {
        if self.is_inherited() {
            return self.leave_alone();
        }
        let begin = Instant::now();
        let unfinished = wind_down(&self.living, grace, |remains| Watch::start(remains, grace));
        self.living.end();
        let blocking = self.pools.shutdown(grace.saturating_sub(begin.elapsed()));
        ShutdownReport::new(blocking, unfinished, false, begin.elapsed())
    }

    /// Takes everything apart on threads of its own; nobody waits for that, so a person is told what did not end.
    pub(super) fn end_in_background(self) {
        let reaper = self.spawn_reaper(|wired| {
            let name = wired.name.clone();
            wired.end(GRACE).warn(&name);
        });
        if let Err(Wired { name, .. }) = reaper {
            // Why left running: ended here, it could wait for the very thread that ends it.
            eprintln!(
                "filch: there is no thread to end runtime {name:?} on, so it is left running"
            );
        }
    }

    fn is_inherited(&self) -> bool {
        self.living.runtime().is_inherited()
    }

    /// In a fork: there are no threads to wait for, and drivers share what they know with those of the parent.
    fn leave_alone(self) -> ShutdownReport {
        mem::forget(self);
        ShutdownReport::default()
    }

    /// Has `end` called on a thread of its own. Without a thread to spare, what was to be ended comes back.
    fn spawn_reaper(self, end: impl FnOnce(Wired) + Send + 'static) -> Result<(), Wired> {
        let name = format!("{}-reaper", self.name);
        let wired = Arc::new(Mutex::new(Some(self)));
        let there = Arc::clone(&wired);
        let spawned = thread::Builder::new().name(name).spawn(move || {
            let wired = there.lock().take();
            wired.map(end);
        });
        if spawned.is_ok() { Ok(()) } else { wired.lock().take().map_or(Ok(()), Err) }
    }
}

/// Follows the reaper, which tells what did not end, if anything did not, and then, by hanging up, that it is done. The
/// flag: a worker is stuck, so it will not come to that.
fn follow(
    told: &Receiver<Vec<Unfinished>>,
    remains: &Remains,
    grace: Duration,
) -> (Vec<Unfinished>, bool) {
    let begin = Instant::now();
    let mut unfinished = told.recv_timeout(grace);
    if unfinished.is_err() {
        remains.give_up();
        unfinished = told.recv_timeout(LAST_STEPS);
    }
    match unfinished {
        Ok(unfinished) => {
            let left = grace.saturating_sub(begin.elapsed()).max(LAST_STEPS);
            let is_stuck = matches!(told.recv_timeout(left), Err(RecvTimeoutError::Timeout));
            (unfinished, is_stuck)
        }
        Err(RecvTimeoutError::Timeout) => (remains.unfinished(), true),
        Err(RecvTimeoutError::Disconnected) => (Vec::new(), false),
    }
}

/// Cancels all tasks and waits for what was adopted while the runtime still runs. Answers what did not end in time, which
/// it may not notice by itself: `watch` begins to, when there is something to wait for.
fn wind_down<W>(
    living: &Living,
    grace: Duration,
    watch: impl FnOnce(Remains) -> W,
) -> Vec<Unfinished> {
    let _entered = living.runtime().enter();
    let remains = living.remains();
    let scheduler_and_roots = living
        .runtime()
        .access()
        .map(|parts| (Arc::clone(&parts.scheduler), Arc::clone(&parts.roots)));
    let Some((scheduler, roots)) = scheduler_and_roots else { return Vec::new() };
    // A virtual clock stands still, as while a thread polls its `block_on`, but for the wait; so its grace is exact.
    roots.enter();
    living.sweep();
    if remains.is_settled() {
        return Vec::new();
    }
    if !grace.is_zero() {
        let _watching = watch(remains.clone());
        let settled = remains.settled(grace);
        let wait = async {
            roots.leave(); // A clock that jumps sees what the sweep has armed.
            settled.await;
            roots.enter();
        };
        block_on(wait, |wait| scheduler.block_on(wait));
    }
    remains.unfinished()
}

/// A thread that gives up waiting when the grace is over, unless this is dropped before.
// Why a thread: the one that waits drives the runtime, and a clock that stands still fires no timer.
struct Watch(Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>);

impl Watch {
    fn start(remains: Remains, grace: Duration) -> Self {
        let (stop, stopped) = mpsc::channel();
        let watch = thread::Builder::new().name("filch-grace".to_owned()).spawn(move || {
            if stopped.recv_timeout(grace) == Err(RecvTimeoutError::Timeout) {
                remains.give_up();
            }
        });
        Watch(watch.ok().map(|thread| (stop, thread)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

/// Runs `future` by `drive`, which knows futures without output only.
#[track_caller]
pub(super) fn block_on<F: Future>(
    future: F,
    drive: impl FnOnce(Pin<&mut dyn Future<Output = ()>>),
) -> F::Output {
    if let Some(runtime) = RuntimeRef::try_current() {
        runtime.check_process();
    }
    let _inside = Inside::enter();
    let mut output = None;
    {
        let future = pin!(async { output = Some(future.await) });
        drive(future);
    }
    output.expect(
        "a scheduler's block_on returns only when its future is done; this one broke its contract",
    )
}
