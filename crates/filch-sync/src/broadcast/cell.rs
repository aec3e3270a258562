//! One place for a value, and the claims on it. The states are in the channel's README.

use crate::lock::foreign;
use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};

/// Set by the sender while somebody stands here: claims are given up under the lock.
const OVERWRITTEN: usize = 1;
/// One claim. Why not more bits for the flag: each receiver is a reference to the channel, of which there are at most
/// `isize::MAX`, so that all their claims just fit.
pub(super) const CLAIM: usize = 2;

pub(super) struct Cell<T> {
    /// One more than the position of the value that was put here last; 0 before the first. Written under the lock.
    stamp: AtomicU64,
    /// The number of claims, and `OVERWRITTEN`.
    pub(super) claims: AtomicUsize,
    value: UnsafeCell<Option<T>>,
}

/// A claim was given up.
#[must_use = "the value is the caller's to drop, and an overwritten cell is to be let go"]
pub(super) struct Released<T> {
    /// The value, if that was the last claim.
    pub(super) value: Option<T>,
    /// The claim was not given up: that takes the lock.
    pub(super) is_overwritten: bool,
}

impl<T> Cell<T> {
    pub(super) fn new() -> Self {
        Cell { stamp: AtomicU64::new(0), claims: AtomicUsize::new(0), value: UnsafeCell::new(None) }
    }

    pub(super) fn stamp(&self) -> u64 {
        // ORDERING: [stamp] pairs with `put`: who sees the stamp sees the value and the claims on it.
        self.stamp.load(Acquire)
    }

    pub(super) fn n_claims(&self) -> usize {
        // ORDERING: [claims] pairs with `release`: who sees that claims are given up comes after what was done with them.
        self.claims.load(Acquire) / CLAIM
    }

    /// Marks the cell: from here on no claim is given up without the lock. Gives the number of claims that are left.
    pub(super) fn overwrite(&self) -> usize {
        // ORDERING: [claims] as in `n_claims`. Release, for the one who has the last claim and sees it here.
        self.claims.fetch_or(OVERWRITTEN, AcqRel) / CLAIM
    }

    /// Puts a value in, for `n_claims` receivers. Gives the former one.
    ///
    /// # Safety
    /// The caller holds the channel's lock, and nobody stands at the position of the former value.
    pub(super) unsafe fn put(&self, value: T, position: u64, n_claims: usize) -> Option<T> {
        // SAFETY: only those who stand at its position touch a value without the lock.
        let former = self.value.with_mut(|cell| unsafe { (*cell).replace(value) });
        self.claims.store(n_claims * CLAIM, Relaxed); // Relaxed: published with the stamp.
        self.stamp.store(position + 1, Release); // ORDERING: [stamp] publishes the value and the claims.
        former
    }

    /// # Safety
    /// The caller stands at the position of this cell's value, and has not given its claim up.
    pub(super) unsafe fn with_value<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        self.value.with(|cell| {
            // SAFETY: the claim keeps the value from being taken or overwritten; others only read.
            let value = unsafe { &*cell };
            read(value.as_ref().expect("the value is there as long as somebody has a claim on it"))
        })
    }

    /// The value, if the caller's claim is the only one.
    ///
    /// # Safety
    /// The caller stands at the position of this cell's value, and has not given its claim up.
    pub(super) unsafe fn take_last(&self) -> Option<T> {
        if self.n_claims() != 1 {
            return None;
        }
        // SAFETY: nobody reads it but the caller, for there are no other claims, and none will be added.
        unsafe { self.take() }
    }

    /// Gives the caller's claim up, unless the cell was overwritten.
    ///
    /// # Safety
    /// The caller stands at the position of this cell's value, has not given its claim up, and does not read any more.
    pub(super) unsafe fn release(&self) -> Released<T> {
        let mut value = None;
        let mut claims = self.claims.load(Acquire); // ORDERING: [claims] as in `n_claims`.
        while claims & OVERWRITTEN == 0 {
            if claims == CLAIM && value.is_none() {
                // SAFETY: as in `take_last`. The claim is given up after the value was taken, so that whoever finds the
                // cell without claims finds it empty.
                value = unsafe { self.take() };
            }
            // ORDERING: [claims] Release: the caller reads no more. Acquire on failure, as in `n_claims`.
            match self.claims.compare_exchange_weak(claims, claims - CLAIM, Release, Acquire) {
                Ok(_) => return Released { value, is_overwritten: false },
                Err(actual) => claims = actual,
            }
        }
        Released { value, is_overwritten: true }
    }

    /// # Safety
    /// Nobody else touches the value.
    pub(super) unsafe fn take(&self) -> Option<T> {
        // SAFETY: the caller's promise.
        self.value.with_mut(|cell| unsafe { (*cell).take() })
    }
}

/// A value that nobody receives any more. Its drop is foreign code.
pub(super) struct Former<T>(pub(super) Option<T>);

impl<T> Former<T> {
    pub(super) fn into_inner(mut self) -> Option<T> {
        self.0.take()
    }
}

impl<T> Drop for Former<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            foreign(|| drop(value));
        }
    }
}
