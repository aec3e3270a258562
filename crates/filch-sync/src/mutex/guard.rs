//! The right to a locked value: borrowed, or keeping its lock alive.

use super::hold::Hold;
use super::{MappedMutexGuard, Mutex, OwnedMappedMutexGuard};
use crate::lock::foreign;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// The right to the value of a [`Mutex`], given back on drop. From [`Mutex::lock`].
///
/// A guard can be shared between threads only if its value can:
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::MutexGuard<'_, std::cell::Cell<i32>>>();
/// ```
///
/// and it can be sent only if its value can:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::MutexGuard<'_, std::rc::Rc<i32>>>();
/// ```
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// let mutex = filch_sync::Mutex::new(vec![1, 2]);
/// let mut guard = mutex.lock().await;
/// guard.push(3);
/// assert_eq!(*guard, [1, 2, 3]);
/// drop(guard);
/// assert!(mutex.try_lock().is_ok());
/// # });
/// ```
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized> {
    hold: Hold<&'a Mutex<T>>,
    /// `Send`, `Sync` and the variance of what the guard gives access to: without it, `&Mutex<T>` would make the guard
    /// `Sync` for a `T` that is only `Send`.
    _value: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The caller holds the lock, and gives that right to the guard.
    #[inline]
    pub(super) fn new(mutex: &'a Mutex<T>) -> Self {
        MutexGuard { hold: Hold::new(mutex), _value: PhantomData }
    }

    /// The lock that this guard holds.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.hold.lock()
    }

    /// Narrows the guard to a part of the value. The lock is held as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Mutex, MutexGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let mutex = Mutex::new((1, "one"));
    /// let mut name = MutexGuard::map(mutex.lock().await, |pair| &mut pair.1);
    /// *name = "uno";
    /// assert!(mutex.try_lock().is_err());
    /// drop(name);
    /// assert_eq!(*mutex.lock().await, (1, "uno"));
    /// # });
    /// ```
    pub fn map<U, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let part: *mut U = foreign(|| f(&mut this));
        MappedMutexGuard::new(this.hold.without_value(), part)
    }

    /// Narrows the guard to a part of the value, if there is that part.
    ///
    /// # Errors
    /// If `f` says `None`: the guard itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Mutex, MutexGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let mutex = Mutex::new(vec![1]);
    /// let whole = MutexGuard::try_map(mutex.lock().await, |list| list.get_mut(5)).unwrap_err();
    /// let first = MutexGuard::try_map(whole, |list| list.first_mut()).unwrap();
    /// assert_eq!(*first, 1);
    /// # });
    /// ```
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match foreign(|| f(&mut this).map(|part| part as *mut U)) {
            Some(part) => Ok(MappedMutexGuard::new(this.hold.without_value(), part)),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, and `&self` lends the value for reading only.
        self.hold.lock().value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, and `&mut self` excludes any other use of it.
        self.hold.lock().value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// The right to the value of a [`Mutex`] that it keeps alive. From [`Mutex::lock_owned`].
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::OwnedMutexGuard<std::cell::Cell<i32>>>();
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::Mutex;
/// use std::sync::Arc;
///
/// # futures_lite::future::block_on(async {
/// let mutex = Arc::new(Mutex::new(1));
/// let guard = mutex.clone().lock_owned().await;
/// let thread = std::thread::spawn(move || *guard + 1); // It takes the guard along.
/// assert_eq!(thread.join().unwrap(), 2);
/// assert!(mutex.try_lock().is_ok());
/// # });
/// ```
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct OwnedMutexGuard<T: ?Sized> {
    hold: Hold<Arc<Mutex<T>>>,
    /// `Send` and `Sync` of what the guard gives access to, as for [`MutexGuard`].
    _value: PhantomData<T>,
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// The caller holds the lock, and gives that right to the guard.
    #[inline]
    pub(super) fn new(mutex: Arc<Mutex<T>>) -> Self {
        OwnedMutexGuard { hold: Hold::new(mutex), _value: PhantomData }
    }

    /// The lock that this guard holds.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        this.hold.lock()
    }

    /// Narrows the guard to a part of the value. The lock is held as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Mutex, OwnedMutexGuard};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let mutex = Arc::new(Mutex::new((1, "one")));
    /// let mut name = OwnedMutexGuard::map(mutex.clone().lock_owned().await, |pair| &mut pair.1);
    /// *name = "uno";
    /// assert!(mutex.try_lock().is_err());
    /// # });
    /// ```
    pub fn map<U, F>(mut this: Self, f: F) -> OwnedMappedMutexGuard<T, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let part: *mut U = foreign(|| f(&mut this));
        OwnedMappedMutexGuard::new(this.hold, part)
    }

    /// Narrows the guard to a part of the value, if there is that part.
    ///
    /// # Errors
    /// If `f` says `None`: the guard itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Mutex, OwnedMutexGuard};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let guard = Arc::new(Mutex::new(vec![1])).lock_owned().await;
    /// let whole = OwnedMutexGuard::try_map(guard, |list| list.get_mut(5)).unwrap_err();
    /// assert_eq!(*whole, [1]);
    /// # });
    /// ```
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match foreign(|| f(&mut this).map(|part| part as *mut U)) {
            Some(part) => Ok(OwnedMappedMutexGuard::new(this.hold, part)),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> Deref for OwnedMutexGuard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, and `&self` lends the value for reading only.
        self.hold.lock().value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for OwnedMutexGuard<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, and `&mut self` excludes any other use of it.
        self.hold.lock().value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
