//! Deadlines in trio's words, and the deadline that is in force.

use crate::yield_now::{YieldNow, yield_now};
use filch_core::scope;
use filch_timer::{Duration, Instant, Timeout, timeout, timeout_at};
use pin_project_lite::pin_project;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Trio's word for [`timeout`]: gives `future` at most `duration`, and is an error when that is over.
///
/// # Errors
/// When the time is over first.
///
/// # Cancel safety
/// As [`Timeout`].
#[track_caller]
pub fn fail_after<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    timeout(duration, future)
}

/// As [`fail_after`], until `deadline`.
///
/// # Errors
/// When the deadline comes first.
///
/// # Cancel safety
/// As [`Timeout`].
#[track_caller]
pub fn fail_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    timeout_at(deadline, future)
}

/// Gives `future` at most `duration`, counted from this call, and `None` when that is over.
///
/// It ends the future as [`timeout`] does.
///
/// # Cancel safety
/// As [`MoveOn`].
#[track_caller]
pub fn move_on_after<F: IntoFuture>(duration: Duration, future: F) -> MoveOn<F::IntoFuture> {
    MoveOn { timeout: timeout(duration, future) }
}

/// As [`move_on_after`], until `deadline`.
///
/// # Cancel safety
/// As [`MoveOn`].
#[track_caller]
pub fn move_on_at<F: IntoFuture>(deadline: Instant, future: F) -> MoveOn<F::IntoFuture> {
    MoveOn { timeout: timeout_at(deadline, future) }
}

pin_project! {
    /// A future with a deadline. From [`move_on_after`] and [`move_on_at`].
    ///
    /// # Panics
    /// A poll panics when the runtime it was made in has ended.
    ///
    /// # Cancel safety
    /// As safe as the future inside, which is dropped with it.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct MoveOn<F> {
        #[pin]
        timeout: Timeout<F>,
    }
}

impl<F: Future> Future for MoveOn<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().timeout.poll(cx).map(Result::ok)
    }
}

/// When the code that calls will be ended: the earliest deadline of the timeouts, cancel scopes and groups around it, up to
/// the closest shield. A task inherits the deadlines around its spawn.
pub fn deadline() -> Option<Instant> {
    scope::deadline().map(Instant::from_std).filter(comes)
}

/// Whether it is a deadline at all: the last moment that there is means never.
pub(crate) fn comes(at: &Instant) -> bool {
    at.checked_add(Duration::from_nanos(1)).is_some()
}

/// Lets other tasks run, and is a point where a cancel or a deadline takes effect. For loops without another await.
///
/// # Cancel safety
/// As [`YieldNow`].
pub fn checkpoint() -> YieldNow {
    yield_now()
}
