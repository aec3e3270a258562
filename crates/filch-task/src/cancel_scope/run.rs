//! The future of [`CancelScope::run`](super::CancelScope::run): carries out the plan.

use super::error::Cancelled;
use super::state::State;
use filch_core::scope::{self, Enclosed, Fact, Scope};
use filch_timer::{Sleep, poll_in_time, sleep_until};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

pin_project! {
    pub(super) struct Run<F> {
        #[pin]
        inside: Enclosed<F>,
        state: Arc<State>,
        // What surrounds the future: the scope itself.
        fact: Fact,
        // When the scope ends by itself.
        alarm: Option<Sleep>,
        stage: Stage,
    }

    impl<F> PinnedDrop for Run<F> {
        fn drop(this: Pin<&mut Self>) {
            this.state.end();
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Inside,
    Ending,
    /// Ended from outside: this future is not done, and never will be.
    Ended,
}

impl<F> Run<F> {
    pub(super) fn new(state: Arc<State>, future: F) -> Self {
        let fact = Fact::Scope(Arc::clone(&state) as Arc<dyn Scope>);
        Run { inside: Enclosed::new(future), state, fact, alarm: None, stage: Stage::New }
    }

    fn begin(self: Pin<&mut Self>) {
        let this = self.project();
        scope::register(&(Arc::clone(this.state) as Arc<dyn Scope>));
        *this.stage = if this.state.is_urgent() { Stage::Ending } else { Stage::Inside };
    }

    fn set_alarm(self: Pin<&mut Self>, waker: &Waker) {
        let this = self.project();
        match (this.state.look(waker), this.alarm) {
            (Some(at), Some(alarm)) if alarm.deadline() == at => {}
            (Some(at), Some(alarm)) if alarm.deadline() < at => Pin::new(alarm).reset(at),
            (at, alarm) => *alarm = at.map(sleep_until),
        }
    }
}

impl<F: Future> Run<F> {
    /// Polls what is inside, then looks at the clock.
    fn poll_inside(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.as_mut().set_alarm(cx.waker());
        let this = self.project();
        let (state, fact, mut inside) = (this.state, this.fact, this.inside);
        let mut poll = |cx: &mut Context<'_>| {
            let poll = inside.as_mut().poll_inside(Some(fact), cx);
            // Why each time and afterwards: what was opened in this poll is told as well.
            if poll.is_pending() && state.is_cancelled() {
                inside.as_mut().notify(&state.reason().unwrap_or_default());
            }
            poll
        };
        let Some(alarm) = this.alarm else { return poll(cx) };
        if let Some(output) = ready!(poll_in_time(alarm, cx, poll)) {
            return Poll::Ready(output);
        }
        let at = alarm.deadline();
        // Why: of equal deadlines the outermost one reports, but for those that wait for this shield.
        let is_due_outside = !state.is_shield() && scope::is_due_outside(at.into_std());
        if !is_due_outside && !state.elapse(at) {
            cx.waker().wake_by_ref(); // The plan was changed meanwhile.
        }
        Poll::Pending
    }

    /// Ends what is inside.
    fn poll_ending(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<<Self as Future>::Output> {
        let this = self.project();
        let reason = this.state.reason().unwrap_or_default();
        let output = ready!(this.inside.poll_end(Some(this.fact), &reason, cx));
        if output.is_none() && this.state.is_ended_outside() {
            *this.stage = Stage::Ended;
            return Poll::Pending; // Whoever asked drops this future; what comes after it must not begin.
        }
        this.state.end();
        Poll::Ready(output.ok_or(Cancelled::new(reason)))
    }
}

impl<F: Future> Future for Run<F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.stage == Stage::New {
            self.as_mut().begin();
        }
        if self.stage == Stage::Inside {
            // Why also when it is to end: what is done counts as done, as at a deadline. A group that has ended with an
            // error, say, tells it.
            if let Poll::Ready(output) = self.as_mut().poll_inside(cx) {
                self.state.end();
                return Poll::Ready(Ok(output));
            }
            if !self.state.is_urgent() {
                return Poll::Pending;
            }
            *self.as_mut().project().stage = Stage::Ending;
        }
        if self.stage == Stage::Ended { Poll::Pending } else { self.poll_ending(cx) }
    }
}
