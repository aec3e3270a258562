//! Statics that a fork has anew: what its parent's threads have in their hands is not the child's.
//!
//! Why not one lock for all processes: a thread of the parent may have held it at the fork, and is not here to release it.
//! So a child never waits for it, and drops nothing of what it guards: wakers are foreign code, and their runtime's
//! threads are not here either.

use filch_core::runtime::n_forks;
use std::ptr;
// Why std's: a static is beyond what a checker can run.
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A value behind a lock, one for each process.
pub(crate) struct PerProcess<T: 'static> {
    /// Null, or what the last process has made that used it: this one, or one that it was forked from. Never freed.
    last: AtomicPtr<Owned<T>>,
    make: fn(Option<Inherited<T>>) -> T,
}

struct Owned<T> {
    n_forks: u32,
    value: Mutex<T>,
}

/// What a process finds of its parent's.
pub(crate) struct Inherited<T: 'static>(&'static Mutex<T>);

impl<T: Send + 'static> PerProcess<T> {
    /// `make` is called by the first use in each process, perhaps by several threads, and its value may be dropped unused.
    pub(crate) const fn new(make: fn(Option<Inherited<T>>) -> T) -> Self {
        PerProcess { last: AtomicPtr::new(ptr::null_mut()), make }
    }

    /// Locks this process's value.
    pub(crate) fn lock(&self) -> MutexGuard<'static, T> {
        self.owned().value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owned(&self) -> &'static Owned<T> {
        let n_forks = n_forks();
        // ORDERING: [per-process] Acquire pairs with the release below: what another thread has made is whole.
        let mut last = self.last.load(Acquire);
        loop {
            // SAFETY: it is null, or comes from a box that was leaked below and of which nobody has a mutable reference.
            let present: Option<&'static Owned<T>> = unsafe { last.as_ref() };
            if let Some(owned) = present.filter(|owned| owned.n_forks == n_forks) {
                return owned;
            }
            let value = (self.make)(present.map(|parents| Inherited(&parents.value)));
            let made = Box::into_raw(Box::new(Owned { n_forks, value: Mutex::new(value) }));
            // ORDERING: [per-process] AcqRel: Release pairs with the load above, Acquire with another thread's release.
            match self.last.compare_exchange(last, made, AcqRel, Acquire) {
                Ok(_) => last = made,
                Err(others) => {
                    // SAFETY: it is the box from above, and nobody has seen it.
                    drop(unsafe { Box::from_raw(made) });
                    last = others;
                }
            }
        }
    }
}

impl<T> Inherited<T> {
    /// The parent's value, unless a thread of the parent held it at the fork and may have left it half-way.
    pub(crate) fn get(&self) -> Option<MutexGuard<'static, T>> {
        match self.0.try_lock() {
            Ok(value) => Some(value),
            Err(TryLockError::Poisoned(value)) => Some(value.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
