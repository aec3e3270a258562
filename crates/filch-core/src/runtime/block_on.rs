//! Polling one future on a thread that is no worker.

use crate::sys::thread::{self, Thread};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::task::{Context, Poll, Wake, Waker};

/// Wakes a thread that is parked in [`block_on_thread`].
struct ThreadWaker {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: [block-on] Release pairs with the swap below: the poll sees what came before the wake.
        if !self.woken.swap(true, Release) {
            self.thread.unpark();
        }
    }
}

/// Polls `future` on the calling thread until it is done; parks the thread in between.
pub fn block_on_thread(mut future: Pin<&mut dyn Future<Output = ()>>) {
    let parked = Arc::new(ThreadWaker { thread: thread::current(), woken: AtomicBool::new(true) });
    let waker = Waker::from(Arc::clone(&parked));
    let mut cx = Context::from_waker(&waker);
    loop {
        // ORDERING: [block-on] Acquire pairs with the Release of the wake.
        while !parked.woken.swap(false, Acquire) {
            thread::park();
        }
        if let Poll::Ready(()) = future.as_mut().poll(&mut cx) {
            parked.woken.store(true, Relaxed); // Why: later wakes need not unpark a thread that went on.
            return;
        }
    }
}
