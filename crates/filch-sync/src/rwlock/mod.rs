#![doc = include_str!("README.md")]

mod hold;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod mapped_guard;
mod raw;
mod read_guard;
mod upgradable_guard;
mod write_guard;

use crate::TryLockError;
use crate::blocking::block_on;
use filch_core::sys::cell::UnsafeCell;
use raw::{MAX_READERS, RawRwLock, Want};
use std::fmt;
use std::sync::Arc;

pub use mapped_guard::{OwnedRwLockMappedWriteGuard, RwLockMappedWriteGuard};
pub use read_guard::{OwnedRwLockReadGuard, RwLockReadGuard};
pub use upgradable_guard::{OwnedRwLockUpgradableReadGuard, RwLockUpgradableReadGuard};
pub use write_guard::{OwnedRwLockWriteGuard, RwLockWriteGuard};

/// An asynchronous lock around a value that many may read at a time, or one may write.
///
/// It is fair: tasks get in in the order in which they came. So readers that come while a writer waits wait behind it,
/// and a stream of readers cannot keep a writer out for ever.
///
/// Beside readers there may be one *upgradable* reader, which can turn into the writer without letting another writer
/// in between. It counts as one of the readers.
///
/// A panic while the lock is held frees it, and the value stays as it is: there is no poisoning. A task that waits to
/// write while it reads waits for itself, and so does one that reads twice, if a writer came in between.
///
/// The lock can be shared between threads only if its value can, for several may read at once:
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::RwLock<std::cell::Cell<i32>>>();
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::RwLock;
///
/// static NAMES: RwLock<Vec<&str>> = RwLock::const_new(Vec::new());
///
/// # futures_lite::future::block_on(async {
/// NAMES.write().await.push("Ada");
///
/// let one = NAMES.read().await;
/// let other = NAMES.read().await;
/// assert_eq!((one[0], other[0]), ("Ada", "Ada"));
/// assert!(NAMES.try_write().is_err());
/// # });
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawRwLock,
    value: UnsafeCell<T>,
}

// SAFETY: whoever owns the lock owns the value.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: a shared `&RwLock` gives `&T` to several threads at a time, and `&mut T`, with which the value can be moved out,
// to one.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    filch_core::const_new! {
        /// Makes an unlocked lock around `value`, for up to `u32::MAX >> 3` readers at a time.
        ///
        /// # Examples
        ///
        /// ```
        /// use filch_sync::RwLock;
        ///
        /// static GREETING: RwLock<&str> = RwLock::new("hello");
        /// assert_eq!(*GREETING.try_read().unwrap(), "hello");
        /// ```
        pub const fn new(value: T) -> Self {
            RwLock { raw: RawRwLock::new(MAX_READERS), value: UnsafeCell::new(value) }
        }
    }

    filch_core::const_new! {
        /// Makes an unlocked lock around `value`, for up to `max_readers` readers at a time. More of them wait.
        ///
        /// # Panics
        /// If `max_readers` is 0, or more than `u32::MAX >> 3`.
        ///
        /// # Examples
        ///
        /// ```
        /// let lock = filch_sync::RwLock::with_max_readers(5, 1);
        /// let reader = lock.try_read().unwrap();
        /// assert!(lock.try_read().is_err());
        /// # drop(reader);
        /// ```
        #[track_caller]
        pub const fn with_max_readers(value: T, max_readers: u32) -> Self {
            assert!(
                max_readers != 0,
                "max_readers of a RwLock is 0, so that nobody could read: pass at least 1, or use a Mutex"
            );
            assert!(
                max_readers <= MAX_READERS,
                "max_readers of a RwLock is above the limit, u32::MAX >> 3: pass less, or use RwLock::new"
            );
            RwLock { raw: RawRwLock::new(max_readers), value: UnsafeCell::new(value) }
        }
    }

    filch_core::const_new! {
        /// As [`new`](Self::new), by the name that other libraries use in statics.
        pub const fn const_new(value: T) -> Self {
            RwLock::new(value)
        }
    }

    filch_core::const_new! {
        /// As [`with_max_readers`](Self::with_max_readers), by the name that other libraries use in statics.
        ///
        /// # Panics
        /// If `max_readers` is 0, or more than `u32::MAX >> 3`.
        #[track_caller]
        pub const fn const_with_max_readers(value: T, max_readers: u32) -> Self {
            RwLock::with_max_readers(value, max_readers)
        }
    }

    /// Takes the value out. No lock is needed: whoever owns the `RwLock` is alone.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until nobody writes and nobody who came before waits, then reads.
    ///
    /// Who was let in holds the lock, also before its next poll: poll the call on, or drop it, before anything else is
    /// awaited.
    ///
    /// # Cancel safety
    /// A dropped call reads nothing; the place in the queue is lost. What it was granted goes to those behind it.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let lock = filch_sync::RwLock::new(1);
    /// let one = lock.read().await;
    /// let other = lock.read().await;
    /// assert_eq!(*one + *other, 2);
    /// # });
    /// ```
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        self.raw.enter(Want::Read).await;
        RwLockReadGuard::new(self)
    }

    /// Waits to read, as [`read`](Self::read); the guard keeps the `RwLock` alive and has no lifetime.
    ///
    /// # Cancel safety
    /// A dropped call reads nothing; the place in the queue is lost. What it was granted goes to those behind it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = Arc::new(filch_sync::RwLock::new(1));
    /// let guard = lock.clone().read_owned().await;
    /// let thread = std::thread::spawn(move || *guard);
    /// assert_eq!(thread.join().unwrap(), 1);
    /// # });
    /// ```
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        self.raw.enter(Want::Read).await;
        OwnedRwLockReadGuard::new(self)
    }

    /// Reads, if nobody writes or waits.
    ///
    /// # Errors
    /// If somebody writes or waits, or if there are as many readers as there may be.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = filch_sync::RwLock::new(1);
    /// assert_eq!(*lock.try_read().unwrap(), 1);
    /// let writer = lock.try_write().unwrap();
    /// assert!(lock.try_read().is_err());
    /// # drop(writer);
    /// ```
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        self.try_enter(Want::Read).map(|()| RwLockReadGuard::new(self))
    }

    /// Reads, if nobody writes or waits; the guard keeps the `RwLock` alive and has no lifetime.
    ///
    /// # Errors
    /// If somebody writes or waits, or if there are as many readers as there may be.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let lock = Arc::new(filch_sync::RwLock::new(1));
    /// let guard = lock.clone().try_read_owned().unwrap();
    /// assert!(lock.try_write_owned().is_err());
    /// # drop(guard);
    /// ```
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        self.try_enter(Want::Read).map(|()| OwnedRwLockReadGuard::new(self))
    }

    /// Blocks the thread until it may read. For threads that are not part of a runtime: a worker that blocks runs no
    /// other task meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = filch_sync::RwLock::new(1);
    /// assert_eq!(*lock.blocking_read(), 1);
    /// ```
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        match self.try_read() {
            Ok(guard) => guard,
            Err(_) => block_on(self.read()),
        }
    }

    /// Waits until nobody holds the lock and nobody who came before waits, then writes.
    ///
    /// Who was let in holds the lock, also before its next poll: poll the call on, or drop it, before anything else is
    /// awaited.
    ///
    /// # Cancel safety
    /// A dropped call writes nothing; the place in the queue is lost. What it was granted, or held up, goes to those
    /// behind it.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let lock = filch_sync::RwLock::new(1);
    /// *lock.write().await += 1;
    /// assert_eq!(*lock.read().await, 2);
    /// # });
    /// ```
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.raw.enter(Want::Write).await;
        RwLockWriteGuard::new(self)
    }

    /// Waits to write, as [`write`](Self::write); the guard keeps the `RwLock` alive and has no lifetime.
    ///
    /// # Cancel safety
    /// A dropped call writes nothing; the place in the queue is lost. What it was granted, or held up, goes to those
    /// behind it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let lock = Arc::new(filch_sync::RwLock::new(1));
    /// let mut guard = lock.clone().write_owned().await;
    /// std::thread::spawn(move || *guard = 2).join().unwrap();
    /// assert_eq!(*lock.read().await, 2);
    /// # });
    /// ```
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        self.raw.enter(Want::Write).await;
        OwnedRwLockWriteGuard::new(self)
    }

    /// Writes, if nobody holds the lock or waits for it.
    ///
    /// # Errors
    /// If somebody reads, writes or waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = filch_sync::RwLock::new(1);
    /// *lock.try_write().unwrap() += 1;
    /// let reader = lock.try_read().unwrap();
    /// assert!(lock.try_write().is_err());
    /// # drop(reader);
    /// ```
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        self.try_enter(Want::Write).map(|()| RwLockWriteGuard::new(self))
    }

    /// Writes, if nobody holds the lock or waits for it; the guard keeps the `RwLock` alive and has no lifetime.
    ///
    /// # Errors
    /// If somebody reads, writes or waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let lock = Arc::new(filch_sync::RwLock::new(1));
    /// let guard = lock.clone().try_write_owned().unwrap();
    /// assert!(lock.try_write_owned().is_err());
    /// # drop(guard);
    /// ```
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        self.try_enter(Want::Write).map(|()| OwnedRwLockWriteGuard::new(self))
    }

    /// Blocks the thread until it may write. For threads that are not part of a runtime: a worker that blocks runs no
    /// other task meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = filch_sync::RwLock::new(1);
    /// *lock.blocking_write() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        match self.try_write() {
            Ok(guard) => guard,
            Err(_) => block_on(self.write()),
        }
    }

    /// Waits to read as the one who may [upgrade](RwLockUpgradableReadGuard::upgrade): until nobody writes, no other one
    /// reads so, and nobody who came before waits.
    ///
    /// Who was let in holds the lock, also before its next poll: poll the call on, or drop it, before anything else is
    /// awaited.
    ///
    /// # Cancel safety
    /// A dropped call reads nothing; the place in the queue is lost. What it was granted, or held up, goes to those
    /// behind it.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{RwLock, RwLockUpgradableReadGuard};
    ///
    /// /// Looks first, and writes only if it must.
    /// async fn add(names: &RwLock<Vec<String>>, name: &str) {
    ///     let read = names.upgradable_read().await;
    ///     if !read.iter().any(|known| known == name) {
    ///         RwLockUpgradableReadGuard::upgrade(read).await.push(name.to_owned());
    ///     }
    /// }
    ///
    /// # futures_lite::future::block_on(async {
    /// let names = RwLock::new(Vec::new());
    /// add(&names, "Ada").await;
    /// add(&names, "Ada").await;
    /// assert_eq!(*names.read().await, ["Ada"]);
    /// # });
    /// ```
    pub async fn upgradable_read(&self) -> RwLockUpgradableReadGuard<'_, T> {
        self.raw.enter(Want::UpgradableRead).await;
        RwLockUpgradableReadGuard::new(self)
    }

    /// Waits to read as the one who may upgrade, as [`upgradable_read`](Self::upgradable_read); the guard keeps the
    /// `RwLock` alive and has no lifetime.
    ///
    /// # Cancel safety
    /// A dropped call reads nothing; the place in the queue is lost. What it was granted, or held up, goes to those
    /// behind it.
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
    /// assert_eq!(*read, 1);
    /// *OwnedRwLockUpgradableReadGuard::upgrade(read).await += 1;
    /// assert_eq!(*lock.read().await, 2);
    /// # });
    /// ```
    pub async fn upgradable_read_owned(self: Arc<Self>) -> OwnedRwLockUpgradableReadGuard<T> {
        self.raw.enter(Want::UpgradableRead).await;
        OwnedRwLockUpgradableReadGuard::new(self)
    }

    /// Reads as the one who may upgrade, if nobody else does so, writes or waits.
    ///
    /// # Errors
    /// If somebody writes, reads so or waits, or if there are as many readers as there may be.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = filch_sync::RwLock::new(1);
    /// let upgradable = lock.try_upgradable_read().unwrap();
    /// assert!(lock.try_upgradable_read().is_err());
    /// assert!(lock.try_read().is_ok());
    /// # drop(upgradable);
    /// ```
    pub fn try_upgradable_read(&self) -> Result<RwLockUpgradableReadGuard<'_, T>, TryLockError> {
        self.try_enter(Want::UpgradableRead).map(|()| RwLockUpgradableReadGuard::new(self))
    }

    /// Reads as the one who may upgrade, if nobody else does so, writes or waits; the guard keeps the `RwLock` alive and
    /// has no lifetime.
    ///
    /// # Errors
    /// If somebody writes, reads so or waits, or if there are as many readers as there may be.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let lock = Arc::new(filch_sync::RwLock::new(1));
    /// let upgradable = lock.clone().try_upgradable_read_owned().unwrap();
    /// assert!(lock.try_upgradable_read_owned().is_err());
    /// # drop(upgradable);
    /// ```
    pub fn try_upgradable_read_owned(
        self: Arc<Self>,
    ) -> Result<OwnedRwLockUpgradableReadGuard<T>, TryLockError> {
        self.try_enter(Want::UpgradableRead).map(|()| OwnedRwLockUpgradableReadGuard::new(self))
    }

    /// The value. No lock is needed: whoever has `&mut` is alone.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: `&mut self` excludes any other access for as long as the result lives.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    #[inline]
    fn try_enter(&self, want: Want) -> Result<(), TryLockError> {
        if self.raw.try_enter(want) { Ok(()) } else { Err(TryLockError(())) }
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lock = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => lock.field("data", &&*guard),
            Err(_) => lock.field("data", &format_args!("<locked>")),
        };
        lock.finish()
    }
}
