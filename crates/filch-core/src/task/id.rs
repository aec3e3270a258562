//! Task identifiers, given out in blocks so that spawning touches no shared cache line.

use crate::sys::sync::atomic::Ordering::Relaxed;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::AtomicU64;

/// How many identifiers a thread takes at once.
// Why: one shared write per 1024 spawns; a 64-bit number lasts for centuries of that.
const BLOCK: u64 = 1024;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);

/// Names a task. Unique in the process, never used again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(NonZeroU64);

impl Id {
    /// The next identifier of this thread's block.
    pub(crate) fn next(block: &std::cell::Cell<u64>) -> Id {
        let mut id = block.get();
        if id % BLOCK == 0 {
            id = NEXT_BLOCK.fetch_add(1, Relaxed) * BLOCK;
        }
        block.set(id + 1);
        Id(NonZeroU64::new(id).expect("blocks are counted from one"))
    }
}

impl Id {
    pub(super) fn as_u64(self) -> u64 {
        self.0.get()
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
