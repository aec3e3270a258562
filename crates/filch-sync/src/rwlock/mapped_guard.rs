//! The right to write a part of a locked value: borrowed, or keeping the lock alive.
//!
//! It cannot be downgraded: a reader of the whole value could change, through a `Cell` in it, what the reader of a part
//! borrows.
//!
//! **Invariant:** `part` was made from the guard's exclusive access to the value, lives as long as the lock is held, and
//! is used by this guard alone.

use super::RwLock;
use super::hold::Hold;
use super::raw::{RawRwLock, WRITER};
use crate::lock::foreign;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// The right to write a part of the value of a [`RwLock`], given back on drop. From
/// [`RwLockWriteGuard::map`](super::RwLockWriteGuard::map).
///
/// It can be shared only if the part can, sent only if the part can, and nothing that lives shorter can be put in:
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::RwLockMappedWriteGuard<'_, std::cell::Cell<i32>>>();
/// ```
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::RwLockMappedWriteGuard<'_, std::rc::Rc<i32>>>();
/// ```
///
/// ```compile_fail
/// use filch_sync::RwLockMappedWriteGuard;
///
/// fn shorten<'short>(
///     guard: RwLockMappedWriteGuard<'short, &'static str>,
/// ) -> RwLockMappedWriteGuard<'short, &'short str> {
///     guard
/// }
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::{RwLock, RwLockMappedWriteGuard, RwLockWriteGuard};
///
/// async fn first(list: &RwLock<Vec<i32>>) -> RwLockMappedWriteGuard<'_, i32> {
///     RwLockWriteGuard::map(list.write().await, |list| &mut list[0])
/// }
///
/// # futures_lite::future::block_on(async {
/// let list = RwLock::new(vec![1, 2]);
/// *first(&list).await = 5;
/// assert_eq!(*list.read().await, [5, 2]);
/// # });
/// ```
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    hold: Hold<&'a RawRwLock, WRITER>,
    part: *mut T,
    /// Invariant in `T`, for what it points to is written.
    _part: PhantomData<&'a mut T>,
}

// SAFETY: it gives access as a `&mut T` does, and may be dropped on any thread: leaving the lock belongs to none.
unsafe impl<T: ?Sized + Send> Send for RwLockMappedWriteGuard<'_, T> {}
// SAFETY: a shared guard gives out `&T` only.
unsafe impl<T: ?Sized + Sync> Sync for RwLockMappedWriteGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    /// `part` comes from the guard whose hold this is.
    #[inline]
    pub(super) fn new(hold: Hold<&'a RawRwLock, WRITER>, part: *mut T) -> Self {
        RwLockMappedWriteGuard { hold, part, _part: PhantomData }
    }

    /// Narrows the guard further. The lock is held as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockMappedWriteGuard, RwLockWriteGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = RwLock::new((0, [1, 2, 3]));
    /// let numbers = RwLockWriteGuard::map(lock.write().await, |pair| &mut pair.1);
    /// *RwLockMappedWriteGuard::map(numbers, |numbers| &mut numbers[1]) = 7;
    /// assert_eq!(lock.read().await.1, [1, 7, 3]);
    /// # });
    /// ```
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let part: *mut U = foreign(|| f(&mut this));
        RwLockMappedWriteGuard::new(this.hold, part)
    }

    /// Narrows the guard further, if there is that part.
    ///
    /// # Errors
    /// If `f` says `None`: the guard itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockMappedWriteGuard, RwLockWriteGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = RwLock::new((0, vec![1, 2, 3]));
    /// let list = RwLockWriteGuard::map(lock.write().await, |pair| &mut pair.1);
    /// let list = RwLockMappedWriteGuard::try_map(list, |list| list.get_mut(9)).unwrap_err();
    /// assert_eq!(*list, [1, 2, 3]);
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
            Some(part) => Ok(RwLockMappedWriteGuard::new(this.hold, part)),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> Deref for RwLockMappedWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the invariant; `&self` lends the part for reading only.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized> DerefMut for RwLockMappedWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the invariant; `&mut self` excludes any other use of the guard.
        unsafe { &mut *self.part }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockMappedWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockMappedWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// The right to write a part `U` of the value of a [`RwLock`] that it keeps alive. From
/// [`OwnedRwLockWriteGuard::map`](super::OwnedRwLockWriteGuard::map).
///
/// It can be shared only if the part can, sent only if the part can, and nothing that lives shorter can be put in:
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::OwnedRwLockMappedWriteGuard<i32, std::cell::Cell<i32>>>();
/// ```
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::OwnedRwLockMappedWriteGuard<i32, std::rc::Rc<i32>>>();
/// ```
///
/// ```compile_fail
/// use filch_sync::OwnedRwLockMappedWriteGuard;
///
/// fn shorten<'short>(
///     guard: OwnedRwLockMappedWriteGuard<i32, &'static str>,
/// ) -> OwnedRwLockMappedWriteGuard<i32, &'short str> {
///     guard
/// }
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::{OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLock};
/// use std::sync::Arc;
///
/// # futures_lite::future::block_on(async {
/// let write = Arc::new(RwLock::new((1, "one"))).write_owned().await;
/// let name: OwnedRwLockMappedWriteGuard<_, &str> =
///     OwnedRwLockWriteGuard::map(write, |pair| &mut pair.1);
/// assert_eq!(*name, "one");
/// # });
/// ```
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T> {
    hold: Hold<Arc<RwLock<T>>, WRITER>,
    /// Why `*mut`: it is invariant in `U`, for what it points to is written.
    part: *mut U,
}

// SAFETY: it gives access as a `&mut U` and an `&Arc<RwLock<T>>` do, and drops the `T` if it is the last one.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send> Send for OwnedRwLockMappedWriteGuard<T, U> {}
// SAFETY: a shared guard gives out `&U` and `&Arc<RwLock<T>>` only.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Sync for OwnedRwLockMappedWriteGuard<T, U> {}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    /// `part` comes from the guard whose hold this is.
    #[inline]
    pub(super) fn new(hold: Hold<Arc<RwLock<T>>, WRITER>, part: *mut U) -> Self {
        OwnedRwLockMappedWriteGuard { hold, part }
    }

    /// The lock that this guard holds.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.hold.lock()
    }

    /// Narrows the guard further. The lock is held as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = Arc::new(RwLock::new((0, [1, 2, 3])));
    /// let numbers = OwnedRwLockWriteGuard::map(lock.clone().write_owned().await, |p| &mut p.1);
    /// *OwnedRwLockMappedWriteGuard::map(numbers, |numbers| &mut numbers[1]) = 7;
    /// assert_eq!(lock.read().await.1, [1, 7, 3]);
    /// # });
    /// ```
    pub fn map<F, V: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        let part: *mut V = foreign(|| f(&mut this));
        OwnedRwLockMappedWriteGuard::new(this.hold, part)
    }

    /// Narrows the guard further, if there is that part.
    ///
    /// # Errors
    /// If `f` says `None`: the guard itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let write = Arc::new(RwLock::new((0, vec![1, 2, 3]))).write_owned().await;
    /// let list = OwnedRwLockWriteGuard::map(write, |pair| &mut pair.1);
    /// let last = OwnedRwLockMappedWriteGuard::try_map(list, |list| list.last_mut()).unwrap();
    /// assert_eq!(*last, 3);
    /// # });
    /// ```
    pub fn try_map<F, V: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        match foreign(|| f(&mut this).map(|part| part as *mut V)) {
            Some(part) => Ok(OwnedRwLockMappedWriteGuard::new(this.hold, part)),
            None => Err(this),
        }
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedRwLockMappedWriteGuard<T, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: the invariant; `&self` lends the part for reading only.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedRwLockMappedWriteGuard<T, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: the invariant; `&mut self` excludes any other use of the guard.
        unsafe { &mut *self.part }
    }
}

impl<T: ?Sized, U: ?Sized + fmt::Debug> fmt::Debug for OwnedRwLockMappedWriteGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized, U: ?Sized + fmt::Display> fmt::Display for OwnedRwLockMappedWriteGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
