//! The right to a part of a locked value: borrowed, or keeping the lock alive.
//!
//! **Invariant:** `part` was made from the guard's exclusive access to the value, lives as long as the lock is held, and
//! is used by this guard alone.

use super::Mutex;
use super::hold::Hold;
use super::raw::RawMutex;
use crate::lock::foreign;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// The right to a part of the value of a [`Mutex`], given back on drop. From [`MutexGuard::map`](super::MutexGuard::map).
///
/// A guard can be shared between threads only if the part can:
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::MappedMutexGuard<'_, std::cell::Cell<i32>>>();
/// ```
///
/// it can be sent only if the part can:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::MappedMutexGuard<'_, std::rc::Rc<i32>>>();
/// ```
///
/// and nothing that lives shorter can be put in:
///
/// ```compile_fail
/// use filch_sync::MappedMutexGuard;
///
/// fn shorten<'short>(
///     guard: MappedMutexGuard<'short, &'static str>,
/// ) -> MappedMutexGuard<'short, &'short str> {
///     guard
/// }
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::{MappedMutexGuard, Mutex, MutexGuard};
///
/// struct Account {
///     owner: String,
///     balance: i64,
/// }
///
/// async fn balance(account: &Mutex<Account>) -> MappedMutexGuard<'_, i64> {
///     MutexGuard::map(account.lock().await, |account| &mut account.balance)
/// }
///
/// # futures_lite::future::block_on(async {
/// let account = Mutex::new(Account { owner: "Ada".to_owned(), balance: 5 });
/// *balance(&account).await += 10;
/// assert_eq!(account.lock().await.balance, 15);
/// # assert_eq!(account.lock().await.owner, "Ada");
/// # });
/// ```
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    hold: Hold<&'a RawMutex>,
    part: *mut T,
    /// Invariant in `T`, for what it points to is written.
    _part: PhantomData<&'a mut T>,
}

// SAFETY: it gives access as a `&mut T` does, and may be dropped on any thread: unlocking belongs to none.
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T> {}
// SAFETY: a shared guard gives out `&T` only.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// `part` comes from the guard whose hold this is.
    #[inline]
    pub(super) fn new(hold: Hold<&'a RawMutex>, part: *mut T) -> Self {
        MappedMutexGuard { hold, part, _part: PhantomData }
    }

    /// Narrows the guard further. The lock is held as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{MappedMutexGuard, Mutex, MutexGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let mutex = Mutex::new((0, [1, 2, 3]));
    /// let numbers = MutexGuard::map(mutex.lock().await, |pair| &mut pair.1);
    /// *MappedMutexGuard::map(numbers, |numbers| &mut numbers[1]) = 7;
    /// assert_eq!(mutex.lock().await.1, [1, 7, 3]);
    /// # });
    /// ```
    pub fn map<U, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let part: *mut U = foreign(|| f(&mut this));
        MappedMutexGuard::new(this.hold, part)
    }

    /// Narrows the guard further, if there is that part.
    ///
    /// # Errors
    /// If `f` says `None`: the guard itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{MappedMutexGuard, Mutex, MutexGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let mutex = Mutex::new((0, vec![1, 2, 3]));
    /// let numbers = MutexGuard::map(mutex.lock().await, |pair| &mut pair.1);
    /// let numbers = MappedMutexGuard::try_map(numbers, |numbers| numbers.get_mut(9)).unwrap_err();
    /// assert_eq!(*numbers, [1, 2, 3]);
    /// # });
    /// ```
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match foreign(|| f(&mut this).map(|part| part as *mut U)) {
            Some(part) => Ok(MappedMutexGuard::new(this.hold, part)),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> Deref for MappedMutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the invariant; `&self` lends the part for reading only.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized> DerefMut for MappedMutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the invariant; `&mut self` excludes any other use of the guard.
        unsafe { &mut *self.part }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MappedMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MappedMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// The right to a part `U` of the value of a [`Mutex`] that it keeps alive. From
/// [`OwnedMutexGuard::map`](super::OwnedMutexGuard::map).
///
/// It can be shared, or sent, only if the part can:
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::OwnedMappedMutexGuard<i32, std::cell::Cell<i32>>>();
/// ```
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::OwnedMappedMutexGuard<i32, std::rc::Rc<i32>>>();
/// ```
///
/// and nothing that lives shorter can be put in:
///
/// ```compile_fail
/// use filch_sync::OwnedMappedMutexGuard;
///
/// fn shorten<'short>(
///     guard: OwnedMappedMutexGuard<i32, &'static str>,
/// ) -> OwnedMappedMutexGuard<i32, &'short str> {
///     guard
/// }
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};
/// use std::sync::Arc;
///
/// # futures_lite::future::block_on(async {
/// let guard = Arc::new(Mutex::new((1, "one"))).lock_owned().await;
/// let name: OwnedMappedMutexGuard<_, &str> = OwnedMutexGuard::map(guard, |pair| &mut pair.1);
/// assert_eq!(*name, "one");
/// # });
/// ```
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T> {
    hold: Hold<Arc<Mutex<T>>>,
    /// Why `*mut`: it is invariant in `U`, for what it points to is written.
    part: *mut U,
}

// SAFETY: it gives access as a `&mut U` does, may be dropped on any thread, and drops the `T` if it is the last one.
unsafe impl<T: ?Sized + Send, U: ?Sized + Send> Send for OwnedMappedMutexGuard<T, U> {}
// SAFETY: a shared guard gives out `&U` only.
unsafe impl<T: ?Sized + Send, U: ?Sized + Sync> Sync for OwnedMappedMutexGuard<T, U> {}

impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// `part` comes from the guard whose hold this is.
    #[inline]
    pub(super) fn new(hold: Hold<Arc<Mutex<T>>>, part: *mut U) -> Self {
        OwnedMappedMutexGuard { hold, part }
    }

    /// Narrows the guard further. The lock is held as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let mutex = Arc::new(Mutex::new((0, [1, 2, 3])));
    /// let numbers = OwnedMutexGuard::map(mutex.clone().lock_owned().await, |pair| &mut pair.1);
    /// *OwnedMappedMutexGuard::map(numbers, |numbers| &mut numbers[1]) = 7;
    /// assert_eq!(mutex.lock().await.1, [1, 7, 3]);
    /// # });
    /// ```
    pub fn map<S, F>(mut this: Self, f: F) -> OwnedMappedMutexGuard<T, S>
    where
        S: ?Sized,
        F: FnOnce(&mut U) -> &mut S,
    {
        let part: *mut S = foreign(|| f(&mut this));
        OwnedMappedMutexGuard::new(this.hold, part)
    }

    /// Narrows the guard further, if there is that part.
    ///
    /// # Errors
    /// If `f` says `None`: the guard itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let guard = Arc::new(Mutex::new((0, vec![1, 2, 3]))).lock_owned().await;
    /// let numbers = OwnedMutexGuard::map(guard, |pair| &mut pair.1);
    /// let last = OwnedMappedMutexGuard::try_map(numbers, |numbers| numbers.last_mut()).unwrap();
    /// assert_eq!(*last, 3);
    /// # });
    /// ```
    pub fn try_map<S, F>(mut this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, S>, Self>
    where
        S: ?Sized,
        F: FnOnce(&mut U) -> Option<&mut S>,
    {
        match foreign(|| f(&mut this).map(|part| part as *mut S)) {
            Some(part) => Ok(OwnedMappedMutexGuard::new(this.hold, part)),
            None => Err(this),
        }
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedMappedMutexGuard<T, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: the invariant; `&self` lends the part for reading only.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedMappedMutexGuard<T, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: the invariant; `&mut self` excludes any other use of the guard.
        unsafe { &mut *self.part }
    }
}

impl<T: ?Sized, U: ?Sized + fmt::Debug> fmt::Debug for OwnedMappedMutexGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized, U: ?Sized + fmt::Display> fmt::Display for OwnedMappedMutexGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
