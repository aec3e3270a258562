//! A future that lets other tasks run: [`yield_now`].

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Lets other tasks run: the task goes to the end of its queue and is polled again after those before it.
///
/// In a future that polls several at once (`join!`, `select!`), the others go on within the same poll.
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// A future that is pending once. From [`yield_now`].
///
/// # Cancel safety
/// Dropping it does nothing but yield less.
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        // Why: a task that wakes itself within its poll is scheduled behind the others by its worker.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
