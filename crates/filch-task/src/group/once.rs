//! A future that says so when it is polled once too often.

use pin_project_lite::pin_project;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// The future of a scope. Dropped in place as soon as it is done.
    pub(super) struct Once<F> {
        #[pin]
        future: Option<F>,
        opened_at: &'static Location<'static>,
    }
}

impl<F> Once<F> {
    pub(super) fn new(opened_at: &'static Location<'static>, future: F) -> Self {
        Once { future: Some(future), opened_at }
    }
}

impl<F: Future> Future for Once<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!(
                "the scope of the task group opened at {} was polled again after it had ended; await it once",
                this.opened_at
            );
        };
        let output = ready!(future.poll(cx));
        this.future.set(None);
        Poll::Ready(output)
    }
}
