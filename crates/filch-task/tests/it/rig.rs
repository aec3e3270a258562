//! A runtime on one thread whose queue the test runs by hand.

use filch_core::coop::{Budget, with_budget};
use filch_core::io::{Interest, SlotKey};
use filch_core::runtime::{Living, Parts, RuntimeRef, TimerBuffers};
use filch_core::seam::{
    Blocking, Capabilities, Clock, Driver, Hint, Limit, Park, RawSource, Scheduler, Timers,
};
use filch_core::sys::sync::Mutex;
use filch_core::task::Runnable;
use filch_core::timer::TimerCell;
use filch_core::wake_batch::WakeBatch;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

/// How many units a poll has.
pub(crate) const UNITS: u32 = 16;

/// What was scheduled and what was submitted as a blocking call, in order.
#[derive(Default)]
struct Queues {
    tasks: Mutex<VecDeque<Runnable>>,
    calls: Mutex<VecDeque<Runnable>>,
}

impl Scheduler for Queues {
    fn start(self: Arc<Self>, _: RuntimeRef, _: Arc<dyn Park>) -> io::Result<()> {
        Ok(())
    }
    fn schedule(&self, task: Runnable, _: Hint) {
        self.tasks.lock().push_back(task);
    }
    fn shutdown(&self) {
        drop(std::mem::take(&mut *self.tasks.lock()));
        drop(std::mem::take(&mut *self.calls.lock()));
    }
    fn n_workers(&self) -> usize {
        1
    }
}

impl Blocking for Queues {
    fn submit(&self, task: Runnable) -> Result<(), Runnable> {
        self.calls.lock().push_back(task);
        Ok(())
    }
    fn n_busy(&self) -> usize {
        self.calls.lock().len()
    }
}

/// Stands in for the parts that tasks do not need.
struct Dummy;

impl Park for Dummy {
    fn try_hold(&self) -> bool {
        false
    }
    fn release(&self) {}
    fn turn(&self, _: Limit, _: &dyn Fn() -> bool, _: &mut WakeBatch) {}
    fn unpark(&self) {}
    fn flush_timers(&self, _: usize) {}
    fn flush_all_timers(&self) {}
}

impl Driver for Dummy {
    fn turn(&self, _: Limit, _: &mut WakeBatch) -> io::Result<()> {
        Ok(())
    }
    fn unpark(&self) {}
    unsafe fn register(&self, _: RawSource, _: SlotKey, _: Interest) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn rearm(&self, _: RawSource, _: SlotKey, _: Interest) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn deregister(&self, _: RawSource, _: SlotKey, _: bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }
}

impl Timers for Dummy {
    fn arm(&self, _: &mut Vec<Arc<TimerCell>>) {}
    fn next_deadline(&self) -> Option<u64> {
        None
    }
    fn expire(&self, _: u64, _: &mut WakeBatch) {}
    fn abandon(&self, _: &mut WakeBatch) {}
}

impl Clock for Dummy {
    fn now(&self) -> Instant {
        Instant::now()
    }
}

pub(crate) struct Rig {
    living: Option<Living>,
    queues: Arc<Queues>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let queues = Arc::<Queues>::default();
        let living = Living::open(Parts {
            scheduler: queues.clone(),
            driver: Arc::new(Dummy),
            timers: Arc::new(Dummy),
            clock: Arc::new(Dummy),
            blocking: queues.clone(),
            compute: queues.clone(),
            calls_elsewhere: Arc::default(),
            park: Arc::new(Dummy),
            buffers: Arc::new(TimerBuffers::new(1)),
            roots: Arc::default(),
            budget: Budget::new(UNITS),
            origin: Instant::now(),
            name: "rig".into(),
        });
        Rig { living: Some(living), queues }
    }

    pub(crate) fn runtime(&self) -> RuntimeRef {
        self.living.as_ref().expect("not ended").runtime()
    }

    /// Calls `f` inside the runtime.
    pub(crate) fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = self.runtime().enter();
        f()
    }

    /// Polls the first task of the queue. `false`: there is none.
    pub(crate) fn step(&self) -> bool {
        let Some(task) = self.queues.tasks.lock().pop_front() else { return false };
        if let Some(task) = self.run(|| with_budget(Budget::new(UNITS), || task.run())) {
            self.queues.tasks.lock().push_back(task);
        }
        true
    }

    /// Polls tasks until none is queued.
    pub(crate) fn settle(&self) {
        while self.step() {}
    }

    /// Runs the first blocking call. `false`: there is none.
    pub(crate) fn step_blocking(&self) -> bool {
        let Some(call) = self.queues.calls.lock().pop_front() else { return false };
        self.run(|| assert!(call.run().is_none()));
        true
    }

    /// Where calls go.
    pub(crate) fn pool(&self) -> Arc<dyn Blocking> {
        self.queues.clone()
    }

    pub(crate) fn n_calls(&self) -> usize {
        self.queues.n_busy()
    }

    /// Polls `future` and the tasks in turn until it is done.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let hand = Hand::default();
        loop {
            let poll = self.run(|| hand.poll(future.as_mut()));
            if let Poll::Ready(output) = poll {
                return output;
            }
            assert!(self.step() || self.step_blocking() || hand.wakes() != 0, "it waits for ever");
        }
    }

    pub(crate) fn end(&mut self) {
        if let Some(living) = self.living.take() {
            living.end();
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.end();
    }
}

/// Polls by hand and counts the wakes.
#[derive(Default)]
pub(crate) struct Hand(Arc<Count>);

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Hand {
    pub(crate) fn waker(&self) -> Waker {
        Waker::from(self.0.clone())
    }

    pub(crate) fn poll<F: Future>(&self, future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(&self.waker()))
    }

    /// How often it was woken since the last call.
    pub(crate) fn wakes(&self) -> usize {
        self.0.0.swap(0, Relaxed)
    }
}

/// What `f` panics with.
pub(crate) fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { panic!("it did not panic") };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast::<&str>().expect("a panic has a message").to_string(),
    }
}

/// A future that is pending until it is opened.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Gate {
    pub(crate) fn open(&self) {
        let wakers = {
            let mut state = self.0.lock();
            state.0 = true;
            std::mem::take(&mut state.1)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Future for Gate {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.0 {
            return Poll::Ready(());
        }
        state.1.push(cx.waker().clone());
        Poll::Pending
    }
}
