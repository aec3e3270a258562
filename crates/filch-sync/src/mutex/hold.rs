//! The right to the lock, as a value: every guard is one of these and a way to the locked value.
//!
//! **Invariant:** a hold exists only while its lock is held, and its drop unlocks.

use super::Mutex;
use super::raw::RawMutex;
use std::ops::Deref;

/// What leads to the lock without the value.
pub(super) trait HasRaw {
    fn raw(&self) -> &RawMutex;
}

impl HasRaw for RawMutex {
    #[inline]
    fn raw(&self) -> &RawMutex {
        self
    }
}

impl<T: ?Sized> HasRaw for Mutex<T> {
    #[inline]
    fn raw(&self) -> &RawMutex {
        &self.raw
    }
}

/// The right to the lock behind `L`.
pub(super) struct Hold<L: Deref<Target: HasRaw>>(L);

impl<L: Deref<Target: HasRaw>> Hold<L> {
    /// The caller holds the lock, and gives that right away.
    #[inline]
    pub(super) fn new(lock: L) -> Self {
        Hold(lock)
    }

    #[inline]
    pub(super) fn lock(&self) -> &L {
        &self.0
    }
}

impl<'a, T: ?Sized> Hold<&'a Mutex<T>> {
    /// The same right, without a name for the value.
    #[inline]
    pub(super) fn without_value(self) -> Hold<&'a RawMutex> {
        let mutex = self.0;
        std::mem::forget(self); // What it stood for goes on in the other one.
        Hold(&mutex.raw)
    }
}

impl<L: Deref<Target: HasRaw>> Drop for Hold<L> {
    #[inline]
    fn drop(&mut self) {
        self.0.raw().unlock();
    }
}
