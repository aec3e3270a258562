//! The right to a part of the lock, as a value: every guard is one of these and a way to the locked value.
//!
//! **Invariant:** a hold of `HELD` exists only while the lock's word has that in it, and its drop takes it out.

use super::RwLock;
use super::raw::{RawRwLock, UPGRADABLE_READER, WRITER};
use std::mem::ManuallyDrop;
use std::ops::Deref;

/// What leads to the lock without the value.
pub(super) trait HasRaw {
    fn raw(&self) -> &RawRwLock;
}

impl HasRaw for RawRwLock {
    #[inline]
    fn raw(&self) -> &RawRwLock {
        self
    }
}

impl<T: ?Sized> HasRaw for RwLock<T> {
    #[inline]
    fn raw(&self) -> &RawRwLock {
        &self.raw
    }
}

/// What was put into the word of the lock behind `L`: `READER`, `UPGRADABLE_READER` or `WRITER`.
pub(super) struct Hold<L: Deref<Target: HasRaw>, const HELD: usize>(L);

impl<L: Deref<Target: HasRaw>, const HELD: usize> Hold<L, HELD> {
    /// The caller has entered, and gives that right away.
    #[inline]
    pub(super) fn new(lock: L) -> Self {
        Hold(lock)
    }

    #[inline]
    pub(super) fn lock(&self) -> &L {
        &self.0
    }

    #[inline]
    pub(super) fn raw(&self) -> &RawRwLock {
        self.0.raw()
    }

    /// Gives back all but `LESS`, in one step.
    #[inline]
    pub(super) fn downgrade<const LESS: usize>(self) -> Hold<L, LESS> {
        // Why first: a waker that panics in `leave` must find the hold of what is left.
        let less = Hold::new(self.into_lock());
        less.raw().leave(HELD - LESS);
        less
    }

    /// The lock, with what is held left in its word: the caller answers for it.
    #[inline]
    fn into_lock(self) -> L {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is neither used nor dropped after this, so that the lock is moved, not copied.
        unsafe { std::ptr::read(&this.0) }
    }
}

impl<L: Deref<Target: HasRaw>> Hold<L, UPGRADABLE_READER> {
    /// The same right, after the word was changed for it.
    #[inline]
    pub(super) fn upgraded(self) -> Hold<L, WRITER> {
        Hold(self.into_lock())
    }
}

impl<'a, T: ?Sized, const HELD: usize> Hold<&'a RwLock<T>, HELD> {
    /// The same right, without a name for the value.
    #[inline]
    pub(super) fn without_value(self) -> Hold<&'a RawRwLock, HELD> {
        Hold(&self.into_lock().raw)
    }
}

impl<L: Deref<Target: HasRaw>, const HELD: usize> Drop for Hold<L, HELD> {
    #[inline]
    fn drop(&mut self) {
        self.raw().leave(HELD);
    }
}
