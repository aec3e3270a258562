//! A runtime of which only the timers and the clock are real, so that a test decides when time passes.

use filch_core::coop::Budget;
use filch_core::io::{Interest, SlotKey};
use filch_core::runtime::{Living, Parts, RuntimeRef, TimerBuffers};
use filch_core::seam::{
    Blocking, Capabilities, Clock, Driver, Hint, Limit, Park, RawSource, Scheduler, Timers,
};
use filch_core::task::Runnable;
use filch_core::wake_batch::WakeBatch;
use filch_timer::{StockClock, WheelTimers};
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Stands in for the parts a sleep does not need.
struct Dummy;

impl Scheduler for Dummy {
    fn start(self: Arc<Self>, _: RuntimeRef, _: Arc<dyn Park>) -> io::Result<()> {
        Ok(())
    }
    fn schedule(&self, _: Runnable, _: Hint) {}
    fn shutdown(&self) {}
    fn n_workers(&self) -> usize {
        1
    }
}

impl Blocking for Dummy {
    fn submit(&self, task: Runnable) -> Result<(), Runnable> {
        Err(task)
    }
    fn n_busy(&self) -> usize {
        0
    }
}

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

/// The runtime, and hold of its timers and clock.
pub(crate) struct Rig {
    living: Option<Living>,
    pub(crate) timers: Arc<WheelTimers>,
    pub(crate) clock: Arc<StockClock>,
    start: std::time::Instant,
}

impl Rig {
    /// A runtime whose clock stands still.
    pub(crate) fn new() -> Self {
        let (timers, clock) = (Arc::new(WheelTimers::new()), Arc::new(StockClock::paused()));
        let start = clock.now();
        let living = Living::open(Parts {
            scheduler: Arc::new(Dummy),
            driver: Arc::new(Dummy),
            timers: timers.clone(),
            clock: clock.clone(),
            blocking: Arc::new(Dummy),
            compute: Arc::new(Dummy),
            calls_elsewhere: Arc::default(),
            park: Arc::new(Dummy),
            buffers: Arc::new(TimerBuffers::new(1)),
            roots: Arc::default(),
            budget: Budget::new(128),
            origin: start,
            name: "rig".into(),
        });
        Rig { living: Some(living), timers, clock, start }
    }

    /// Runs `f` inside the runtime.
    pub(crate) fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = self.living.as_ref().expect("not ended").runtime().enter();
        f()
    }

    /// Moves the clock and fires what is due, as a turn of the driver would.
    pub(crate) fn advance(&self, by: Duration) {
        assert!(self.clock.advance(by));
        self.turn();
    }

    /// Fires what is due.
    pub(crate) fn turn(&self) {
        let now = (self.clock.now() - self.start).as_nanos() as u64;
        self.timers.expire(now, &mut WakeBatch::default());
    }

    /// The time passed since the start.
    pub(crate) fn passed(&self) -> Duration {
        self.clock.now() - self.start
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

/// A task without a runtime: polls by hand and counts the wakes.
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

    pub(crate) fn poll<F: Future + Unpin>(&self, future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(&self.waker()))
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
