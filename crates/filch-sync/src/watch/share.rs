//! A value with several owners, the last of which gets it.
//!
//! Why not std's `Arc`: this one is known to the model checker, and has no weak references, so that to be alone is one
//! load.

use crate::lock::foreign;
use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*, fence};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::process::abort;
use std::ptr::NonNull;

/// Why not more: so many others can be made, by threads that all see this number, until the count wraps around.
const MAX_SHARES: usize = isize::MAX as usize;

/// A value that can be shared, and at present is not.
pub(super) struct Sole<T>(Box<Counted<T>>);

/// One owner of a value.
pub(super) struct Share<T>(NonNull<Counted<T>>);

pub(super) struct Counted<T> {
    pub(super) n_shares: AtomicUsize,
    /// Written by one owner, read by the last one.
    is_awaited: AtomicBool,
    /// Read by all owners, written by a sole one.
    value: UnsafeCell<T>,
}

// SAFETY: owners on several threads read the value, and any of them may be the last one, who gets it.
unsafe impl<T: Send + Sync> Send for Share<T> {}
// SAFETY: as above; a shared `Share` can be cloned.
unsafe impl<T: Send + Sync> Sync for Share<T> {}

impl<T> Sole<T> {
    pub(super) fn new(value: T) -> Self {
        Sole(Box::new(Counted {
            n_shares: AtomicUsize::new(1),
            is_awaited: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }))
    }

    pub(super) fn value(&mut self) -> &mut T {
        // SAFETY: the borrow of the sole owner excludes any other access.
        self.0.value.with_mut(|value| unsafe { &mut *value })
    }

    /// Whether somebody called [`Share::await_sole`].
    pub(super) fn is_awaited(&self) -> bool {
        self.0.is_awaited.load(Relaxed) // Relaxed: published with the shares that were let go of.
    }

    pub(super) fn share(self) -> Share<T> {
        self.0.n_shares.store(1, Relaxed);
        self.0.is_awaited.store(false, Relaxed);
        Share(NonNull::from(Box::leak(self.0)))
    }
}

impl<T> Share<T> {
    /// The value, if nobody shares it.
    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        let counted = self.counted();
        // ORDERING: [share] as in `let_go`. Nobody but this owner can make another share, and it is borrowed.
        if counted.n_shares.load(Acquire) != 1 {
            return None;
        }
        // SAFETY: the borrow of the sole owner excludes any other access.
        Some(counted.value.with_mut(|value| unsafe { &mut *value }))
    }

    /// Ends this share. Gives the value to the last one.
    pub(super) fn let_go(self) -> Option<Sole<T>> {
        let this = ManuallyDrop::new(self);
        // ORDERING: [share] Release: this owner reads no more; Acquire, by the fence: nor do the others.
        if this.counted().n_shares.fetch_sub(1, Release) != 1 {
            return None;
        }
        fence(Acquire);
        // SAFETY: leaked in `share`; this was the last owner.
        Some(Sole(unsafe { Box::from_raw(this.0.as_ptr()) }))
    }

    /// As [`let_go`](Self::let_go), telling the one who will be the last that the value is awaited.
    pub(super) fn await_sole(self) -> Option<Sole<T>> {
        self.counted().is_awaited.store(true, Relaxed); // Relaxed: published with this share.
        self.let_go()
    }

    pub(super) fn counted(&self) -> &Counted<T> {
        // SAFETY: it lives as long as there is a share.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Clone for Share<T> {
    #[inline]
    fn clone(&self) -> Self {
        // Relaxed: there is a share already, so nobody takes the value.
        let n_shares = self.counted().n_shares.fetch_add(1, Relaxed);
        // Shares can be leaked, so memory does not bound their number. As with std's `Arc`: there is no error to give,
        // and a count that wraps around would free what is lent.
        if n_shares > MAX_SHARES {
            abort();
        }
        Share(self.0)
    }
}

impl<T> Deref for Share<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: as long as there is a share, owners only read, or one is alone and is borrowed for a write.
        self.counted().value.with(|value| unsafe { &*value })
    }
}

impl<T> Drop for Share<T> {
    fn drop(&mut self) {
        let last = Share(self.0).let_go();
        if last.is_some() {
            foreign(|| drop(last));
        }
    }
}

#[cfg(all(test, not(any(filch_loom, filch_shuttle))))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    #[ignore = "aborts: run by the test below"]
    fn one_share_too_many() {
        let share = Sole::new(1).share();
        share.counted().n_shares.store(MAX_SHARES + 1, Relaxed); // As if so many were leaked.
        std::mem::forget(share.clone());
    }

    #[test]
    fn more_shares_than_can_be_counted_abort() {
        let output = Command::new(std::env::current_exe().expect("a running test has a file"))
            .args(["--ignored", "--exact", "watch::share::tests::one_share_too_many"])
            .output()
            .expect("the file of this test can be run");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains("running 1 test"), "{printed}");
        // A panic would have come to a result.
        assert!(!output.status.success() && !printed.contains("test result"), "{printed}");
    }
}
