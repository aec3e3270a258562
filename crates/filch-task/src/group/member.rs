//! A member of a group: the future that its task runs.
//!
//! It looks at the group's request on each poll. When the group is to end, it first ends what was opened inside of it,
//! then drops its future, so that no drop blocks a worker.

use super::state::Group;
use filch_core::scope::{self, Enclosed, Reason, Request};
use pin_project_lite::pin_project;
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// What becomes of a member's output. Called once, from the member's own task, but for panics of drops.
pub(crate) trait Report<O>: Send + Unpin + 'static {
    /// What the task's join handle gives.
    type Value: Send + 'static;

    /// The member is done.
    fn done(&mut self, output: O) -> Self::Value;

    /// It panicked, in a poll or in its drop.
    fn panicked(&mut self, payload: Payload) -> Self::Value;

    /// It was ended because the group is to end.
    fn canceled(&mut self) -> Self::Value;
}

pin_project! {
    pub(crate) struct Member<F, R, O>
    where
        F: Future<Output = O>,
        R: Report<O>,
    {
        #[pin]
        enclosed: Enclosed<F>,
        report: R,
    }

    impl<F, R, O> PinnedDrop for Member<F, R, O>
    where
        F: Future<Output = O>,
        R: Report<O>,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Err(payload) = contained(|| this.enclosed.clear()) {
                drop(this.report.panicked(payload));
            }
        }
    }
}

impl<F: Future, R: Report<F::Output>> Member<F, R, F::Output> {
    /// Of the group that is the first in what its task inherits.
    pub(super) fn new(future: F, report: R) -> Self {
        Member { enclosed: Enclosed::new(future), report }
    }

    /// The group is to end, or is told that it should.
    #[cold]
    fn poll_ending(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R::Value> {
        let mut this = self.project();
        let (reason, is_urgent) =
            with_request(|request| (request.reason().unwrap_or_default(), request.is_urgent()));
        if !is_urgent {
            let poll = contained(|| this.enclosed.as_mut().poll_inside(None, cx));
            if matches!(poll, Ok(Poll::Pending)) {
                this.enclosed.as_mut().notify(&reason); // Each time: scopes may have been opened since.
            }
            return finish(this.enclosed, this.report, poll);
        }
        let poll = contained(|| this.enclosed.as_mut().poll_end(None, &reason, cx));
        match poll {
            Ok(Poll::Ready(None)) => Poll::Ready(this.report.canceled()),
            Ok(Poll::Ready(Some(output))) => Poll::Ready(this.report.done(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(payload) => finish(this.enclosed, this.report, Err(payload)),
        }
    }
}

impl<F: Future, R: Report<F::Output>> Future for Member<F, R, F::Output> {
    type Output = R::Value;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R::Value> {
        if with_request(Request::is_made) {
            return self.poll_ending(cx);
        }
        let mut this = self.project();
        let poll = contained(|| this.enclosed.as_mut().poll_inside(None, cx));
        finish(this.enclosed, this.report, poll)
    }
}

// Why not a hold of its own: it would be counted by every member, on one line of memory.
fn with_request<R>(f: impl FnOnce(&Request) -> R) -> R {
    scope::with_inherited(|own| f(own.nearest_scope().expect("a member has a group").request()))
}

/// The group of the member in a poll on this thread, or in its drop; `None` when it was disowned.
pub(super) fn with_group<R>(f: impl FnOnce(Option<&Group>) -> R) -> R {
    scope::with_inherited(|own| {
        f(own.nearest_scope().and_then(|scope| scope.as_any().downcast_ref()))
    })
}

/// Reports how a poll ended. A future that panicked is dropped here.
fn finish<F: Future, R: Report<F::Output>>(
    enclosed: Pin<&mut Enclosed<F>>,
    report: &mut R,
    poll: Result<Poll<F::Output>, Payload>,
) -> Poll<R::Value> {
    match poll {
        Ok(poll) => Poll::Ready(report.done(ready!(poll))),
        Err(payload) => {
            let value = report.panicked(payload);
            // Why the second payload goes: the task has one outcome, and its hook has reported both.
            contain(|| enclosed.clear());
            Poll::Ready(value)
        }
    }
}

fn contained<T>(f: impl FnOnce() -> T) -> Result<T, Payload> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Calls foreign code of which nobody hears whether it panics.
pub(super) fn contain(f: impl FnOnce()) {
    if let Err(payload) = contained(f) {
        forget_payload(payload);
    }
}

/// Drops a payload, whose drop is user code and may panic in turn.
pub(crate) fn forget_payload(payload: Payload) {
    if let Err(payload) = contained(|| drop(payload)) {
        std::mem::forget(payload);
    }
}

/// Why members are ended that nobody asked to end: their scope is gone.
pub(super) const SCOPE_DROPPED: Reason = Reason::from_static("the scope was dropped");
