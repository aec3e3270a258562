//! Asking a task to end, at once or after a grace, and learning how it ended.

use super::error::JoinError;
use super::join::{AbortHandle, JoinHandle};
use crate::scope::{Reason, Urgency};
use crate::timer::TimerCell;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

/// A request that a task end. From [`JoinHandle::cancel`].
///
/// It is made by the first poll, or by the drop if there was none. Awaited, it tells how the task ended, once the task's
/// future is dropped. A blocking call that runs is told, and awaited, but cannot be ended.
///
/// # Cancel safety
/// Dropped while it is awaited, the request stays in force, and so does the end of its grace.
///
/// # Panics
/// Polled again after it gave the outcome.
pub struct Cancel<T> {
    handle: JoinHandle<T>,
    reason: Reason,
    grace: Duration,
    has_begun: bool,
}

/// How a task ended that was asked to. From awaiting a [`Cancel`].
#[non_exhaustive]
pub enum Outcome<T> {
    /// It came to its own end first; this is its output.
    Done(T),
    /// Its future was dropped. The reason is that of whoever asked first.
    Cancelled(Reason),
    /// It panicked, by itself or when its future was dropped.
    Panicked(Box<dyn Any + Send + 'static>),
}

impl<T> Cancel<T> {
    pub(super) fn new(handle: JoinHandle<T>) -> Self {
        Cancel { handle, reason: Reason::default(), grace: Duration::ZERO, has_begun: false }
    }

    /// Says why. Of several requests, the first one's reason counts.
    pub fn reason(mut self, reason: impl Into<Reason>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Gives the task so much time, by its runtime's clock, to bring itself to an end: it is told, and its future is
    /// dropped when that time has passed.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    fn begin(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true) {
            let task = self.handle.abort_handle();
            if self.grace.is_zero() {
                task.cancel(&self.reason, Urgency::Now);
            } else {
                task.cancel(&self.reason, Urgency::Notice);
                force_after(task, self.reason.clone(), self.grace);
            }
        }
    }
}

impl<T> Future for Cancel<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        self.begin();
        let output = ready!(Pin::new(&mut self.handle).poll(cx));
        Poll::Ready(output.map_or_else(JoinError::into_outcome, Outcome::Done))
    }
}

impl<T> Drop for Cancel<T> {
    fn drop(&mut self) {
        self.begin();
    }
}

impl<T> fmt::Debug for Cancel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancel")
            .field("handle", &self.handle)
            .field("reason", &self.reason)
            .field("grace", &self.grace)
            .finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Outcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Done(output) => f.debug_tuple("Done").field(output).finish(),
            Outcome::Cancelled(reason) => f.debug_tuple("Cancelled").field(reason).finish(),
            Outcome::Panicked(_) => f.debug_tuple("Panicked").finish_non_exhaustive(),
        }
    }
}

/// Has a timer of the task's runtime abort it, so that nobody needs to wait for that.
pub(super) fn force_after(task: AbortHandle, reason: Reason, grace: Duration) {
    let runtime = task.runtime();
    let Some(deadline) = runtime.deadline_after(grace) else { return };
    let force = Waker::from(Arc::new(Force { task: task.clone(), reason }));
    let timer = Arc::new(TimerCell::with_waker(deadline, force));
    if task.set_force(&timer) {
        runtime.arm(timer);
    } else {
        timer.cancel();
    }
}

/// Aborts a task when it is woken.
struct Force {
    task: AbortHandle,
    reason: Reason,
}

impl Wake for Force {
    fn wake(self: Arc<Self>) {
        self.task.cancel(&self.reason, Urgency::Now);
    }
}
