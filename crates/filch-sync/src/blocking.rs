//! Blocks the calling thread on a future of this crate: what the `blocking_*` methods are made of.
//!
//! It is not an executor: it polls one future, and parks the thread between.

use filch_core::coop::{self, Budget};
use filch_core::sys::thread::{self, Thread};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls `future` on this thread until it is ready.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut parked = false;
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        // Why unlimited: a task that has used up its budget would be told to yield, and this thread cannot.
        if let Poll::Ready(output) =
            coop::with_budget(Budget::UNLIMITED, || future.as_mut().poll(&mut cx))
        {
            if parked {
                // Why: a thread has one token, and an executor further up this stack may have lost its own to `park`.
                thread::current().unpark();
            }
            return output;
        }
        thread::park();
        parked = true;
    }
}
