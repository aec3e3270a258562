//! The right to write a locked value: borrowed, or keeping its lock alive.

use super::hold::Hold;
use super::raw::WRITER;
use super::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, RwLock, RwLockMappedWriteGuard,
    RwLockReadGuard,
};
use crate::lock::foreign;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// The right to write the value of a [`RwLock`], given back on drop. From [`RwLock::write`].
///
/// It can be sent only if the value can be sent and shared: where it went, it can be [downgraded](Self::downgrade).
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::RwLockWriteGuard<'_, std::cell::Cell<i32>>>();
/// ```
///
/// It can be shared only if the value can:
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::RwLockWriteGuard<'_, std::cell::Cell<i32>>>();
/// ```
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// let lock = filch_sync::RwLock::new(vec![1, 2]);
/// let mut guard = lock.write().await;
/// guard.push(3);
/// drop(guard);
/// assert_eq!(*lock.read().await, [1, 2, 3]);
/// # });
/// ```
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    hold: Hold<&'a RwLock<T>, WRITER>,
    /// `Send`, `Sync` and the variance of what the guard gives access to, beside those of the lock.
    _value: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// The caller has entered as the writer, and gives that right to the guard.
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>) -> Self {
        RwLockWriteGuard::of_value(Hold::new(lock))
    }

    #[inline]
    pub(super) fn of_value(hold: Hold<&'a RwLock<T>, WRITER>) -> Self {
        RwLockWriteGuard { hold, _value: PhantomData }
    }

    /// Turns the writer into a reader, without letting another writer in between. Readers that wait behind it are let in,
    /// up to the next writer.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let lock = filch_sync::RwLock::new(1);
    /// let mut write = lock.write().await;
    /// *write = 2;
    /// let read = write.downgrade();
    /// assert_eq!(*read + *lock.read().await, 4);
    /// # });
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        let value = self.hold.lock().value.with(|value| value);
        RwLockReadGuard::of_part(self.hold.without_value().downgrade(), value)
    }

    /// Turns the writer into a reader of a part of the value, as [`downgrade`](Self::downgrade).
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockWriteGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = RwLock::new((1, "one"));
    /// let name = RwLockWriteGuard::downgrade_map(lock.write().await, |pair| &pair.1);
    /// assert_eq!((*name, lock.read().await.0), ("one", 1));
    /// # });
    /// ```
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let part: *const U = foreign(|| f(&this));
        RwLockReadGuard::of_part(this.hold.without_value().downgrade(), part)
    }

    /// Turns the writer into a reader of a part of the value, as [`downgrade`](Self::downgrade), if there is that part.
    ///
    /// # Errors
    /// If `f` says `None`: the guard itself, which still writes.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockWriteGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = RwLock::new(vec![1]);
    /// let write = lock.write().await;
    /// let write = RwLockWriteGuard::try_downgrade_map(write, |list| list.get(5)).unwrap_err();
    /// let first = RwLockWriteGuard::try_downgrade_map(write, |list| list.first()).unwrap();
    /// assert_eq!(*first, 1);
    /// # });
    /// ```
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        match foreign(|| f(&this).map(|part| part as *const U)) {
            Some(part) => Ok(RwLockReadGuard::of_part(this.hold.without_value().downgrade(), part)),
            None => Err(this),
        }
    }

    /// Narrows the guard to a part of the value. The lock is held as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockWriteGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = RwLock::new((1, "one"));
    /// *RwLockWriteGuard::map(lock.write().await, |pair| &mut pair.1) = "uno";
    /// assert_eq!(*lock.read().await, (1, "uno"));
    /// # });
    /// ```
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let part: *mut U = foreign(|| f(&mut this));
        RwLockMappedWriteGuard::new(this.hold.without_value(), part)
    }

    /// Narrows the guard to a part of the value, if there is that part.
    ///
    /// # Errors
    /// If `f` says `None`: the guard itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockWriteGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = RwLock::new(vec![1]);
    /// let write = lock.write().await;
    /// let write = RwLockWriteGuard::try_map(write, |list| list.get_mut(5)).unwrap_err();
    /// *RwLockWriteGuard::try_map(write, |list| list.first_mut()).unwrap() = 2;
    /// assert_eq!(*lock.read().await, [2]);
    /// # });
    /// ```
    pub fn try_map<F, U: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match foreign(|| f(&mut this).map(|part| part as *mut U)) {
            Some(part) => Ok(RwLockMappedWriteGuard::new(this.hold.without_value(), part)),
            None => Err(this),
        }
    }

    /// The guard of the whole value by the type of a mapped one, for where both kinds may come.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockWriteGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = RwLock::new(1);
    /// let guard = RwLockWriteGuard::into_mapped(lock.write().await);
    /// assert_eq!(*guard, 1);
    /// # });
    /// ```
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        RwLockWriteGuard::map(this, |value| value)
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock for writing, and `&self` lends the value for reading only.
        self.hold.lock().value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock for writing, and `&mut self` excludes any other use of it.
        self.hold.lock().value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// The right to write the value of a [`RwLock`] that it keeps alive. From [`RwLock::write_owned`].
///
/// It can be sent, or shared, only if the value can be both:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::OwnedRwLockWriteGuard<std::cell::Cell<i32>>>();
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::RwLock;
/// use std::sync::Arc;
///
/// # futures_lite::future::block_on(async {
/// let lock = Arc::new(RwLock::new(1));
/// let mut guard = lock.clone().write_owned().await;
/// *guard = 2;
/// assert_eq!(*guard.downgrade(), 2);
/// assert!(lock.try_write().is_ok());
/// # });
/// ```
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    hold: Hold<Arc<RwLock<T>>, WRITER>,
    /// `Send` and `Sync` of what the guard gives access to, beside those of the lock.
    _value: PhantomData<T>,
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    /// The caller has entered as the writer, and gives that right to the guard.
    #[inline]
    pub(super) fn new(lock: Arc<RwLock<T>>) -> Self {
        OwnedRwLockWriteGuard::of_value(Hold::new(lock))
    }

    #[inline]
    pub(super) fn of_value(hold: Hold<Arc<RwLock<T>>, WRITER>) -> Self {
        OwnedRwLockWriteGuard { hold, _value: PhantomData }
    }

    /// The lock that this guard holds.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.hold.lock()
    }

    /// Turns the writer into a reader, without letting another writer in between. Readers that wait behind it are let in,
    /// up to the next writer.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::RwLock;
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = Arc::new(RwLock::new(1));
    /// let mut write = lock.clone().write_owned().await;
    /// *write = 2;
    /// let read = write.downgrade();
    /// assert_eq!(*read + *lock.read().await, 4);
    /// # });
    /// ```
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        OwnedRwLockReadGuard::of_value(self.hold.downgrade())
    }

    /// Turns the writer into a reader of a part of the value, as [`downgrade`](Self::downgrade).
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OwnedRwLockWriteGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = Arc::new(RwLock::new((1, "one")));
    /// let write = lock.clone().write_owned().await;
    /// let name = OwnedRwLockWriteGuard::downgrade_map(write, |pair| &pair.1);
    /// assert_eq!((*name, lock.read().await.0), ("one", 1));
    /// # });
    /// ```
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let part: *const U = foreign(|| f(&this));
        OwnedRwLockReadGuard::of_part(this.hold.downgrade(), part)
    }

    /// Turns the writer into a reader of a part of the value, as [`downgrade`](Self::downgrade), if there is that part.
    ///
    /// # Errors
    /// If `f` says `None`: the guard itself, which still writes.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OwnedRwLockWriteGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let write = Arc::new(RwLock::new(vec![1])).write_owned().await;
    /// let write = OwnedRwLockWriteGuard::try_downgrade_map(write, |list| list.get(5)).unwrap_err();
    /// let first = OwnedRwLockWriteGuard::try_downgrade_map(write, |list| list.first()).unwrap();
    /// assert_eq!(*first, 1);
    /// # });
    /// ```
    pub fn try_downgrade_map<F, U: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        match foreign(|| f(&this).map(|part| part as *const U)) {
            Some(part) => Ok(OwnedRwLockReadGuard::of_part(this.hold.downgrade(), part)),
            None => Err(this),
        }
    }

    /// Narrows the guard to a part of the value. The lock is held as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OwnedRwLockWriteGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = Arc::new(RwLock::new((1, "one")));
    /// let write = lock.clone().write_owned().await;
    /// *OwnedRwLockWriteGuard::map(write, |pair| &mut pair.1) = "uno";
    /// assert_eq!(*lock.read().await, (1, "uno"));
    /// # });
    /// ```
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let part: *mut U = foreign(|| f(&mut this));
        OwnedRwLockMappedWriteGuard::new(this.hold, part)
    }

    /// Narrows the guard to a part of the value, if there is that part.
    ///
    /// # Errors
    /// If `f` says `None`: the guard itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OwnedRwLockWriteGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let write = Arc::new(RwLock::new(vec![1])).write_owned().await;
    /// let write = OwnedRwLockWriteGuard::try_map(write, |list| list.get_mut(5)).unwrap_err();
    /// assert_eq!(*write, [1]);
    /// # });
    /// ```
    pub fn try_map<F, U: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match foreign(|| f(&mut this).map(|part| part as *mut U)) {
            Some(part) => Ok(OwnedRwLockMappedWriteGuard::new(this.hold, part)),
            None => Err(this),
        }
    }

    /// The guard of the whole value by the type of a mapped one, for where both kinds may come.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OwnedRwLockWriteGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let write = Arc::new(RwLock::new(1)).write_owned().await;
    /// let guard = OwnedRwLockWriteGuard::into_mapped(write);
    /// assert_eq!(*guard, 1);
    /// # });
    /// ```
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        OwnedRwLockWriteGuard::map(this, |value| value)
    }
}

impl<T: ?Sized> Deref for OwnedRwLockWriteGuard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock for writing, and `&self` lends the value for reading only.
        self.hold.lock().value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for OwnedRwLockWriteGuard<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock for writing, and `&mut self` excludes any other use of it.
        self.hold.lock().value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedRwLockWriteGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for OwnedRwLockWriteGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
