//! A future with a deadline: [`timeout`].
//!
//! The future is polled first, so that one which is done at its deadline still counts as done. When it has eaten up the
//! poll's budget, the deadline is looked at without a budget: a future that never lets go cannot outlive its timeout.

use crate::error::Elapsed;
use crate::instant::Instant;
use crate::sleep::{Sleep, sleep, sleep_until};
use filch_core::coop::{self, Budget};
use pin_project_lite::pin_project;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Gives `future` at most `duration`, counted from this call. `Duration::MAX` means without end.
///
/// The future is dropped with the [`Timeout`], not at the deadline: `await` the timeout by value and both end together.
///
/// # Examples
/// ```ignore
/// match filch::time::timeout(Duration::from_secs(1), fetch()).await {
///     Ok(page) => println!("{page}"),
///     Err(_) => println!("too slow"),
/// }
/// ```
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), sleep: sleep(duration) }
}

/// Gives `future` until `deadline`.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), sleep: sleep_until(deadline) }
}

pin_project! {
    /// A future with a deadline. From [`timeout`] and [`timeout_at`].
    ///
    /// # Panics
    /// A poll panics when the runtime it was made in has ended.
    ///
    /// # Cancel safety
    /// As safe as the future inside, which is dropped with it.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Sleep,
    }
}

impl<F> Timeout<F> {
    /// The future inside.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future inside.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// The future inside, without its deadline.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let had_budget = coop::has_budget_remaining();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let sleep = Pin::new(this.sleep);
        let spent_inside = had_budget && !coop::has_budget_remaining();
        let elapsed = if spent_inside {
            coop::with_budget(Budget::UNLIMITED, || sleep.poll(cx))
        } else {
            sleep.poll(cx)
        };
        elapsed.map(|()| Err(Elapsed::new()))
    }
}
