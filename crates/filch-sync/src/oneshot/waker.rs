//! A waker that can be copied while its owner may be exchanging it.
//!
//! A copy may be torn, and is nobody's waker until it turns out that nothing was exchanged meanwhile: that is for a word
//! elsewhere to tell.

use filch_core::sys::sync::atomic::{AtomicPtr, Ordering::*};
use std::mem::ManuallyDrop;
use std::ptr;
use std::task::{RawWakerVTable, Waker};

/// The two words of a waker. Drops nothing.
pub(super) struct WakerCell {
    data: AtomicPtr<()>,
    vtable: AtomicPtr<RawWakerVTable>,
}

/// What was in a [`WakerCell`], perhaps.
pub(super) struct WakerCopy {
    data: *const (),
    vtable: *const RawWakerVTable,
}

impl WakerCell {
    pub(super) fn new() -> Self {
        WakerCell { data: AtomicPtr::new(ptr::null_mut()), vtable: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Puts `waker` in. What was in before is not dropped: somebody has it, or never will.
    pub(super) fn put(&self, waker: Waker) {
        let waker = ManuallyDrop::new(waker);
        // Relaxed: whoever relies on the words has seen the word that says that they are there.
        self.data.store(waker.data().cast_mut(), Relaxed);
        self.vtable.store(ptr::from_ref(waker.vtable()).cast_mut(), Relaxed);
    }

    pub(super) fn copy(&self) -> WakerCopy {
        // Relaxed: as in `put`.
        WakerCopy { data: self.data.load(Relaxed), vtable: self.vtable.load(Relaxed) }
    }
}

impl WakerCopy {
    /// # Safety
    /// - A waker was put into the cell and no other one while it was copied.
    /// - The caller has the right to that waker: it is taken out once.
    pub(super) unsafe fn into_waker(self) -> Waker {
        // SAFETY: the two words are those of one waker, whose vtable is static; the caller is its only owner.
        unsafe { Waker::new(self.data, &*self.vtable) }
    }

    /// # Safety
    /// As the first point of `into_waker`; and the waker is in the cell as long as the result is used.
    pub(super) unsafe fn into_lent(self) -> ManuallyDrop<Waker> {
        // SAFETY: the caller's promise; the waker stays the cell's, for this one is not dropped.
        ManuallyDrop::new(unsafe { self.into_waker() })
    }
}
