//! A member of a group: the future that its task runs.
//!
//! It looks at the group's request on each poll. When the group is to end, it first ends what was opened inside of it,
//! then drops its future, so that no drop blocks a worker.

use super::state::Group;
use filch_core::scope::{Enclosed, Reason, Request, Scope};
use pin_project_lite::pin_project;
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// What becomes of a member's output. Called once, from the member's own task, but for panics of drops.
pub(crate) trait Report<O>: Send + Unpin + 'static {
    /// What the task's join handle gives.
    type Value: Send + 'static;

    /// The member's group, if it can be reached by this: then the member needs no hold of its own on it.
    fn group(&self) -> Option<&Group> {
        None
    }

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
        // Unless the report has it.
        group: Option<Arc<Group>>,
        // The scopes inside have heard that the group is to end.
        was_told: bool,
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
    pub(super) fn new(group: &Arc<Group>, future: F, report: R) -> Self {
        let group = report.group().is_none().then(|| Arc::clone(group));
        Member { enclosed: Enclosed::new(future), report, group, was_told: false }
    }

    /// The group is to end, or is told that it should.
    #[cold]
    fn poll_ending(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R::Value> {
        let mut this = self.project();
        let request = request_of(this.report, this.group.as_deref());
        let reason = request.reason().unwrap_or_default();
        if !request.is_urgent() {
            if !std::mem::replace(this.was_told, true) {
                this.enclosed.as_mut().notify(&reason);
            }
            let poll = contained(|| this.enclosed.as_mut().poll_inside(None, cx));
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
        if request_of(&self.report, self.group.as_deref()).is_made() {
            return self.poll_ending(cx);
        }
        let mut this = self.project();
        let poll = contained(|| this.enclosed.as_mut().poll_inside(None, cx));
        finish(this.enclosed, this.report, poll)
    }
}

fn request_of<'a, O, R: Report<O>>(report: &'a R, group: Option<&'a Group>) -> &'a Request {
    report.group().or(group).expect("one of both has it").request()
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
