//! The wait for a promise: borrowed, or keeping it alive.

use super::Promise;
use super::error::PromiseError;
use super::shared::Shared;
use crate::latch::{Latch, poll_set};
use crate::lock::foreign;
use crate::wait_queue::Waiter;
use filch_core::coop;
use filch_core::sys::sync::Arc;
use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

type Outcome<T> = Latch<Result<T, PromiseError>>;

pin_project_lite::pin_project! {
    /// Waits for a promise and gives a clone of its outcome. From `(&promise).await`.
    ///
    /// # Cancel safety
    /// Nothing is lost: the promise keeps its outcome.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct PromiseFuture<'a, T> {
        #[pin]
        waiter: Waiter<&'a Outcome<T>>,
    }
}

pin_project_lite::pin_project! {
    /// Waits for a promise, which it keeps alive, and gives a clone of its outcome. From `promise.await`.
    ///
    /// # Cancel safety
    /// Nothing is lost: the promise keeps its outcome, for other handles of it.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct OwnedPromiseFuture<T> {
        #[pin]
        waiter: Waiter<OwnedOutcome<T>>,
    }
}

/// The outcome of a promise that it keeps alive.
struct OwnedOutcome<T>(Arc<Shared<T>>);

impl<T> Deref for OwnedOutcome<T> {
    type Target = Outcome<T>;

    fn deref(&self) -> &Outcome<T> {
        &self.0.outcome
    }
}

impl<T: Clone> Future for PromiseFuture<'_, T> {
    type Output = Result<T, PromiseError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_clone(self.project().waiter.into_ref(), cx)
    }
}

impl<T: Clone> Future for OwnedPromiseFuture<T> {
    type Output = Result<T, PromiseError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_clone(self.project().waiter.into_ref(), cx)
    }
}

fn poll_clone<P, T: Clone>(
    waiter: Pin<&Waiter<P>>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, PromiseError>>
where
    P: Deref<Target = Outcome<T>>,
{
    let budget = ready!(coop::poll_proceed(cx));
    let outcome = ready!(poll_set(waiter, cx.waker()));
    budget.made_progress();
    Poll::Ready(foreign(|| outcome.clone()))
}

impl<'a, T: Clone> IntoFuture for &'a Promise<T> {
    type Output = Result<T, PromiseError>;
    type IntoFuture = PromiseFuture<'a, T>;

    fn into_future(self) -> PromiseFuture<'a, T> {
        PromiseFuture { waiter: Waiter::new(&self.shared.outcome, 0) }
    }
}

impl<T: Clone> IntoFuture for Promise<T> {
    type Output = Result<T, PromiseError>;
    type IntoFuture = OwnedPromiseFuture<T>;

    fn into_future(self) -> OwnedPromiseFuture<T> {
        OwnedPromiseFuture { waiter: Waiter::new(OwnedOutcome(self.shared), 0) }
    }
}

impl<T> fmt::Debug for PromiseFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromiseFuture").field("waiter", &self.waiter).finish()
    }
}

impl<T> fmt::Debug for OwnedPromiseFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPromiseFuture").field("waiter", &self.waiter).finish()
    }
}
