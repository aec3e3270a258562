//! The right to read a locked value and to be the next one who writes it: borrowed, or keeping its lock alive.
//!
//! **Invariant:** at most one exists for a lock at a time, and none beside a writer.

use super::hold::Hold;
use super::raw::{UPGRADABLE_READER, Want};
use super::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

/// The right to read the value of a [`RwLock`] beside other readers, and to turn into its writer, given back on drop.
/// From [`RwLock::upgradable_read`].
///
/// It can be sent only if the value can be sent and shared, shared only if the value can, and nothing that lives shorter
/// can be put in by the writer it becomes:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::RwLockUpgradableReadGuard<'_, std::cell::Cell<i32>>>();
/// ```
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::RwLockUpgradableReadGuard<'_, std::cell::Cell<i32>>>();
/// ```
///
/// ```compile_fail
/// use filch_sync::RwLockUpgradableReadGuard;
///
/// fn shorten<'short>(
///     guard: RwLockUpgradableReadGuard<'short, &'static str>,
/// ) -> RwLockUpgradableReadGuard<'short, &'short str> {
///     guard
/// }
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::{RwLock, RwLockUpgradableReadGuard};
///
/// # futures_lite::future::block_on(async {
/// let lock = RwLock::new(5);
/// let upgradable = lock.upgradable_read().await;
/// assert_eq!(*lock.read().await, *upgradable);
/// let mut write = RwLockUpgradableReadGuard::upgrade(upgradable).await;
/// *write += 1; // Nobody has written since the value was read.
/// assert_eq!(*write, 6);
/// # });
/// ```
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct RwLockUpgradableReadGuard<'a, T: ?Sized> {
    hold: Hold<&'a RwLock<T>, UPGRADABLE_READER>,
    /// `Send`, `Sync` and the variance of what the guard gives access to once it is upgraded.
    _value: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> RwLockUpgradableReadGuard<'a, T> {
    /// The caller has entered as the upgradable reader, and gives that right to the guard.
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>) -> Self {
        RwLockUpgradableReadGuard { hold: Hold::new(lock), _value: PhantomData }
    }

    /// Waits until the other readers are gone, then writes. Nobody else writes in between, and readers that come
    /// meanwhile wait.
    ///
    /// # Cancel safety
    /// A dropped call has dropped the guard: it neither reads nor writes any more, and those who wait go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockUpgradableReadGuard};
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = RwLock::new(1);
    /// let read = lock.upgradable_read().await;
    /// if *read == 1 {
    ///     *RwLockUpgradableReadGuard::upgrade(read).await = 2;
    /// }
    /// assert_eq!(*lock.read().await, 2);
    /// # });
    /// ```
    pub async fn upgrade(this: Self) -> RwLockWriteGuard<'a, T> {
        this.hold.raw().enter(Want::Upgrade).await;
        RwLockWriteGuard::of_value(this.hold.upgraded())
    }

    /// Writes, if there are no other readers.
    ///
    /// # Errors
    /// If there are: the guard itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockUpgradableReadGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let upgradable = lock.try_upgradable_read().unwrap();
    /// let reader = lock.try_read().unwrap();
    /// let upgradable = RwLockUpgradableReadGuard::try_upgrade(upgradable).unwrap_err();
    /// drop(reader);
    /// *RwLockUpgradableReadGuard::try_upgrade(upgradable).unwrap() = 2;
    /// assert_eq!(*lock.try_read().unwrap(), 2);
    /// ```
    pub fn try_upgrade(this: Self) -> Result<RwLockWriteGuard<'a, T>, Self> {
        if this.hold.raw().try_enter(Want::Upgrade) {
            Ok(RwLockWriteGuard::of_value(this.hold.upgraded()))
        } else {
            Err(this)
        }
    }

    /// Turns into a plain reader, so that another one may be upgradable.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockUpgradableReadGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let reader = RwLockUpgradableReadGuard::downgrade(lock.try_upgradable_read().unwrap());
    /// assert!(lock.try_upgradable_read().is_ok());
    /// assert_eq!(*reader, 1);
    /// ```
    pub fn downgrade(this: Self) -> RwLockReadGuard<'a, T> {
        let value = this.hold.lock().value.with(|value| value);
        RwLockReadGuard::of_part(this.hold.without_value().downgrade(), value)
    }
}

impl<T: ?Sized> Deref for RwLockUpgradableReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock for reading, so nobody writes.
        self.hold.lock().value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockUpgradableReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockUpgradableReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// The right to read the value of a [`RwLock`] that it keeps alive, and to turn into its writer. From
/// [`RwLock::upgradable_read_owned`].
///
/// It can be sent, or shared, only if the value can be both:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::OwnedRwLockUpgradableReadGuard<std::cell::Cell<i32>>>();
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::{OwnedRwLockUpgradableReadGuard, RwLock};
/// use std::sync::Arc;
///
/// # futures_lite::future::block_on(async {
/// let lock = Arc::new(RwLock::new(5));
/// let upgradable = lock.clone().upgradable_read_owned().await;
/// assert_eq!(*lock.read().await, *upgradable);
/// *OwnedRwLockUpgradableReadGuard::upgrade(upgradable).await += 1;
/// assert_eq!(*lock.read().await, 6);
/// # });
/// ```
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockUpgradableReadGuard<T: ?Sized> {
    hold: Hold<Arc<RwLock<T>>, UPGRADABLE_READER>,
    /// `Send` and `Sync` of what the guard gives access to, beside those of the lock.
    _value: PhantomData<T>,
}

impl<T: ?Sized> OwnedRwLockUpgradableReadGuard<T> {
    /// The caller has entered as the upgradable reader, and gives that right to the guard.
    #[inline]
    pub(super) fn new(lock: Arc<RwLock<T>>) -> Self {
        OwnedRwLockUpgradableReadGuard { hold: Hold::new(lock), _value: PhantomData }
    }

    /// The lock that this guard holds.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.hold.lock()
    }

    /// Waits until the other readers are gone, then writes. Nobody else writes in between, and readers that come
    /// meanwhile wait.
    ///
    /// # Cancel safety
    /// A dropped call has dropped the guard: it neither reads nor writes any more, and those who wait go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OwnedRwLockUpgradableReadGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = Arc::new(RwLock::new(1));
    /// let read = lock.clone().upgradable_read_owned().await;
    /// if *read == 1 {
    ///     *OwnedRwLockUpgradableReadGuard::upgrade(read).await = 2;
    /// }
    /// assert_eq!(*lock.read().await, 2);
    /// # });
    /// ```
    pub async fn upgrade(this: Self) -> OwnedRwLockWriteGuard<T> {
        this.hold.raw().enter(Want::Upgrade).await;
        OwnedRwLockWriteGuard::of_value(this.hold.upgraded())
    }

    /// Writes, if there are no other readers.
    ///
    /// # Errors
    /// If there are: the guard itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OwnedRwLockUpgradableReadGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// let lock = Arc::new(RwLock::new(1));
    /// let upgradable = lock.clone().try_upgradable_read_owned().unwrap();
    /// *OwnedRwLockUpgradableReadGuard::try_upgrade(upgradable).unwrap() = 2;
    /// assert_eq!(*lock.try_read().unwrap(), 2);
    /// ```
    pub fn try_upgrade(this: Self) -> Result<OwnedRwLockWriteGuard<T>, Self> {
        if this.hold.raw().try_enter(Want::Upgrade) {
            Ok(OwnedRwLockWriteGuard::of_value(this.hold.upgraded()))
        } else {
            Err(this)
        }
    }

    /// Turns into a plain reader, so that another one may be upgradable.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OwnedRwLockUpgradableReadGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// let lock = Arc::new(RwLock::new(1));
    /// let upgradable = lock.clone().try_upgradable_read_owned().unwrap();
    /// let reader = OwnedRwLockUpgradableReadGuard::downgrade(upgradable);
    /// assert!(lock.try_upgradable_read().is_ok());
    /// assert_eq!(*reader, 1);
    /// ```
    pub fn downgrade(this: Self) -> OwnedRwLockReadGuard<T> {
        OwnedRwLockReadGuard::of_value(this.hold.downgrade())
    }
}

impl<T: ?Sized> Deref for OwnedRwLockUpgradableReadGuard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock for reading, so nobody writes.
        self.hold.lock().value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedRwLockUpgradableReadGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for OwnedRwLockUpgradableReadGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
