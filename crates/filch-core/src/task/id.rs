//! Task identifiers, given out in blocks so that spawning touches no shared cache line.

use crate::sys::sync::atomic::Ordering::Relaxed;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::AtomicU64;

/// How many identifiers a thread takes at once.
// Why: one shared write per 1024 spawns; a 64-bit number lasts for centuries of that.
const BLOCK: u64 = 1024;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);

/// The bits of a parent's identifier that its child keeps.
const KEPT: u64 = (1 << 40) - 1;

/// Names a task. Unique in the process, never used again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(NonZeroU64);

impl Id {
    /// The next identifier of this thread's block.
    pub(crate) fn next(block: &std::cell::Cell<u64>) -> Id {
        let mut id = block.get();
        if id % BLOCK == 0 {
            id = first_of_block(NEXT_BLOCK.fetch_add(1, Relaxed));
        }
        block.set(id + 1);
        Id(NonZeroU64::new(id).expect("blocks are counted from one"))
    }
}

fn first_of_block(block: u64) -> u64 {
    let id = block * BLOCK;
    // Why: in an `IdTail`, zero stands for none.
    if id & KEPT == 0 { id + 1 } else { id }
}

impl Id {
    pub(super) fn as_u64(self) -> u64 {
        self.0.get()
    }
}

/// The low 40 bits of an identifier, zero for none. Fits into a header's padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IdTail([u8; 5]);

impl IdTail {
    pub(super) fn of(id: Option<Id>) -> Self {
        let [a, b, c, d, e, ..] = id.map_or(0, Id::as_u64).to_le_bytes();
        IdTail([a, b, c, d, e])
    }

    /// The identifier nearest to `near` that ends so: the right one, unless 2^39 others were given out in between.
    pub(super) fn nearest_to(self, near: Id) -> Option<Id> {
        let IdTail([a, b, c, d, e]) = self;
        let tail = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]);
        if tail == 0 {
            return None;
        }
        let distance = tail.wrapping_sub(near.as_u64()) & KEPT;
        let below = near.as_u64().checked_sub(KEPT + 1 - distance);
        let id = match below {
            Some(below) if distance > KEPT / 2 => below,
            _ => near.as_u64().saturating_add(distance),
        };
        NonZeroU64::new(id).map(Id)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn id(number: u64) -> Id {
        Id(NonZeroU64::new(number).expect("tests use no zero"))
    }

    #[test]
    fn a_parent_is_the_nearest_identifier_with_its_tail() {
        const HALF: u64 = 1 << 39;
        let numbers = [1, 2, 1023, 1024, HALF, KEPT, KEPT + 2, 3 * KEPT + 1000, 7 * HALF + 5];
        for child in numbers {
            for distance in [1, 2, 1024, 5_000_000, HALF - 1] {
                let parents = [child.checked_sub(distance), Some(child + distance)];
                for parent in parents.into_iter().flatten().filter(|parent| parent & KEPT != 0) {
                    let tail = IdTail::of(Some(id(parent)));
                    assert_eq!(tail.nearest_to(id(child)), Some(id(parent)), "child {child}");
                }
            }
        }
        assert_eq!(IdTail::of(None).nearest_to(id(1024)), None);
    }

    #[test]
    fn identifiers_below_the_first_tail_have_no_one_further_down() {
        let tail = IdTail::of(Some(id(KEPT - 5)));
        assert_eq!(tail.nearest_to(id(10)), Some(id(KEPT - 5)), "there is none nearer");
    }

    #[test]
    fn no_identifier_has_the_tail_that_stands_for_none() {
        let before = NEXT_BLOCK.load(Relaxed);
        let block = Cell::new(0);
        for _ in 0..2 * BLOCK {
            assert_ne!(IdTail::of(Some(Id::next(&block))), IdTail::of(None));
        }
        assert!(NEXT_BLOCK.load(Relaxed) >= before + 2);
        assert_eq!(first_of_block(1 << 30), (KEPT + 1) + 1);
        assert_eq!(first_of_block(1), BLOCK);
    }
}
