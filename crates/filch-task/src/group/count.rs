//! How many members of a group live, and who wants to hear of each end.
//!
//! Members come under the group's lock and go without it: only an end that somebody waits for takes the lock.
//! Until somebody waits, those that come are counted beside the lock, in [`Arrivals`], and this word counts only those that
//! go. So who spawns and who ends write different lines of memory, and an end that leaves nobody for a moment is told to
//! nobody.

use crossbeam_utils::CachePadded;
use filch_core::sys::sync::atomic::AtomicUsize;
use filch_core::sys::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// A thread that drops the scope hears of every end.
const IS_WATCHED: usize = 1 << 0;
/// Somebody else awaits the members, and hears of every end.
const IS_INHERITED: usize = 1 << 1;
/// Everybody who came is counted here; somebody waits for the last to go.
const IS_COMPLETE: usize = 1 << 2;
const ONE: usize = 1 << 3;

/// The word: how many came and are counted here, less those that went. Apart from the rest: every end changes it.
pub(super) struct Count(CachePadded<AtomicUsize>);

/// Those that came and are not in the [`Count`]. Under the group's lock.
#[derive(Debug)]
pub(super) enum Arrivals {
    /// So many.
    Apart(usize),
    /// All are counted where those that go are.
    Counted,
}

/// What the end of a member calls for. All of it is done under the lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone {
    /// It was the last one, for this moment at least, and somebody waits for that.
    pub(super) is_last: bool,
    pub(super) is_watched: bool,
    pub(super) is_inherited: bool,
}

impl Count {
    pub(super) fn new() -> Self {
        Count(CachePadded::new(AtomicUsize::new(0)))
    }

    /// Members come.
    pub(super) fn add(&self, n: usize, arrivals: &mut Arrivals) {
        match arrivals {
            Arrivals::Apart(n_apart) => *n_apart += n,
            // ORDERING: under the lock, so that a group that is found empty under it stays so.
            Arrivals::Counted => drop(self.0.fetch_add(n * ONE, Relaxed)),
        }
    }

    /// How many members live. Who sees zero sees all that members have done.
    pub(super) fn len(&self, arrivals: &Arrivals) -> usize {
        // ORDERING: [members] Acquire pairs with `remove`.
        arrivals.less_those_gone(self.0.load(Acquire))
    }

    /// As [`len`](Self::len), and from here on the last one to go is told.
    pub(super) fn complete(&self, arrivals: &mut Arrivals) -> usize {
        if let Arrivals::Apart(n_apart) = *arrivals {
            *arrivals = Arrivals::Counted;
            // ORDERING: [members] Acquire: who finds nobody sees what those that went have done. In one step, so that the
            // last one either is seen to be gone or sees that it is the last.
            self.0.fetch_add(n_apart * ONE + IS_COMPLETE, AcqRel);
        }
        self.len(arrivals)
    }

    /// Nobody waits for the last one any more. Only while nobody lives.
    pub(super) fn count_apart(&self, arrivals: &mut Arrivals) {
        debug_assert_eq!(self.len(arrivals), 0);
        if matches!(arrivals, Arrivals::Counted) {
            *arrivals = Arrivals::Apart(0);
            self.0.fetch_and(!IS_COMPLETE, Relaxed);
        }
    }

    /// A member goes. `None`: nobody needs to hear of it.
    #[inline]
    pub(super) fn remove(&self) -> Option<Gone> {
        // ORDERING: [members] Release publishes what the member has done; Acquire pairs with `watch` and `bequeath`.
        let before = self.0.fetch_sub(ONE, AcqRel);
        let gone = Gone {
            is_last: before & IS_COMPLETE != 0 && value(before) == 1,
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
    pub(super) fn bequeath(&self, arrivals: &Arrivals) -> usize {
        // ORDERING: [members] as in `watch`.
        arrivals.less_those_gone(self.0.fetch_or(IS_INHERITED, AcqRel))
    }
}

impl Arrivals {
    /// How many live, by the word of the count.
    fn less_those_gone(&self, word: usize) -> usize {
        let n_apart = if let Arrivals::Apart(n) = self { *n } else { 0 };
        n_apart.wrapping_add_signed(value(word))
    }
}

/// Below zero when those that came are counted apart.
fn value(word: usize) -> isize {
    word as isize >> ONE.trailing_zeros()
}
