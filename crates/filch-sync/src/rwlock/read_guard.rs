//! The right to read a locked value, or a part of it: borrowed, or keeping its lock alive.
//!
//! **Invariant:** `part` was made from access for reading to the value, and lives as long as the lock is held.

use super::RwLock;
use super::hold::Hold;
use super::raw::{READER, RawRwLock};
use crate::lock::foreign;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

/// The right to read the value of a [`RwLock`], or a part of it, given back on drop. From [`RwLock::read`].
///
/// It can be shared, or sent, only if the value can be shared:
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::RwLockReadGuard<'_, std::cell::Cell<i32>>>();
/// ```
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::RwLockReadGuard<'_, std::cell::Cell<i32>>>();
/// ```
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// let lock = filch_sync::RwLock::new(vec![1, 2]);
/// let guard = lock.read().await;
/// assert_eq!(guard.len(), 2);
/// drop(guard);
/// assert!(lock.try_write().is_ok());
/// # });
/// ```
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    hold: Hold<&'a RawRwLock, READER>,
    /// Why no reference: it may dangle while the guard is dropped, when the lock is free already.
    part: *const T,
    _part: PhantomData<&'a T>,
}

// SAFETY: it gives access as a `&T` does, and may be dropped on any thread: leaving the lock belongs to none.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: a shared guard gives out `&T` only.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// The caller has entered as a reader, and gives that right to the guard.
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>) -> Self {
        RwLockReadGuard::of_part(Hold::new(&lock.raw), lock.value.with(|value| value))
    }

    /// `part` comes from the guard whose hold this is, or was.
    #[inline]
    pub(super) fn of_part(hold: Hold<&'a RawRwLock, READER>, part: *const T) -> Self {
        RwLockReadGuard { hold, part, _part: PhantomData }
    }

    /// Narrows the guard to a part of the value. The lock is held as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockReadGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = RwLock::new((1, "one"));
    /// let name = RwLockReadGuard::map(lock.read().await, |pair| &pair.1);
    /// assert_eq!(*name, "one");
    /// assert!(lock.try_write().is_err());
    /// # });
    /// ```
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let part: *const U = foreign(|| f(&this));
        RwLockReadGuard::of_part(this.hold, part)
    }

    /// Narrows the guard to a part of the value, if there is that part.
    ///
    /// # Errors
    /// If `f` says `None`: the guard itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockReadGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = RwLock::new(vec![1]);
    /// let whole = RwLockReadGuard::try_map(lock.read().await, |list| list.get(5)).unwrap_err();
    /// let first = RwLockReadGuard::try_map(whole, |list| list.first()).unwrap();
    /// assert_eq!(*first, 1);
    /// # });
    /// ```
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        match foreign(|| f(&this).map(|part| part as *const U)) {
            Some(part) => Ok(RwLockReadGuard::of_part(this.hold, part)),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the invariant: the lock is held for reading, so nobody writes.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// The right to read the value of a [`RwLock`] that it keeps alive, or a part `U` of it. From [`RwLock::read_owned`].
///
/// It can be shared, or sent, only if both can be shared:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::OwnedRwLockReadGuard<i32, std::cell::Cell<i32>>>();
/// ```
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::OwnedRwLockReadGuard<std::cell::Cell<i32>>>();
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::RwLock;
/// use std::sync::Arc;
///
/// # futures_lite::future::block_on(async {
/// let guard = Arc::new(RwLock::new("kept")).read_owned().await;
/// assert_eq!(*guard, "kept");
/// # });
/// ```
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    hold: Hold<Arc<RwLock<T>>, READER>,
    part: *const U,
}

// SAFETY: it gives access as a `&U` and an `&Arc<RwLock<T>>` do, and drops the `T` if it is the last one.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Send for OwnedRwLockReadGuard<T, U> {}
// SAFETY: a shared guard gives out `&U` and `&Arc<RwLock<T>>` only.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Sync for OwnedRwLockReadGuard<T, U> {}

impl<T: ?Sized> OwnedRwLockReadGuard<T> {
    /// The caller has entered as a reader, and gives that right to the guard.
    #[inline]
    pub(super) fn new(lock: Arc<RwLock<T>>) -> Self {
        OwnedRwLockReadGuard::of_value(Hold::new(lock))
    }

    #[inline]
    pub(super) fn of_value(hold: Hold<Arc<RwLock<T>>, READER>) -> Self {
        let value = hold.lock().value.with(|value| value);
        OwnedRwLockReadGuard::of_part(hold, value)
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// `part` comes from the guard whose hold this is, or was.
    #[inline]
    pub(super) fn of_part(hold: Hold<Arc<RwLock<T>>, READER>, part: *const U) -> Self {
        OwnedRwLockReadGuard { hold, part }
    }

    /// The lock that this guard holds.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.hold.lock()
    }

    /// Narrows the guard to a part of the value. The lock is held as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OwnedRwLockReadGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let guard = Arc::new(RwLock::new((1, "one"))).read_owned().await;
    /// let name = OwnedRwLockReadGuard::map(guard, |pair| &pair.1);
    /// assert_eq!(*name, "one");
    /// # });
    /// ```
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, V>
    where
        F: FnOnce(&U) -> &V,
    {
        let part: *const V = foreign(|| f(&this));
        OwnedRwLockReadGuard::of_part(this.hold, part)
    }

    /// Narrows the guard to a part of the value, if there is that part.
    ///
    /// # Errors
    /// If `f` says `None`: the guard itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OwnedRwLockReadGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let guard = Arc::new(RwLock::new(vec![1])).read_owned().await;
    /// let whole = OwnedRwLockReadGuard::try_map(guard, |list| list.get(5)).unwrap_err();
    /// assert_eq!(*whole, [1]);
    /// # });
    /// ```
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        F: FnOnce(&U) -> Option<&V>,
    {
        match foreign(|| f(&this).map(|part| part as *const V)) {
            Some(part) => Ok(OwnedRwLockReadGuard::of_part(this.hold, part)),
            None => Err(this),
        }
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedRwLockReadGuard<T, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: the invariant: the lock is held for reading, so nobody writes.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized, U: ?Sized + fmt::Debug> fmt::Debug for OwnedRwLockReadGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized, U: ?Sized + fmt::Display> fmt::Display for OwnedRwLockReadGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
