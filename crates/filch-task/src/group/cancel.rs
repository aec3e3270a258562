//! Ending a group early, from within or from anywhere: [`CancelGroup`].

use super::state::Group;
use filch_core::scope::{self, Reason, Request, Scope, Urgency};
use filch_core::sys::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::any::Any;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// The end of a group, to be given a reason and a grace. From [`TaskGroup::cancel`](crate::TaskGroup::cancel).
///
/// It acts when it is dropped or awaited. Awaited, it waits until every child has ended. The body of the group is polled
/// further meanwhile; a child that waits for the end of its own group ends there.
///
/// # Cancel safety
/// Dropped while it is awaited, the group is to end all the same.
pub struct CancelGroup {
    group: Arc<Group>,
    reason: Reason,
    grace: Option<Duration>,
}

impl CancelGroup {
    pub(super) fn new(group: Arc<Group>) -> Self {
        CancelGroup { group, reason: Reason::default(), grace: None }
    }

    /// Says why. The first one who cancels a group has the word.
    pub fn reason(mut self, reason: impl Into<Reason>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Lets children and body go on for `grace`: they see that they are to end (`task::cancelled()`), and are canceled
    /// when the time is over.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }
}

impl Drop for CancelGroup {
    fn drop(&mut self) {
        self.group.cancel_within(&self.reason, self.grace);
    }
}

impl IntoFuture for CancelGroup {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let group = Arc::clone(&self.group);
            drop(self); // It acts here.
            let _mark = group.is_in_body().then(Mark::set);
            group.wait_until_empty().await;
        })
    }
}

impl fmt::Debug for CancelGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelGroup")
            .field("group", &self.group)
            .field("reason", &self.reason)
            .field("grace", &self.grace)
            .finish()
    }
}

/// Something in the body that has to be polled although the body is to end. In the eyes of what surrounds it, a scope that
/// is shielded.
struct Mark {
    is_set: AtomicBool,
    request: Request,
}

/// Takes the mark away with it.
struct MarkGuard(Arc<Mark>);

impl Mark {
    fn set() -> MarkGuard {
        let mark = Arc::new(Mark { is_set: AtomicBool::new(true), request: Request::new() });
        scope::register(&(Arc::clone(&mark) as Arc<dyn Scope>));
        MarkGuard(mark)
    }
}

impl Drop for MarkGuard {
    fn drop(&mut self) {
        self.0.is_set.store(false, Relaxed);
    }
}

impl Scope for Mark {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn request(&self) -> &Request {
        &self.request
    }

    fn cancel(&self, _: &Reason, _: Urgency) {}

    fn poll_ended(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn is_shield(&self) -> bool {
        self.is_set.load(Relaxed)
    }
}
