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

    /// See [`Park::turn`].
    pub(crate) fn turn(&self, limit: Limit, alone: &dyn Fn() -> bool, wakes: &mut WakeBatch) {
        self.0.turn(limit, alone, wakes);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}
