//! A moment of the runtime's time, with arithmetic that never overflows.
//!
//! It is the standard library's `Instant` but for two things: [`Instant::now`] asks the clock of the runtime the thread
//! works for, and sums saturate. What would lie beyond the last representable moment is that moment, and a sleep until
//! then never ends: `Duration::MAX` means never.

use filch_core::runtime::RuntimeRef;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::{self, Duration};

/// A moment of the runtime's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(time::Instant);

impl Instant {
    /// The present, by the clock of the runtime this thread works for, or by the system's outside of any.
    pub fn now() -> Self {
        Instant(RuntimeRef::try_current().map_or_else(time::Instant::now, RuntimeRef::now))
    }

    /// The same moment as the standard library's type.
    pub fn from_std(std: time::Instant) -> Self {
        Instant(std)
    }

    /// The same moment as the standard library's type.
    pub fn into_std(self) -> time::Instant {
        self.0
    }

    /// The time since `earlier`, zero if that is later.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The time since `earlier`, `None` if that is later.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_duration_since(earlier.0)
    }

    /// The time since `earlier`, zero if that is later.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The time since this moment, zero if it is still to come.
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }

    /// The moment `duration` later, `None` if there is none.
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_add(duration).map(Instant)
    }

    /// The moment `duration` earlier, `None` if there is none.
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_sub(duration).map(Instant)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates at the last representable moment.
    fn add(self, duration: Duration) -> Instant {
        Instant(saturating_add(self.0, duration))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    /// Saturates at the first representable moment.
    fn sub(self, duration: Duration) -> Instant {
        Instant(saturating_sub(self.0, duration))
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// Zero if `earlier` is later.
    fn sub(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

impl From<time::Instant> for Instant {
    fn from(std: time::Instant) -> Self {
        Instant::from_std(std)
    }
}

impl From<Instant> for time::Instant {
    fn from(instant: Instant) -> Self {
        instant.into_std()
    }
}

/// `at` moved on by `by`, but not beyond the last representable moment.
pub(crate) fn saturating_add(at: time::Instant, by: Duration) -> time::Instant {
    at.checked_add(by).unwrap_or_else(|| furthest(at, |at, step| at.checked_add(step)))
}

/// `at` moved back by `by`, but not beyond the first representable moment.
fn saturating_sub(at: time::Instant, by: Duration) -> time::Instant {
    at.checked_sub(by).unwrap_or_else(|| furthest(at, |at, step| at.checked_sub(step)))
}

/// As far as `step` leads: the standard library does not tell its limits, so this halves its strides until none fits.
fn furthest(
    mut at: time::Instant,
    step: impl Fn(time::Instant, Duration) -> Option<time::Instant>,
) -> time::Instant {
    let seconds = (0..u64::BITS).rev().map(|bit| Duration::from_secs(1 << bit));
    let nanos = (0..30).rev().map(|bit| Duration::from_nanos(1 << bit));
    for stride in seconds.chain(nanos) {
        at = step(at, stride).unwrap_or(at);
    }
    at
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn sums_saturate_at_both_ends_of_time() {
        let now = Instant::from_std(time::Instant::now());
        let end = now + Duration::MAX;
        assert!(end > now + Duration::from_secs(1 << 40));
        assert_eq!(end + Duration::from_nanos(1), end);
        assert_eq!(end.checked_add(Duration::from_nanos(1)), None);
        let beginning = now - Duration::MAX;
        assert!(beginning < now);
        assert_eq!(beginning - Duration::from_nanos(1), beginning);
        assert_eq!(beginning.checked_sub(Duration::from_nanos(1)), None);
    }

    #[test]
    fn a_difference_that_would_be_negative_is_zero() {
        let now = Instant::from_std(time::Instant::now());
        let later = now + SECOND;
        assert_eq!((later - now, now - later), (SECOND, Duration::ZERO));
        assert_eq!(
            (later.duration_since(now), now.duration_since(later)),
            (SECOND, Duration::ZERO)
        );
        assert_eq!(
            (later.checked_duration_since(now), now.checked_duration_since(later)),
            (Some(SECOND), None)
        );
    }

    #[test]
    fn assigning_sums_agree_with_sums() {
        let now = Instant::from_std(time::Instant::now());
        let mut moved = now;
        moved += SECOND;
        assert_eq!(moved, now + SECOND);
        moved -= SECOND;
        assert_eq!(moved, now);
        assert_eq!(Instant::from(time::Instant::from(now)), now);
    }
}
