//! Where a deadline is filed: pure arithmetic on times.
//!
//! A tick is 2^14 ns. Above the tick's bits, a time is read as groups of six bits: group `k` is the slot index on level
//! `k`. The level of a deadline is the highest group in which it differs from the wheel's present time, so that all
//! higher groups agree. Two things follow, and the wheel leans on both: no slot index is ever reused one revolution
//! later, and everything on a level is due before anything on the level above it.

use std::ops::RangeInclusive;

/// A tick is 2^14 ns, about 16 µs (design 0006).
const TICK_BITS: u32 = 14;

/// Each level has 2^6 slots: as many as a word has bits.
const LEVEL_BITS: u32 = 6;

/// Slots on each level.
pub(super) const SLOTS: usize = 1 << LEVEL_BITS;

/// Seven levels reach 2^56 ns, a bit more than two years; one list behind them holds the rest.
const FAR: u8 = 7;

/// The levels and the far list.
pub(super) const LEVELS: usize = FAR as usize + 1;

/// A slot of a level, or the far list, which is the only slot of the level above the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    level: u8,
    slot: u8,
}

impl Place {
    /// The place of `deadline` at `present`, which is not later than `deadline`.
    pub(super) fn of(deadline: u64, present: u64) -> Self {
        debug_assert!(present <= deadline, "what is due has no slot");
        // The lowest bit stands in for "no group differs": the highest set bit then exists and names level 0.
        let differs = ((present ^ deadline) >> TICK_BITS) | 1;
        let level = (63 - differs.leading_zeros()) / LEVEL_BITS;
        if level >= u32::from(FAR) {
            return Place { level: FAR, slot: 0 };
        }
        let slot = (deadline >> low_bits(level)) as usize % SLOTS;
        Place { level: level as u8, slot: slot as u8 }
    }

    /// The first slot in `occupied`, the set of a level's occupied slots.
    pub(super) fn first_on(level: usize, occupied: u64) -> Self {
        debug_assert!(occupied != 0, "an empty level has no first slot");
        Place { level: level as u8, slot: occupied.trailing_zeros() as u8 }
    }

    /// The level's index; the far list's is the highest.
    pub(super) fn level(self) -> usize {
        usize::from(self.level)
    }

    /// The slot's index on its level.
    pub(super) fn slot(self) -> usize {
        usize::from(self.slot)
    }

    /// The slot's bit in its level's sets.
    pub(super) fn bit(self) -> u64 {
        1 << self.slot
    }

    /// The times this place covers, seen from `present`. The far list covers what the levels will cover once its
    /// `earliest` deadline is less than a revolution away.
    pub(super) fn span(self, present: u64, earliest: u64) -> RangeInclusive<u64> {
        let low = low_bits(u32::from(self.level));
        let start = if self.level == FAR {
            earliest >> low << low
        } else {
            let high = low + LEVEL_BITS;
            (present >> high << high) | (u64::from(self.slot) << low)
        };
        start..=start | ((1 << low) - 1)
    }
}

/// How many bits of a time lie below `level`'s group.
fn low_bits(level: u32) -> u32 {
    TICK_BITS + LEVEL_BITS * level
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_changes_the_level() {
        for level in 1..=7 {
            let reach = 1u64 << low_bits(level);
            assert_eq!(Place::of(reach - 1, 0).level(), level as usize - 1);
            assert_eq!(Place::of(reach, 0).level(), level as usize);
            assert_eq!(Place::of(reach, reach - 1).level(), level as usize, "however near it is");
        }
        assert_eq!(Place::of(u64::MAX, u64::MAX - 1), Place { level: 0, slot: 63 });
    }

    #[test]
    fn a_span_holds_exactly_what_is_filed_there() {
        for present in [0, 1 << 20, (5 << 56) + 12_345, u64::MAX >> 1] {
            for deadline in
                [1, 1 << 14, 1 << 26, 77 << 38, 1 << 55, 3 << 56].map(|ahead| present + ahead)
            {
                let place = Place::of(deadline, present);
                let span = place.span(present, deadline);
                assert!(span.contains(&deadline));
                if place.level() > 0 {
                    assert!(present < *span.start(), "a slot above level 0 lies wholly ahead");
                    assert_eq!(Place::of(*span.start(), present), place);
                }
                if place.level() < 7 {
                    assert_eq!(Place::of(*span.end(), present), place);
                }
            }
        }
    }
}
