//! The one place where all parts meet: put together, started, and taken apart.

use super::depth::Inside;
use super::park::DriverPark;
use super::report::ShutdownReport;
use filch_core::RuntimeRef;
use filch_core::coop::Budget;
use filch_core::runtime::{Living, Parts, TimerBuffers};
use filch_core::seam::{Blocking, Clock, Driver, Park, Scheduler, Timers};
use filch_core::sys::sync::Mutex;
use filch_scheduler::BlockingPool;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// The parts of a runtime that is to be.
pub(super) struct Chosen {
    pub(super) scheduler: Arc<dyn Scheduler>,
    pub(super) driver: Arc<dyn Driver>,
    pub(super) timers: Arc<dyn Timers>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pool: BlockingPool,
    pub(super) budget: Budget,
    pub(super) name: Box<str>,
}

/// A running runtime.
pub(super) struct Wired {
    living: Living,
    pool: BlockingPool,
    name: Box<str>,
}

/// Joins the parts and starts the scheduler.
pub(super) fn wire(chosen: Chosen) -> io::Result<Wired> {
    let origin = chosen.clock.now();
    // Why the step back: a deadline at the origin itself could not be told from one that has passed.
    let origin = origin.checked_sub(Duration::from_nanos(1)).unwrap_or(origin);
    let blocking: Arc<dyn Blocking> = Arc::new(chosen.pool.clone());
    let buffers = Arc::new(TimerBuffers::new(chosen.scheduler.n_workers()));
    let roots = Arc::new(AtomicUsize::new(0));
    let park = Arc::new(DriverPark {
        driver: Arc::clone(&chosen.driver),
        timers: Arc::clone(&chosen.timers),
        clock: Arc::clone(&chosen.clock),
        blocking: Arc::clone(&blocking),
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
        park: Arc::clone(&park) as Arc<dyn Park>,
        buffers,
        roots,
        budget: chosen.budget,
        origin,
        name: chosen.name.clone(),
    });
    let runtime = living.runtime();
    let _ = park.runtime.set(runtime);
    chosen.pool.start(runtime);
    if let Err(error) = scheduler.start(runtime, park) {
        living.end();
        return Err(error);
    }
    Ok(Wired { living, pool: chosen.pool, name: chosen.name })
}

impl Wired {
    pub(super) fn runtime(&self) -> RuntimeRef {
        self.living.runtime()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Takes everything apart on a thread of its own and waits at most `grace` for it (design 0012).
    pub(super) fn end(self, grace: Duration) -> ShutdownReport {
        let begin = Instant::now();
        let pool = self.pool.clone();
        let (done, is_done) = mpsc::channel();
        let reaper = self.spawn_reaper(move |living| {
            living.end();
            let _ = done.send(());
        });
        let worker_is_stuck = match reaper {
            Ok(()) => is_done.recv_timeout(grace) == Err(mpsc::RecvTimeoutError::Timeout),
            Err(living) => {
                living.end();
                false
            }
        };
        let blocking = pool.shutdown(grace.saturating_sub(begin.elapsed()));
        ShutdownReport { blocking, worker_is_stuck, waited: begin.elapsed() }
    }

    /// Takes everything apart on this thread, which is the home of its tasks.
    pub(super) fn end_here(self, grace: Duration) -> ShutdownReport {
        let begin = Instant::now();
        self.living.end();
        let blocking = self.pool.shutdown(grace.saturating_sub(begin.elapsed()));
        ShutdownReport { blocking, worker_is_stuck: false, waited: begin.elapsed() }
    }

    /// Takes everything apart on a thread of its own and waits for nothing.
    pub(super) fn end_in_background(self) {
        let pool = self.pool.clone();
        if let Err(living) = self.spawn_reaper(Living::end) {
            // Why left running: ended here, it could wait for the very thread that ends it.
            eprintln!(
                "filch: there is no thread to end a runtime on, so it is left running: {living:?}"
            );
        }
        let _ = pool.shutdown(Duration::ZERO);
    }

    /// Has `end` called on a thread of its own. Without a thread to spare, what was to be ended comes back.
    fn spawn_reaper(self, end: impl FnOnce(Living) + Send + 'static) -> Result<(), Living> {
        let living = Arc::new(Mutex::new(Some(self.living)));
        let there = Arc::clone(&living);
        let name = format!("{}-reaper", self.name);
        let spawned = thread::Builder::new().name(name).spawn(move || {
            let living = there.lock().take();
            living.map(end);
        });
        if spawned.is_ok() { Ok(()) } else { living.lock().take().map_or(Ok(()), Err) }
    }
}

/// Runs `future` by `drive`, which knows futures without output only.
pub(super) fn block_on<F: Future>(
    future: F,
    drive: impl FnOnce(Pin<&mut dyn Future<Output = ()>>),
) -> F::Output {
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
