//! Ticks at a steady pace: [`interval`], and what happens to ticks that were missed.

use crate::instant::Instant;
use crate::sleep::Sleep;
use futures_core::Stream;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// A tick this late was missed; one less late is the scheduler's jitter, and the pace goes on.
const MISSED_AFTER: Duration = Duration::from_millis(5);

/// Ticks at once, and then every `period`.
///
/// # Panics
/// When `period` is zero.
///
/// # Examples
/// ```ignore
/// let mut interval = filch::time::interval(Duration::from_secs(1));
/// loop {
///     interval.tick().await;
///     println!("one second more");
/// }
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks at `start`, and then every `period`.
///
/// # Panics
/// When `period` is zero.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(
        !period.is_zero(),
        "an interval of zero never waits, at {}: give it a period, or call `yield_now` in a loop",
        Location::caller()
    );
    Interval {
        sleep: crate::sleep::sleep_until(start),
        period,
        behavior: MissedTickBehavior::default(),
    }
}

/// What an [`Interval`] does after a tick was missed: taken more than 5 ms late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Ticks without a pause until it has caught up.
    #[default]
    Burst,
    /// Ticks one period after the late tick, and goes on from there.
    Delay,
    /// Leaves out what was missed and ticks at the next multiple of the period.
    Skip,
}

impl MissedTickBehavior {
    /// When to tick after the tick of `deadline` was taken late, at `now`.
    fn next_deadline(self, deadline: Instant, now: Instant, period: Duration) -> Instant {
        match self {
            Self::Burst => deadline + period,
            Self::Delay => now + period,
            Self::Skip => {
                let late = now.saturating_duration_since(deadline).as_nanos() % period.as_nanos();
                // A remainder is smaller than the period, which is a `Duration`; so is its difference to the period.
                let late =
                    Duration::new((late / 1_000_000_000) as u64, (late % 1_000_000_000) as u32);
                now + (period - late)
            }
        }
    }
}

/// Ticks at a steady pace. From [`interval`] and [`interval_at`].
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    behavior: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick, and says when it was due.
    ///
    /// # Panics
    /// When the runtime the interval was made in has ended.
    ///
    /// # Cancel safety
    /// Safe: a tick that was not waited for comes out of the next call.
    pub fn tick(&mut self) -> impl Future<Output = Instant> + '_ {
        poll_fn(|cx| self.poll_tick(cx))
    }

    /// Polls for the next tick. Only the task of the last call is woken.
    ///
    /// # Panics
    /// When the runtime the interval was made in has ended.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let deadline = self.sleep.deadline();
        let now = self.sleep.now();
        let next = if now > deadline + MISSED_AFTER {
            self.behavior.next_deadline(deadline, now, self.period)
        } else {
            deadline + self.period
        };
        self.reset_at(next);
        Poll::Ready(deadline)
    }

    /// Ticks next one period from the present.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Ticks next at once.
    pub fn reset_immediately(&mut self) {
        self.reset_after(Duration::ZERO);
    }

    /// Ticks next after `after`, then every period.
    pub fn reset_after(&mut self, after: Duration) {
        self.reset_at(self.sleep.now() + after);
    }

    /// Ticks next at `deadline`, then every period.
    pub fn reset_at(&mut self, deadline: Instant) {
        Pin::new(&mut self.sleep).reset(deadline);
    }

    /// What happens to missed ticks.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.behavior
    }

    /// Chooses what happens to missed ticks.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.behavior = behavior;
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}

/// The ticks, without end.
impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_missed_tick_bursts_delays_or_skips() {
        let due = Instant::from_std(std::time::Instant::now());
        let now = due + ms(230);
        let next = |behavior: MissedTickBehavior| behavior.next_deadline(due, now, ms(50)) - due;
        assert_eq!(next(MissedTickBehavior::Burst), ms(50));
        assert_eq!(next(MissedTickBehavior::Delay), ms(280));
        assert_eq!(next(MissedTickBehavior::Skip), ms(250));
    }

    #[test]
    fn a_period_without_end_is_not_an_overflow() {
        let due = Instant::from_std(std::time::Instant::now());
        for behavior in
            [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip]
        {
            assert!(behavior.next_deadline(due, due + ms(10), Duration::MAX) > due);
        }
    }
}
