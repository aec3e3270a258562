//! A future that says so when it is polled once too often.

use pin_project_lite::pin_project;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A future that users await. Dropped in place as soon as it is done.
    pub(crate) struct Once<F> {
        #[pin]
        future: Option<F>,
        what: &'static str,
        place: &'static Location<'static>,
    }
}

impl<F> Once<F> {
    /// `what` is what the user called, and the caller is where. For the message.
    #[track_caller]
    pub(crate) fn new(what: &'static str, future: F) -> Self {
        Once { future: Some(future), what, place: Location::caller() }
    }
}

impl<F: Future> Future for Once<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!(
                "the {} of {} was polled again after it had ended; await it once",
                this.what, this.place
            );
        };
        let output = ready!(future.poll(cx));
        this.future.set(None);
        Poll::Ready(output)
    }
}
