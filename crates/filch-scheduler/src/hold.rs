//! The right to the driver: one thread at a time has it.

use filch_core::WakeBatch;
use filch_core::seam::{Limit, Park};

/// Holds the driver until it is dropped, also when a turn panics.
#[must_use = "dropped at once, somebody else may turn the driver"]
pub(crate) struct Held<'a>(&'a dyn Park);

impl<'a> Held<'a> {
    pub(crate) fn try_take(park: &'a dyn Park) -> Option<Self> {
        park.try_hold().then(|| Held(park))
    }

    /// See [`Park::turn`]. Answers how many events it has brought.
    pub(crate) fn turn(
        &self,
        limit: Limit,
        alone: &dyn Fn() -> bool,
        wakes: &mut WakeBatch,
    ) -> usize {
        let n_before = wakes.n_events(); // Of earlier turns that woke nobody.
        self.0.turn(limit, alone, wakes);
        wakes.n_events().saturating_sub(n_before)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// After how many polls the driver is asked again, when a turn has brought `n_events`.
// Why not always after the interval: turns that bring more than is polled between them pile up tasks behind one worker,
// which wait there for as long as the system keeps it off its processor; left with the driver, they go to whoever comes
// first (design 0003). Why a limit: timers wait for the next turn, too.
pub(crate) fn polls_until_next(interval: u32, n_events: usize) -> u32 {
    u32::try_from(n_events).unwrap_or(u32::MAX).clamp(interval, interval.saturating_mul(2))
}
