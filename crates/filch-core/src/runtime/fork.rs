//! Forks: the child has the memory of its parent's runtimes, and none of their threads.
//!
//! This crate makes no system call, so whoever can ask the system to be told of forks, the facade, passes that on.

use crossbeam_utils::CachePadded;
// Why std's: a static, and written while the process has one thread.
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// How many forks there are between the first process and this one.
// Why padded: it is read at each access to a runtime, and hardly ever written.
static N_FORKS: CachePadded<AtomicU32> = CachePadded::new(AtomicU32::new(0));

/// In which process something was made.
#[derive(Debug, Default)]
pub(super) struct Origin(CachePadded<AtomicU32>);

/// This process is a child: the runtimes that it finds are its parent's. For a handler that the system calls at forks.
pub fn forked() {
    N_FORKS.fetch_add(1, Relaxed);
}

/// How many forks there are between the first process and this one: what was made at another count is a parent's.
#[inline]
pub fn n_forks() -> u32 {
    N_FORKS.load(Relaxed)
}

impl Origin {
    pub(super) fn set_here(&self) {
        self.0.store(n_forks(), Relaxed);
    }

    #[inline]
    pub(super) fn is_here(&self) -> bool {
        self.0.load(Relaxed) == n_forks()
    }
}
