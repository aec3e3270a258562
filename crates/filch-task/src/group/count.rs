//! How many members of a group live, and who wants to hear of each end.
//!
//! Members come under the group's lock and go without it: only an end that somebody waits for takes the lock.

use crossbeam_utils::CachePadded;
use filch_core::sys::sync::atomic::AtomicUsize;
use filch_core::sys::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::fmt;

/// A thread that drops the scope hears of every end.
const IS_WATCHED: usize = 1 << 0;
/// Somebody else awaits the members, and hears of every end.
const IS_INHERITED: usize = 1 << 1;
const ONE: usize = 1 << 2;

/// The word. Apart from the rest: every end of a member changes it.
pub(super) struct Count(CachePadded<AtomicUsize>);

/// What the end of a member calls for. All of it is done under the lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone {
    /// It was the last one, for this moment at least.
    pub(super) is_last: bool,
    pub(super) is_watched: bool,
    pub(super) is_inherited: bool,
}

impl Count {
    pub(super) fn new() -> Self {
        Count(CachePadded::new(AtomicUsize::new(0)))
    }

    /// How many members live. Who sees zero sees all that members have done.
    pub(super) fn len(&self) -> usize {
        // ORDERING: [members] Acquire pairs with `remove`.
        self.0.load(Acquire) / ONE
    }

    /// Members come. Only under the lock, so that a group that is found empty under it stays so.
    pub(super) fn add(&self, n: usize) {
        self.0.fetch_add(n * ONE, Relaxed);
    }

    /// A member goes. `None`: nobody needs to hear of it.
    #[inline]
    pub(super) fn remove(&self) -> Option<Gone> {
        // ORDERING: [members] Release publishes what the member has done; Acquire pairs with `watch` and `bequeath`.
        let before = self.0.fetch_sub(ONE, AcqRel);
        debug_assert!(before >= ONE, "a member goes once");
        let gone = Gone {
            is_last: before < 2 * ONE,
            is_watched: before & IS_WATCHED != 0,
            is_inherited: before & IS_INHERITED != 0,
        };
        (gone.is_last || gone.is_watched || gone.is_inherited).then_some(gone)
    }

    /// From here on each end is told to the thread that drops the scope.
    pub(super) fn watch(&self) {
        // ORDERING: [members] Acquire: the state of a member that is gone before shows that.
        self.0.fetch_or(IS_WATCHED, AcqRel);
    }

    /// From here on each end is told to an heir. Answers how many ends that will be.
    pub(super) fn bequeath(&self) -> usize {
        // ORDERING: [members] as in `watch`.
        self.0.fetch_or(IS_INHERITED, AcqRel) / ONE
    }
}

impl fmt::Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.len().fmt(f)
    }
}
