//! Polling one future on a thread that is no worker.

use super::{Roots, RuntimeRef};
use crate::coop::{self, Budget};
use crate::sys::sync::atomic::AtomicBool;
use crate::sys::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sys::thread::{self, Thread};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Wakes a thread that is parked in [`block_on_thread`].
///
/// The root counts once while it runs and once while a wake is pending; a poll takes the wake's count over as its own.
struct ThreadWaker {
    thread: Thread,
    woken: AtomicBool,
    /// [`Parts::roots`](super::Parts::roots) of the runtime this thread has entered.
    roots: Option<Arc<Roots>>,
}

impl ThreadWaker {
    fn for_this_thread(runtime: Option<RuntimeRef>) -> Self {
        let roots = runtime.and_then(RuntimeRef::access).map(|parts| Arc::clone(&parts.roots));
        let parked = ThreadWaker { thread: thread::current(), woken: AtomicBool::new(true), roots };
        parked.count();
        parked
    }

    fn count(&self) {
        self.roots.iter().for_each(|roots| roots.enter());
    }

    fn discount(&self) {
        self.roots.iter().for_each(|roots| roots.leave());
    }

    /// The future does not run any more: time may jump, if nothing else is left to do.
    fn rest(&self, runtime: Option<RuntimeRef>) {
        self.discount();
        if let Some(parts) = runtime.and_then(RuntimeRef::access) {
            parts.park.all_parked();
        }
    }

    fn park(&self, runtime: Option<RuntimeRef>) {
        self.rest(runtime);
        if let Some(runtime) = runtime {
            runtime.check_process(); // Nobody would wake this thread in a fork.
        }
        // ORDERING: [block-on] Acquire pairs with the Release of the wake.
        while !self.woken.load(Acquire) {
            thread::park();
        }
    }
}

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Why first: whoever wakes is itself a reason for time to stand still, until this count takes over.
        self.count();
        // ORDERING: [block-on] Release pairs with the Acquire in `park`: the poll sees what came before the wake.
        if self.woken.swap(true, Release) {
            self.discount();
        } else {
            self.thread.unpark();
        }
    }
}

/// Ends the counts of a running root, also when its future panics. Later wakes count for nothing.
struct Running {
    waker: Arc<ThreadWaker>,
    runtime: Option<RuntimeRef>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.waker.woken.swap(true, Relaxed) {
            self.waker.discount();
        }
        self.waker.rest(self.runtime);
    }
}

/// Polls `future` on the calling thread until it is done; parks the thread in between.
///
/// Each poll has the budget of a task's, so that a timeout around a future that is always ready comes to its turn.
pub fn block_on_thread(mut future: Pin<&mut dyn Future<Output = ()>>) {
    let runtime = RuntimeRef::try_current();
    let parts = runtime.and_then(RuntimeRef::access);
    let budget = parts.map_or(Budget::UNLIMITED, |parts| parts.budget);
    let parked = Arc::new(ThreadWaker::for_this_thread(runtime));
    let waker = Waker::from(Arc::clone(&parked));
    let mut cx = Context::from_waker(&waker);
    let _running = Running { waker: Arc::clone(&parked), runtime };
    loop {
        // ORDERING: [block-on] Acquire pairs with the Release of the wake.
        parked.woken.swap(false, Acquire);
        if let Poll::Ready(()) = coop::with_budget(budget, || future.as_mut().poll(&mut cx)) {
            return;
        }
        parked.park(runtime);
    }
}
