//! A future with a deadline: [`timeout`].
//!
//! The future is polled first, so that one which is done at its deadline still counts as done. When it has eaten up the
//! poll's budget, the deadline is looked at without a budget: a future that never lets go cannot outlive its timeout.
//!
//! When the deadline comes, the future is not polled any more. The scopes opened inside of it are ended first, and their
//! tasks awaited, so that whoever gets [`Elapsed`] can drop the future without waiting.

use crate::error::Elapsed;
use crate::instant::Instant;
use crate::sleep::{Sleep, sleep, sleep_until};
use filch_core::coop::{self, Budget};
use filch_core::scope::{self, Fact, Frame, Reason};
use pin_project_lite::pin_project;
use std::future::{Future, IntoFuture};
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Why something is ended whose deadline has come.
pub const ELAPSED: Reason = Reason::from_static("deadline has elapsed");

/// Gives `future` at most `duration`, counted from this call. `Duration::MAX` means without end.
///
/// When the time is over, the task groups opened inside are canceled, and [`Elapsed`] comes once their tasks have ended;
/// what is shielded inside goes on until its own end. Of nested timeouts with the same deadline the outermost one reports.
///
/// The future is dropped with the [`Timeout`], not at the deadline: `await` the timeout by value and both end together.
///
/// # Errors
/// When the time is over first.
///
/// # Cancel safety
/// As [`Timeout`].
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
    Timeout::new(future.into_future(), sleep(duration))
}

/// Gives `future` until `deadline`. Otherwise as [`timeout`].
///
/// # Errors
/// When the deadline comes first.
///
/// # Cancel safety
/// As [`Timeout`].
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout::new(future.into_future(), sleep_until(deadline))
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
        frame: Frame,
        sleep: Sleep,
        // The deadline has come: the future is being ended, or has been.
        is_over: bool,
    }
}

impl<F> Timeout<F> {
    fn new(future: F, sleep: Sleep) -> Self {
        Timeout { future, frame: Frame::new(), sleep, is_over: false }
    }

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

impl<F: Future> Timeout<F> {
    /// The deadline has come.
    #[cold]
    fn poll_ending(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<<Self as Future>::Output> {
        let this = self.project();
        let (fact, future) = (fact(this.sleep), this.future);
        let ended = this.frame.poll_end(Some(&fact), &ELAPSED, cx, |cx| future.poll(cx));
        Poll::Ready(ready!(ended).ok_or(Elapsed::new()))
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_over {
            return self.poll_ending(cx);
        }
        let this = self.as_mut().project();
        let fact = fact(this.sleep);
        let inside = |cx: &mut Context<'_>| this.frame.enter(Some(&fact), || this.future.poll(cx));
        if let Some(output) = ready!(poll_in_time(this.sleep, cx, inside)) {
            return Poll::Ready(Ok(output));
        }
        if scope::is_due_outside(this.sleep.deadline().into_std()) {
            return Poll::Pending; // What is further out looks at its own deadline next, and ends this.
        }
        *this.is_over = true;
        self.poll_ending(cx)
    }
}

/// What surrounds the future of a timeout.
// Why never dropped: a deadline owns nothing, but the compiler does not see that any more once the fact was on the chain.
#[inline]
fn fact(sleep: &Sleep) -> ManuallyDrop<Fact> {
    ManuallyDrop::new(Fact::Deadline(sleep.deadline().into_std()))
}

/// Polls what has a deadline, and then whether that has come. It is what timeouts and cancel scopes are made of.
///
/// `Ready(None)`: the deadline of `sleep` has come.
#[inline]
pub fn poll_in_time<R>(
    sleep: &mut Sleep,
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<R>,
) -> Poll<Option<R>> {
    let had_budget = coop::has_budget_remaining();
    if let Poll::Ready(output) = poll(cx) {
        return Poll::Ready(Some(output));
    }
    let sleep = Pin::new(sleep);
    let spent_inside = had_budget && !coop::has_budget_remaining();
    let elapsed = if spent_inside {
        coop::with_budget(Budget::UNLIMITED, || sleep.poll(cx))
    } else {
        sleep.poll(cx)
    };
    elapsed.map(|()| None)
}
