//! The guards that a condition can give up and take again.

use crate::mutex::{Mutex, MutexGuard, OwnedMutexGuard};
use std::ops::DerefMut;
use std::sync::Arc;

/// A guard that [`Condition::wait`](super::Condition::wait) can give up and take again.
///
/// [`MutexGuard`] and [`OwnedMutexGuard`] are such guards; there are no others.
pub trait ConditionGuard: DerefMut + Relock {}

impl<T: ?Sized> ConditionGuard for MutexGuard<'_, T> {}
impl<T: ?Sized> ConditionGuard for OwnedMutexGuard<T> {}

/// How a guard is taken again. Not nameable outside of this crate, so that nobody else implements it.
pub trait Relock: Sized {
    /// What is left of the guard while its lock is given up.
    type Mutex;

    fn mutex(&self) -> Self::Mutex;

    fn lock(mutex: Self::Mutex) -> impl Future<Output = Self>;
}

impl<'a, T: ?Sized> Relock for MutexGuard<'a, T> {
    type Mutex = &'a Mutex<T>;

    fn mutex(&self) -> Self::Mutex {
        MutexGuard::mutex(self)
    }

    fn lock(mutex: Self::Mutex) -> impl Future<Output = Self> {
        mutex.lock()
    }
}

impl<T: ?Sized> Relock for OwnedMutexGuard<T> {
    type Mutex = Arc<Mutex<T>>;

    fn mutex(&self) -> Self::Mutex {
        OwnedMutexGuard::mutex(self).clone()
    }

    fn lock(mutex: Self::Mutex) -> impl Future<Output = Self> {
        mutex.lock_owned()
    }
}
