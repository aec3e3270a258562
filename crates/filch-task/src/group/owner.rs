//! The future of a scope: polls the body, then awaits the members.

use super::in_place;
use super::member::{Payload, contain};
use super::state::Group;
use filch_core::scope::{self, Enclosed, Fact, Reason, Scope, Surroundings};
use filch_timer::{Instant, Sleep, sleep_until};
use pin_project_lite::pin_project;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Why a group ends whose deadline has come.
pub(super) const DEADLINE: Reason = Reason::from_static("its deadline has passed");
/// Why members end whose body panicked.
const BODY_PANICKED: Reason = Reason::from_static("the body panicked");

pin_project! {
    /// Awaits the body, then every member. Gives what the body gave, or `None` when it was ended early.
    ///
    /// Dropped early, it drops the body and then every member, in place.
    ///
    /// # Panics
    /// With the body's panic, once every member has ended.
    pub(crate) struct Owner<B>
    where
        B: Future,
    {
        #[pin]
        body: Enclosed<B>,
        group: Arc<Group>,
        // What surrounds the body: the group itself.
        fact: Fact,
        // What surrounds the group.
        surroundings: Surroundings,
        progress: Progress<B::Output>,
        // When the group ends by itself, or after a notice at once.
        alarm: Option<Sleep>,
    }

    impl<B> PinnedDrop for Owner<B>
    where
        B: Future,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let _members = DropInPlace { group: this.group, surroundings: this.surroundings };
            this.body.clear();
        }
    }
}

enum Progress<R> {
    New,
    Body,
    Members(Result<Option<R>, Payload>),
    Done,
}

/// Ends the members also when the body's drop panics.
struct DropInPlace<'a> {
    group: &'a Arc<Group>,
    surroundings: &'a Surroundings,
}

impl Drop for DropInPlace<'_> {
    fn drop(&mut self) {
        if !self.group.has_ended() {
            in_place::end(Arc::clone(self.group), self.surroundings.clone());
        }
    }
}

impl<B: Future> Owner<B> {
    /// `surroundings` is what surrounds the group.
    pub(crate) fn new(group: Arc<Group>, surroundings: Surroundings, body: B) -> Self {
        Owner {
            body: Enclosed::new(body),
            fact: Fact::Scope(Arc::clone(&group) as Arc<dyn Scope>),
            surroundings,
            group,
            progress: Progress::New,
            alarm: None,
        }
    }

    fn begin(self: Pin<&mut Self>) {
        let this = self.project();
        let scope: Arc<dyn Scope> = Arc::clone(this.group) as _;
        scope::register(&scope);
        *this.alarm = this.group.deadline().map(|at| sleep_until(Instant::from_std(at)));
        *this.progress = Progress::Body;
    }

    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let request = this.group.request();
        let poll = catch_unwind(AssertUnwindSafe(|| {
            if request.is_urgent() {
                let reason = request.reason().unwrap_or_default();
                return this.body.as_mut().poll_end(Some(this.fact), &reason, cx);
            }
            let poll = this.body.as_mut().poll_inside(Some(this.fact), cx).map(Some);
            if poll.is_pending() && request.is_made() {
                // Why each time: scopes may have been opened since.
                this.body.as_mut().notify(&request.reason().unwrap_or_default());
            }
            poll
        }));
        let outcome = match poll {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => {
                this.group.fail(&BODY_PANICKED, true);
                // Why its panic is ignored: the first one goes on.
                contain(|| this.body.clear());
                Err(payload)
            }
        };
        *this.progress = Progress::Members(outcome);
        Poll::Ready(())
    }
}

impl<B: Future> Future for Owner<B> {
    type Output = Option<B::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.progress {
            Progress::New => self.as_mut().begin(),
            Progress::Done => {
                panic!("{} was polled again after it had ended", self.group.describe())
            }
            Progress::Body | Progress::Members(_) => {}
        }
        // Why before the looks: whoever changes something after them wakes this waker.
        self.group.set_owner(cx.waker());
        let this = self.as_mut().project();
        watch_the_clock(this.group, this.alarm, cx);
        if matches!(self.progress, Progress::Body) {
            let was_urgent = self.group.request().is_urgent();
            let mut poll = self.as_mut().poll_body(cx);
            if poll.is_pending() && !was_urgent && self.group.request().is_urgent() {
                poll = self.as_mut().poll_body(cx); // It asked for the end itself, or a member did meanwhile.
            }
            ready!(poll);
        }
        if !self.group.try_end() {
            return Poll::Pending;
        }
        let this = self.project();
        match std::mem::replace(this.progress, Progress::Done) {
            Progress::Members(Ok(output)) => Poll::Ready(output),
            Progress::Members(Err(payload)) => resume_unwind(payload),
            _ => unreachable!("the body has ended"),
        }
    }
}

/// Ends the group when its time is over. Leaves the waker with what rings then.
fn watch_the_clock(group: &Group, alarm: &mut Option<Sleep>, cx: &mut Context<'_>) {
    if group.request().is_urgent() {
        *alarm = None;
        return;
    }
    let grace = group.take_grace().and_then(|grace| Instant::now().checked_add(grace));
    if let Some(at) = grace {
        if alarm.as_ref().is_none_or(|alarm| at < alarm.deadline()) {
            *alarm = Some(sleep_until(at));
        }
    }
    let Some(sleep) = alarm else { return };
    let at = sleep.deadline().into_std();
    // Of two with the same deadline the outer one reports.
    if Pin::new(sleep).poll(cx).is_ready() && !scope::is_due_outside(at) {
        *alarm = None;
        group.elapse(&DEADLINE);
    }
}
