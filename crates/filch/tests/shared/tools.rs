//! What the tests of this crate share.

use crate::watchdog::Watchdog;
use filch::runtime::{Builder, Runtime};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// After this long, what should have happened counts as lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A runtime with `n` workers.
pub(crate) fn workers(n: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(n).build().expect("the system has threads")
}

/// A runtime whose tasks run inside `block_on`.
pub(crate) fn current_thread() -> Runtime {
    Builder::new_current_thread().build().expect("the system has descriptors")
}

/// Calls `test` with a runtime of each flavor.
pub(crate) fn on_each_flavor(test: impl Fn(&Runtime)) {
    for runtime in [workers(2), workers(1), current_thread()] {
        let _watchdog = Watchdog::new();
        test(&runtime);
    }
}

/// What `f` panics with.
#[track_caller]
pub(crate) fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { panic!("it did not panic") };
    text_of(payload)
}

/// The message of a panic.
pub(crate) fn text_of(payload: Box<dyn std::any::Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast::<&str>().expect("a panic has a message").to_string(),
    }
}

/// Polls by hand and counts the wakes.
#[derive(Clone, Default)]
pub(crate) struct Hand(Arc<Count>);

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Hand {
    pub(crate) fn poll<F: Future + Unpin>(&self, future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(&Waker::from(self.0.clone())))
    }

    /// How often it was woken since the last call.
    pub(crate) fn wakes(&self) -> usize {
        self.0.0.swap(0, SeqCst)
    }
}

/// Waits until `condition` holds, which other threads bring about.
#[track_caller]
pub(crate) fn eventually(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "it did not come about");
        std::thread::yield_now();
    }
}

/// Counts how many of its clones were dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness(Arc<()>);

impl Witness {
    /// How many clones live.
    pub(crate) fn n_alive(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// Calls a function when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
