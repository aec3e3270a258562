//! A future that something surrounds, which may have to end it early.

use super::{Fact, Frame, Reason, Urgency};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A future, and the [`Frame`] that surrounds it. It is dropped in place: when it is done, or by
    /// [`poll_end`](Self::poll_end).
    #[derive(Debug)]
    pub struct Enclosed<F> {
        #[pin]
        future: Option<F>,
        frame: Frame,
    }
}

impl<F> Enclosed<F> {
    /// Encloses a future that was not polled.
    pub const fn new(future: F) -> Self {
        Enclosed { future: Some(future), frame: Frame::new() }
    }

    /// The future; `None` once it is dropped.
    pub fn get_ref(&self) -> Option<&F> {
        self.future.as_ref()
    }

    /// As [`get_ref`](Self::get_ref).
    pub fn get_mut(&mut self) -> Option<&mut F> {
        self.future.as_mut()
    }

    /// As [`get_ref`](Self::get_ref).
    pub fn into_inner(self) -> Option<F> {
        self.future
    }

    /// Tells every scope inside that it should end, and lets all go on.
    pub fn notify(self: Pin<&mut Self>, reason: &Reason) {
        self.project().frame.cancel_inside(reason, Urgency::Notice);
    }

    /// Drops the future here and now.
    pub fn clear(self: Pin<&mut Self>) {
        self.project().future.set(None);
    }
}

impl<F: Future> Enclosed<F> {
    /// Polls the future, which is surrounded by `fact`. It is dropped when it is done.
    ///
    /// # Panics
    /// When it is done, or was ended.
    #[inline]
    pub fn poll_inside(
        self: Pin<&mut Self>,
        fact: Option<&Fact>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut().expect("what is done is not polled again");
        let output = ready!(this.frame.enter(fact, || future.poll(cx)));
        this.future.set(None);
        Poll::Ready(output)
    }

    /// Brings the future to an end: it is not polled any more, but for what is shielded inside of it. When nothing that
    /// was opened inside has a task left, it is dropped.
    ///
    /// `Ready(Some(..))`: it was done before it could be dropped.
    ///
    /// # Panics
    /// When it is done already, and something that was opened inside goes on without it.
    pub fn poll_end(
        mut self: Pin<&mut Self>,
        fact: Option<&Fact>,
        reason: &Reason,
        cx: &mut Context<'_>,
    ) -> Poll<Option<F::Output>> {
        let mut this = self.as_mut().project();
        let poll = |cx: &mut Context<'_>| {
            this.future.as_mut().as_pin_mut().expect("what is done is not polled again").poll(cx)
        };
        let output = ready!(this.frame.poll_end(fact, reason, cx, poll));
        self.clear();
        Poll::Ready(output)
    }
}
