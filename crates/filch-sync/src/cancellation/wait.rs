//! The wait for a cancellation: borrowed, or keeping its token alive.

use super::Reason;
use super::node::Handle;
use crate::latch::{Latch, poll_set};
use crate::wait_queue::Waiter;
use filch_core::coop;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project_lite::pin_project! {
    /// Waits until a token is canceled. From [`CancellationToken::cancelled`](super::CancellationToken::cancelled).
    ///
    /// # Cancel safety
    /// Nothing is lost: a token stays canceled.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct WaitForCancellationFuture<'a> {
        #[pin]
        waiter: Waiter<&'a Latch<Reason>>,
    }
}

pin_project_lite::pin_project! {
    /// Waits until a token is canceled, and keeps it alive. From
    /// [`CancellationToken::cancelled_owned`](super::CancellationToken::cancelled_owned).
    ///
    /// # Cancel safety
    /// Nothing is lost: a token stays canceled.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct WaitForCancellationFutureOwned {
        #[pin]
        waiter: Waiter<OwnedLatch>,
    }
}

/// The latch of a node that it keeps alive.
struct OwnedLatch(Handle);

impl Deref for OwnedLatch {
    type Target = Latch<Reason>;

    fn deref(&self) -> &Latch<Reason> {
        &self.0.canceled
    }
}

impl<'a> WaitForCancellationFuture<'a> {
    pub(super) fn new(canceled: &'a Latch<Reason>) -> Self {
        WaitForCancellationFuture { waiter: Waiter::new(canceled, 0) }
    }

    /// As `poll`, but spends no budget.
    pub(super) fn poll_canceled(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_set(self.project().waiter.into_ref(), cx.waker()).map(|_reason| ())
    }
}

impl Future for WaitForCancellationFuture<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let budget = ready!(coop::poll_proceed(cx));
        ready!(self.poll_canceled(cx));
        budget.made_progress();
        Poll::Ready(())
    }
}

impl WaitForCancellationFutureOwned {
    pub(super) fn new(handle: Handle) -> Self {
        WaitForCancellationFutureOwned { waiter: Waiter::new(OwnedLatch(handle), 0) }
    }
}

impl Future for WaitForCancellationFutureOwned {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let budget = ready!(coop::poll_proceed(cx));
        ready!(poll_set(self.project().waiter.into_ref(), cx.waker()));
        budget.made_progress();
        Poll::Ready(())
    }
}
