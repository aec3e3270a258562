//! Blocks the calling thread on a future of this crate: what the `blocking_…` methods are made of.
//!
//! It is not an executor: it polls one future, and sleeps between.

use filch_core::coop::{self, Budget};
use filch_core::sys::sync::{Condvar, Mutex};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Why not `thread::park`: a thread has one token for that, and an executor further up this stack may wait for its own.
#[derive(Default)]
struct Signal {
    is_woken: Mutex<bool>,
    woken: Condvar,
}

impl Signal {
    fn wait(&self) {
        let mut is_woken = self.is_woken.lock();
        while !*is_woken {
            is_woken = self.woken.wait(is_woken);
        }
        *is_woken = false;
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.is_woken.lock() = true;
        self.woken.notify_one();
    }
}

/// Polls `future` on this thread until it is ready.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(signal.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        // Why unlimited: a task that has used up its budget would be told to yield, and this thread cannot.
        if let Poll::Ready(output) =
            coop::with_budget(Budget::UNLIMITED, || future.as_mut().poll(&mut cx))
        {
            return output;
        }
        signal.wait();
    }
}
