//! The cooperative budget, as a user meets it.
//!
//! Each poll of a task may do a number of successful operations (128 unless the runtime was built otherwise). What
//! filch offers counts them by itself; what is written by hand can join in with [`consume_budget`], [`poll_proceed`] or
//! [`cooperative`], and can opt out with [`unconstrained`]. The counting itself is `filch_core::coop`'s.

pub use filch_core::coop::{RestoreOnPending, has_budget_remaining, poll_proceed};

use filch_core::coop::{Budget, with_budget};
use pin_project_lite::pin_project;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Spends one unit of the budget, and yields first when none is left.
///
/// For loops that compute for long between two awaits.
///
/// # Cancel safety
/// Dropped while it yields, it has spent nothing.
pub async fn consume_budget() {
    poll_fn(|cx| poll_proceed(cx).map(RestoreOnPending::made_progress)).await;
}

/// Polls `future` without a budget: what is inside never yields because it did too much.
///
/// Other tasks of the same worker wait meanwhile.
pub fn unconstrained<F>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

pin_project! {
    /// A future that is polled without a budget. From [`unconstrained`].
    ///
    /// # Cancel safety
    /// As safe as the future inside, which is dropped with it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        with_budget(Budget::UNLIMITED, || self.project().future.poll(cx))
    }
}

/// Makes `future` take part in the budget: it spends one unit when it is done, and yields first when none is left.
pub fn cooperative<F: Future>(future: F) -> Coop<F> {
    Coop { future }
}

pin_project! {
    /// A future that spends a unit of the budget. From [`cooperative`].
    ///
    /// # Cancel safety
    /// As safe as the future inside, which is dropped with it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Coop<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let unit = ready!(poll_proceed(cx));
        let output = ready!(self.project().future.poll(cx));
        unit.made_progress();
        Poll::Ready(output)
    }
}
