//! The scheduler of a single thread: tasks run inside `block_on`, on the thread that calls it.
//!
//! One thread drives at a time; a second `block_on` polls its future on its own and waits for its turn to drive.

use crate::baton::{Baton, Driving};
use crate::hold::{Held, polls_until_next};
use crate::idle::{Idle, LastLook};
use filch_core::coop::Budget;
use filch_core::runtime::block_on_thread;
use filch_core::seam::{Hint, Limit, Park, Scheduler};
use filch_core::sys::sync::Mutex;
use filch_core::sys::sync::atomic::AtomicBool;
use filch_core::sys::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use filch_core::task::Runnable;
use filch_core::{RuntimeRef, WakeBatch, context};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker, ready};

thread_local! {
    /// The driving loop of this thread, or null.
    static LOOP: Cell<*const Loop<'static>> = const { Cell::new(ptr::null()) };
}

/// Tasks on the thread that calls `block_on`. See the [crate page](crate).
pub struct CurrentThread {
    budget: Budget,
    /// The driver is visited at least once in so many polls.
    event_interval: u32,
    /// Tasks from other threads, and those of a loop that has stopped.
    injected: Mutex<VecDeque<Runnable>>,
    idle: Arc<Idle>,
    started: OnceLock<(RuntimeRef, Arc<dyn Park>)>,
    /// Held by the thread that drives.
    baton: Baton,
}

/// The state of a thread that drives.
struct Loop<'a> {
    scheduler: &'a CurrentThread,
    queue: RefCell<VecDeque<Runnable>>,
}

/// Wakes the future of `block_on`.
struct RootWaker {
    woken: AtomicBool,
    idle: Arc<Idle>,
    runtime: RuntimeRef,
}

impl CurrentThread {
    /// A scheduler that has not started.
    pub fn new(budget: Budget, event_interval: u32) -> Self {
        CurrentThread {
            budget,
            event_interval: event_interval.max(1),
            injected: Mutex::new(VecDeque::new()),
            idle: Arc::new(Idle::new(1)),
            started: OnceLock::new(),
            baton: Baton::default(),
        }
    }

    /// Queues from a thread that does not drive, and wakes the one that does.
    fn inject(&self, task: Runnable) {
        self.injected.lock().push_back(task);
        self.notify();
    }

    fn notify(&self) {
        if self.idle.notify_one().is_some() {
            if let Some((_, park)) = self.started.get() {
                park.unpark();
            }
        }
    }

    /// Waits until nobody else drives; polls `future` meanwhile. `None`: it is done.
    // Why polled: what the thread that drives waits for may be up to this future.
    fn wait_for_turn(&self, mut future: Pin<&mut dyn Future<Output = ()>>) -> Option<Driving<'_>> {
        let mut driving = self.baton.try_take();
        if driving.is_none() {
            let mut waiting = self.baton.wait();
            block_on_thread(pin!(poll_fn(|cx| {
                if future.as_mut().poll(cx).is_pending() {
                    driving = Some(ready!(waiting.poll(cx)));
                }
                Poll::Ready(())
            })));
        }
        driving
    }

    fn with_loop<R>(&self, f: impl FnOnce(Option<&Loop<'_>>) -> R) -> R {
        // SAFETY: `drive` sets the pointer to a loop that outlives it on this thread's stack, and restores it after.
        let driving = unsafe { LOOP.get().as_ref() };
        f(driving.filter(|driving| ptr::eq(driving.scheduler, self)))
    }
}

impl Scheduler for CurrentThread {
    fn start(self: Arc<Self>, runtime: RuntimeRef, park: Arc<dyn Park>) -> io::Result<()> {
        let started = self.started.set((runtime, park));
        started.map_err(|_| {
            io::Error::other("this scheduler was started before; make one for each runtime")
        })
    }

    fn schedule(&self, task: Runnable, _: Hint) {
        let task = self.with_loop(|driving| match driving {
            Some(driving) => {
                driving.queue.borrow_mut().push_back(task);
                None
            }
            None => Some(task),
        });
        task.into_iter().for_each(|task| self.inject(task));
    }

    fn block_on(&self, mut future: Pin<&mut dyn Future<Output = ()>>) {
        let (runtime, park) =
            self.started.get().expect("the runtime starts its scheduler before it is used");
        let Some(_driving) = self.wait_for_turn(future.as_mut()) else { return };
        // SAFETY: `shutdown` takes the baton before it returns; there is one worker, index 0.
        let _worker = unsafe { runtime.enter_worker(0) };
        let _budget = BudgetGuard(context::budget());
        let driving = Loop { scheduler: self, queue: RefCell::default() };
        driving.drive(future, *runtime, &**park);
    }

    fn shutdown(&self) {
        let _driving = self.wait_for_turn(pin!(pending()));
        let injected = std::mem::take(&mut *self.injected.lock());
        drop(injected); // Unlocked: a future's drop is user code.
    }

    fn n_workers(&self) -> usize {
        1
    }
}

/// Puts the thread's budget back, also when the future of `block_on` panics.
struct BudgetGuard(Budget);

impl Drop for BudgetGuard {
    fn drop(&mut self) {
        context::set_budget(self.0);
    }
}

/// Leaves the queued tasks to the next loop, also when the future of `block_on` panics.
struct LoopGuard<'a>(&'a Loop<'a>, *const Loop<'static>);

impl Drop for LoopGuard<'_> {
    fn drop(&mut self) {
        LOOP.set(self.1);
        let mut queue = std::mem::take(&mut *self.0.queue.borrow_mut());
        self.0.scheduler.injected.lock().append(&mut queue);
    }
}

impl Loop<'_> {
    fn drive(
        &self,
        mut future: Pin<&mut dyn Future<Output = ()>>,
        runtime: RuntimeRef,
        park: &dyn Park,
    ) {
        let before = LOOP.replace((&raw const *self).cast());
        let _loop = LoopGuard(self, before);
        let idle = Arc::clone(&self.scheduler.idle);
        let root = Arc::new(RootWaker { woken: AtomicBool::new(true), idle, runtime });
        let waker = Waker::from(Arc::clone(&root));
        let mut cx = Context::from_waker(&waker);
        let mut wakes = runtime.wake_batch();
        let mut until_driver = self.scheduler.event_interval;
        loop {
            if root.take() {
                context::set_budget(self.scheduler.budget);
                if let Poll::Ready(()) = future.as_mut().poll(&mut cx) {
                    return;
                }
                until_driver = until_driver.saturating_sub(1);
            }
            self.take_injected(runtime);
            until_driver -= self.run_some(until_driver, &root);
            let is_idle = self.queue.borrow().is_empty() && !root.is_woken();
            if is_idle || until_driver == 0 {
                let limit = if is_idle { Limit::Forever } else { Limit::Zero };
                let n_events = self.turn(limit, park, &root, &mut wakes);
                until_driver = polls_until_next(self.scheduler.event_interval, n_events);
            }
        }
    }

    fn take_injected(&self, runtime: RuntimeRef) {
        let mut queue = self.queue.borrow_mut();
        queue.append(&mut self.scheduler.injected.lock());
        queue.extend(runtime.take_strays());
    }

    /// Runs at most `limit` tasks, until the queue is empty or the future of `block_on` has its turn: once that is woken,
    /// those go first that were queued before. Answers how many ran.
    fn run_some(&self, limit: u32, root: &RootWaker) -> u32 {
        let mut n_before_root = usize::MAX;
        for n_run in 0..limit {
            if root.is_woken() {
                n_before_root = n_before_root.min(self.queue.borrow().len());
            }
            if n_before_root == 0 {
                return n_run;
            }
            let Some(task) = self.pop() else { return n_run };
            n_before_root -= 1;
            context::set_budget(self.scheduler.budget);
            if let Some(again) = task.run() {
                self.queue.borrow_mut().push_back(again);
            }
        }
        limit
    }

    fn pop(&self) -> Option<Runnable> {
        self.queue.borrow_mut().pop_front()
    }

    /// Answers how many events the turn has brought.
    fn turn(
        &self,
        limit: Limit,
        park: &dyn Park,
        root: &RootWaker,
        wakes: &mut WakeBatch,
    ) -> usize {
        let held =
            Held::try_take(park).expect("who has the baton is the only one to turn the driver");
        let n_events = if limit == Limit::Zero {
            park.flush_timers(0);
            held.turn(Limit::Zero, &|| false, wakes)
        } else {
            let idle = &self.scheduler.idle;
            let _parked = Parked::begin(idle);
            if self.scheduler.injected.lock().is_empty() && !root.is_woken() {
                held.turn(Limit::Forever, &|| idle.all_parked(), wakes)
            } else {
                0
            }
        };
        drop(held);
        context::set_budget(Budget::UNLIMITED);
        wakes.wake_all();
        n_events
    }
}

/// The only worker is parked until this is dropped, also when a turn panics.
struct Parked<'a>(&'a Idle, Option<LastLook>);

impl<'a> Parked<'a> {
    fn begin(idle: &'a Idle) -> Self {
        Parked(idle, Some(idle.prepare_park(0, false, true)))
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        let was_claimed = self.1.take().is_some_and(|look| self.0.unpark_self(0, look));
        if was_claimed {
            let _ = self.0.searching_to_running(0);
        }
    }
}

impl RootWaker {
    fn is_woken(&self) -> bool {
        self.woken.load(Relaxed)
    }

    /// Whether it was woken since the last call.
    fn take(&self) -> bool {
        // ORDERING: [root] Acquire pairs with the Release in `wake_by_ref`.
        self.is_woken() && self.woken.swap(false, AcqRel)
    }
}

impl Wake for RootWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: [root] Release: the poll sees what came before the wake. That a parked loop sees it at all is
        // [submit] against [park] in `idle`.
        self.woken.store(true, Release);
        if self.idle.notify_one().is_some() {
            if let Some(parts) = self.runtime.access() {
                parts.park.unpark();
            }
        }
    }
}

impl fmt::Debug for CurrentThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentThread").field("idle", &self.idle).finish_non_exhaustive()
    }
}
