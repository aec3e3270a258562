//! A worker: the loop that decides what runs next.

use crate::hold::{Held, polls_until_next};
use crate::hook;
use crate::idle::Found;
use crate::local::MAX_LIFO_RUN;
use crate::lookout;
use crate::multi_thread::MultiThread;
use crate::neighbor::Neighbor;
use crate::pace::Pace;
use crate::spin::Spin;
use crossbeam_deque::Worker as Deque;
use filch_core::seam::{Hint, Limit};
use filch_core::sys::Instant;
use filch_core::task::Runnable;
use filch_core::{RuntimeRef, WakeBatch, context, coop};
use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::Arc;

/// How often a searching worker looks at the injector before it parks: about 2 µs on the reference machine.
// Why: a tenth of what parking costs on the reference machine, so that a vain try hardly matters.
const N_LOOKS: u32 = 48;

thread_local! {
    /// The worker this thread is, or null.
    static WORKER: Cell<*const Worker> = const { Cell::new(ptr::null()) };
}

/// One worker, owned by its thread.
pub(crate) struct Worker {
    scheduler: Arc<MultiThread>,
    index: usize,
    queue: Deque<Runnable>,
    pace: Pace,
    spin: RefCell<Spin>,
    neighbor: RefCell<Neighbor>,
    /// Whether this worker counts as searching.
    is_searching: Cell<bool>,
    /// Whether a turn has queued tasks that were not shared yet: one of them runs at once, so that nothing waits for it.
    has_unshared: Cell<bool>,
    /// Polls left until the injector, and until the driver, must be visited.
    until_injector: Cell<u32>,
    until_driver: Cell<u32>,
}

/// Queues a task on the worker this thread is; hands it back when it is none of `scheduler`.
#[inline]
pub(crate) fn push_local(scheduler: &MultiThread, task: Runnable, hint: Hint) -> Option<Runnable> {
    with_worker(scheduler, |worker| match worker {
        Some(worker) => {
            worker.push(task, hint);
            None
        }
        None => Some(task),
    })
}

/// Queues tasks behind each other; at most one worker is woken for all of them.
pub(crate) fn push_batch(scheduler: &MultiThread, tasks: &mut dyn Iterator<Item = Runnable>) {
    with_worker(scheduler, |worker| match worker {
        Some(worker) => {
            tasks.for_each(|task| worker.queue.push(task));
            worker.share();
        }
        None => tasks.for_each(|task| scheduler.inject(task)),
    });
}

fn with_worker<R>(scheduler: &MultiThread, f: impl FnOnce(Option<&Worker>) -> R) -> R {
    // SAFETY: `run` sets the pointer to a worker that outlives it on this thread's stack, and clears it before.
    let worker = unsafe { WORKER.get().as_ref() };
    f(worker.filter(|worker| ptr::eq(&*worker.scheduler, scheduler)))
}

impl Worker {
    pub(crate) fn new(
        scheduler: Arc<MultiThread>,
        index: usize,
        queue: Deque<Runnable>,
        is_searching: bool,
    ) -> Self {
        Worker {
            index,
            queue,
            pace: Pace::default(),
            spin: RefCell::new(Spin::new(N_LOOKS)),
            neighbor: RefCell::new(Neighbor::of(index, scheduler.remotes.len())),
            is_searching: Cell::new(is_searching),
            has_unshared: Cell::new(false),
            until_injector: Cell::new(scheduler.settings.injector_interval),
            until_driver: Cell::new(scheduler.settings.event_interval),
            scheduler,
        }
    }

    /// The thread's life.
    pub(crate) fn run(self, runtime: RuntimeRef) {
        // SAFETY: `MultiThread::shutdown` joins this thread; the index is this thread's alone.
        let _worker = unsafe { runtime.enter_worker(self.index) };
        let settings = &self.scheduler.settings;
        if let Some(seed) = settings.seed {
            context::seed_random(
                seed.wrapping_add(self.index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            );
        }
        hook::call(settings.on_start.as_ref(), self.index);
        WORKER.set(&raw const self);
        let mut wakes = runtime.wake_batch();
        let _abort = AbortOnUnwind(self.index);
        while let Some(task) = self.next_task(&mut wakes) {
            self.poll(task);
        }
        drop(wakes);
        self.drop_queue();
        WORKER.set(ptr::null());
        context::set_budget(coop::Budget::UNLIMITED);
        hook::call(settings.on_stop.as_ref(), self.index);
    }

    /// Decides what runs next, parking until there is something. `None` means shutdown.
    fn next_task(&self, wakes: &mut WakeBatch) -> Option<Runnable> {
        while !self.scheduler.is_shutdown() {
            self.visit_driver_in_turn(wakes);
            // Ours first, then anybody's.
            let task =
                self.injected_in_turn().or_else(|| self.own_task()).or_else(|| self.search());
            if task.is_some() {
                self.stop_searching();
                self.share_what_waits();
                return task;
            }
            if !self.look_longer() {
                self.park(wakes);
            }
        }
        None
    }

    fn poll(&self, task: Runnable) {
        self.poll_within_budget(task);
        // Why: a task woken by this one continues its work, on what is in the caches.
        for _ in 0..MAX_LIFO_RUN {
            let Some(task) = self.next_lifo() else { break };
            self.poll_within_budget(task);
        }
        // Why: with its turns used up, the slot's task queues like any other; left there, it would wait
        // for as long as the queue is not empty.
        if let Some(task) = self.remote().take_lifo() {
            self.queue.push(task);
        }
    }

    #[inline]
    fn poll_within_budget(&self, task: Runnable) {
        self.remote().count_poll();
        self.until_injector.set(self.until_injector.get().saturating_sub(1));
        self.until_driver.set(self.until_driver.get().saturating_sub(1));
        context::set_budget(self.scheduler.settings.budget);
        if let Some(again) = task.run() {
            self.queue.push(again);
        }
        if self.pace.count_poll() {
            self.reconsider();
        }
    }

    #[inline]
    fn next_lifo(&self) -> Option<Runnable> {
        if self.scheduler.is_shutdown() { None } else { self.remote().take_lifo() }
    }

    fn own_task(&self) -> Option<Runnable> {
        // Why this order: whoever is in the slot had its turns, the queue's head waits longest.
        self.queue.pop().or_else(|| self.remote().take_lifo())
    }

    fn injected_in_turn(&self) -> Option<Runnable> {
        if self.until_injector.get() != 0 {
            return None;
        }
        self.until_injector.set(self.scheduler.settings.injector_interval);
        self.scheduler.injector.take(&self.queue)
    }

    fn visit_driver_in_turn(&self, wakes: &mut WakeBatch) {
        if self.until_driver.get() != 0 {
            return;
        }
        self.ask_driver_after(0);
        self.help_neighbor();
        let park = self.scheduler.park();
        park.flush_timers(self.index);
        let Some(held) = Held::try_take(park) else { return };
        self.turn(&held, Limit::Zero, &|| false, wakes);
        drop(held);
        self.wake_between_polls(wakes);
    }

    /// A turn of the driver, with what follows from it for this worker and for the lookout.
    fn turn(&self, held: &Held<'_>, limit: Limit, alone: &dyn Fn() -> bool, wakes: &mut WakeBatch) {
        let n_events = held.turn(limit, alone, wakes);
        self.scheduler.lookout.count_turn();
        self.ask_driver_after(n_events);
    }

    /// Puts the next visit off, as is due after so many events.
    fn ask_driver_after(&self, n_events: usize) {
        let interval = self.scheduler.settings.event_interval;
        self.until_driver.set(polls_until_next(interval, n_events));
    }

    /// Takes some of what waits behind the neighbor, if that one is stuck: with nobody parked nobody else comes for it.
    fn help_neighbor(&self) {
        let scheduler = &*self.scheduler;
        let stuck = self.neighbor.borrow_mut().look(
            Instant::now(),
            |worker| scheduler.remotes[worker].n_polls(),
            |worker| scheduler.idle.is_parked(worker),
        );
        let Some(stuck) = stuck.map(|worker| &scheduler.remotes[worker]) else { return };
        lookout::rescue(scheduler, stuck);
        if let Some(task) = stuck.steal(&self.queue) {
            self.queue.push(task);
        }
    }

    /// Looks for a task outside of this worker. Only so many steal at a time; the injector is open to all, because who
    /// is about to park may not sleep beside a task in it.
    fn search(&self) -> Option<Runnable> {
        if !self.is_searching.get() && self.scheduler.idle.running_to_searching(self.index) {
            self.is_searching.set(true);
        }
        let injected = self.scheduler.injector.take(&self.queue);
        injected.or_else(|| self.is_searching.get().then(|| self.steal()).flatten())
    }

    fn stop_searching(&self) {
        if !self.is_searching.replace(false) {
            return;
        }
        let scheduler = &*self.scheduler;
        let was_last = scheduler.idle.searching_to_running(self.index) == Found::WasLast;
        if was_last && !scheduler.injector.is_empty() && scheduler.idle.has_parked() {
            // Why not always: this worker comes back to the injector; where its polls are tiny, that is soon enough.
            scheduler.lookout.watch();
            if !self.pace.is_brisk() {
                scheduler.unpark(scheduler.idle.notify_one());
            }
        }
    }

    fn steal(&self) -> Option<Runnable> {
        let remotes = &self.scheduler.remotes;
        let start = context::random_below(remotes.len() as u32) as usize;
        let victims = (0..remotes.len()).map(|offset| (start + offset) % remotes.len());
        victims
            .filter(|victim| *victim != self.index)
            .find_map(|victim| remotes[victim].steal(&self.queue))
    }

    /// A searching worker looks at the injector a moment longer, where that has paid off.
    fn look_longer(&self) -> bool {
        let injector = &self.scheduler.injector;
        let mut spin = self.spin.borrow_mut();
        self.is_searching.get() && spin.is_due() && spin.look_for(|| !injector.is_empty())
    }

    /// Sleeps in the driver if nobody else does (design 0003), else on its own, until there is something to look for.
    fn park(&self, wakes: &mut WakeBatch) {
        let scheduler = &*self.scheduler;
        self.pace.interrupt();
        let held = Held::try_take(scheduler.park());
        let holds_driver = held.is_some();
        if !holds_driver {
            scheduler.park().flush_timers(self.index);
        }
        scheduler.sleeper(self.index).set_in_driver(holds_driver);
        let look = scheduler.idle.prepare_park(self.index, self.is_searching.get(), holds_driver);
        if scheduler.injector.is_empty() && !scheduler.is_shutdown() {
            self.warn_lookout();
            self.sleep(held.as_ref(), wakes);
        }
        drop(held);
        let was_claimed = scheduler.idle.unpark_self(self.index, look);
        scheduler.sleeper(self.index).clear();
        self.is_searching.set(was_claimed);
        if holds_driver && scheduler.idle.has_parked() {
            scheduler.lookout.watch_seldom(); // Nobody waits in the driver while this worker runs.
        }
        if !wakes.is_empty() {
            // Why: a claimed worker stays searching, on behalf of who claimed it; these tasks it has in any case.
            self.wake_between_polls(wakes);
        }
    }

    /// Has the lookout watch what this worker leaves behind: a task in the slot of another one, which cannot be stolen.
    // Why here: when it was queued, this worker was not parked, so its owner had no reason to. Who queues at this very
    // moment has no fence and may miss the parked bit as it is missed here; the lookout's next look, even a seldom one,
    // comes after both.
    fn warn_lookout(&self) {
        if self.scheduler.lookout.is_watching_closely() {
            return; // Why first: the others' queues are theirs to write, and there may be many.
        }
        if self.scheduler.remotes.iter().any(|remote| remote.has_waiting()) {
            self.scheduler.lookout.watch();
        } else if !self.scheduler.idle.all_parked() {
            self.scheduler.lookout.watch_seldom();
        }
    }

    /// Queues what a turn has woken, to be shared when it is known which task runs at once.
    fn wake_between_polls(&self, wakes: &mut WakeBatch) {
        self.has_unshared.set(true);
        wakes.wake_all();
    }

    /// Shares what waits behind the task that is about to run.
    // Why not when it is queued: a worker that wakes up for a single task, as after a sleep, would have the lookout watch
    // closely a queue that is empty by then.
    #[inline]
    fn share_what_waits(&self) {
        if self.has_unshared.replace(false) && self.remote().has_waiting() {
            self.share();
        }
    }

    fn sleep(&self, held: Option<&Held<'_>>, wakes: &mut WakeBatch) {
        let scheduler = &*self.scheduler;
        if let Some(held) = held {
            self.turn(held, Limit::Forever, &|| scheduler.idle.all_parked(), wakes);
            return;
        }
        if scheduler.idle.all_parked() {
            scheduler.park().all_parked();
        }
        scheduler.sleeper(self.index).sleep(|| scheduler.is_shutdown());
    }

    /// Queues a task of this worker.
    #[inline]
    fn push(&self, task: Runnable, hint: Hint) {
        let behind = match hint {
            Hint::Yield => Some(task),
            Hint::Spawn | Hint::Wake => self.remote().replace_lifo(task),
        };
        if let Some(task) = behind {
            self.queue.push(task);
        }
        self.pace.count_queued();
        self.share();
    }

    /// Wakes another worker if what is queued is worth it; sees to it that the lookout watches if somebody could help.
    #[inline]
    fn share(&self) {
        if self.has_unshared.get() || !self.scheduler.idle.has_parked() {
            return;
        }
        self.scheduler.lookout.watch();
        if self.pace.is_worth_a_wake(self.queue.len()) {
            self.scheduler.unpark(self.scheduler.idle.invite_one());
        }
    }

    /// Measures the pace and shares, while somebody is parked and something is queued.
    fn reconsider(&self) {
        self.remote().set_ended(context::n_ended());
        let pace = &self.pace;
        if self.queue.is_empty() || !self.scheduler.idle.has_parked() {
            pace.interrupt();
            return;
        }
        pace.measure();
        if pace.is_worth_a_wake(self.queue.len()) {
            self.scheduler.unpark(self.scheduler.idle.invite_one());
        }
    }

    /// The end: cancels what is queued, and what that queues.
    fn drop_queue(&self) {
        while let Some(task) = self.remote().take_lifo().or_else(|| self.queue.pop()) {
            drop(task);
        }
    }

    fn remote(&self) -> &crate::local::Remote {
        &self.scheduler.remotes[self.index]
    }
}

/// Ends the process when a worker unwinds, which only a part that panics can make it do: a driver that cannot wait, say.
/// What the worker leaves behind would never run, and whoever awaits it would hang without a word.
struct AbortOnUnwind(usize);

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let AbortOnUnwind(worker) = self;
            eprintln!(
                "filch: worker {worker} panicked outside of every task, so its tasks can never run; the process is aborted"
            );
            std::process::abort();
        }
    }
}
