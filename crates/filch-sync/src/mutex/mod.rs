//! A mutual exclusion lock whose waiters are tasks, not threads.
//!
//! It does not know poison: a panic while the lock is held frees it, as any other drop of the guard. It does not know who
//! holds it: locking twice in one task waits for ever.

mod guard;
mod hold;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod mapped_guard;
mod raw;

use crate::blocking::block_on;
use filch_core::sys::cell::UnsafeCell;
use raw::RawMutex;
use std::fmt;
use std::sync::Arc;

pub use guard::{MutexGuard, OwnedMutexGuard};
pub use mapped_guard::{MappedMutexGuard, OwnedMappedMutexGuard};

/// An asynchronous lock around a value, whose guard may be held across an `await`.
///
/// It is *eventually* fair: a lock that becomes free is taken by whoever comes first, which keeps the lock busy, but a
/// waiter that was passed over a few times is handed the lock in its turn. Waiters are woken in the order in which they
/// came.
///
/// A panic while the lock is held frees it, and the value stays as it is: there is no poisoning. A task that locks twice
/// waits for itself.
///
/// For a value that is never used across an `await`, `std::sync::Mutex` is the simpler choice.
///
/// The value can go to other threads only if it is `Send`:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::Mutex<std::rc::Rc<i32>>>();
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::Mutex;
///
/// static COUNT: Mutex<u32> = Mutex::new(0);
///
/// # futures_lite::future::block_on(async {
/// *COUNT.lock().await += 1;
/// assert_eq!(*COUNT.lock().await, 1);
/// # });
/// ```
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    value: UnsafeCell<T>,
}

// SAFETY: the lock gives the value to one thread at a time, and lets it be moved out: that is sending it.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above; a shared `&Mutex` gives access to the value only to the one who holds the lock.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    filch_core::const_new! {
        /// Makes an unlocked lock around `value`.
        pub const fn new(value: T) -> Self {
            Mutex { raw: RawMutex::new(), value: UnsafeCell::new(value) }
        }
    }

    filch_core::const_new! {
        /// Makes an unlocked lock around `value`: [`new`](Self::new) by the name that other libraries use in statics.
        pub const fn const_new(value: T) -> Self {
            Mutex::new(value)
        }
    }

    /// Takes the value out. No lock is needed: whoever owns the `Mutex` is alone.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock.
    ///
    /// A waiter that was woken is the next one in line: while it is neither polled nor dropped, those behind it wait. So
    /// poll it on, or drop it, before anything else is awaited.
    ///
    /// # Cancel safety
    /// A dropped call has not locked; the place in the queue is lost. What it was granted goes to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Mutex;
    ///
    /// # futures_lite::future::block_on(async {
    /// let names = Mutex::new(vec!["Ada"]);
    /// names.lock().await.push("Grace");
    /// assert_eq!(*names.lock().await, ["Ada", "Grace"]);
    /// # });
    /// ```
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.raw.lock().await;
        MutexGuard::new(self)
    }

    /// Waits for the lock, as [`lock`](Self::lock); the guard keeps the `Mutex` alive and has no lifetime.
    ///
    /// # Cancel safety
    /// A dropped call has not locked; the place in the queue is lost. What it was granted goes to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Mutex, OwnedMutexGuard};
    /// use std::sync::Arc;
    ///
    /// async fn begin(log: Arc<Mutex<String>>) -> OwnedMutexGuard<String> {
    ///     let mut log = log.lock_owned().await;
    ///     log.push_str("begin ");
    ///     log
    /// }
    ///
    /// # futures_lite::future::block_on(async {
    /// let log = Arc::new(Mutex::new(String::new()));
    /// begin(log.clone()).await.push_str("end");
    /// assert_eq!(*log.lock().await, "begin end");
    /// # });
    /// ```
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        self.raw.lock().await;
        OwnedMutexGuard::new(self)
    }

    /// Locks if nobody holds the lock.
    ///
    /// # Errors
    /// If the lock is held.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = filch_sync::Mutex::new(1);
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(mutex.try_lock().is_err());
    /// # drop(guard);
    /// ```
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        if self.raw.try_lock() { Ok(MutexGuard::new(self)) } else { Err(TryLockError(())) }
    }

    /// Locks if nobody holds the lock; the guard keeps the `Mutex` alive and has no lifetime.
    ///
    /// # Errors
    /// If the lock is held.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let mutex = Arc::new(filch_sync::Mutex::new(1));
    /// let guard = mutex.clone().try_lock_owned().unwrap();
    /// assert!(mutex.try_lock_owned().is_err());
    /// # drop(guard);
    /// ```
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        if self.raw.try_lock() { Ok(OwnedMutexGuard::new(self)) } else { Err(TryLockError(())) }
    }

    /// Blocks the thread until it has the lock. For threads that are not part of a runtime: a worker that blocks runs no
    /// other task meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Mutex;
    /// use std::sync::Arc;
    ///
    /// let names = Arc::new(Mutex::new(Vec::new()));
    /// let from_a_thread = std::thread::spawn({
    ///     let names = names.clone();
    ///     move || names.blocking_lock().push("a thread")
    /// });
    /// from_a_thread.join().unwrap();
    /// assert_eq!(*names.blocking_lock(), ["a thread"]);
    /// ```
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        match self.try_lock() {
            Ok(guard) => guard,
            Err(_) => block_on(self.lock()),
        }
    }

    /// Blocks the thread until it has the lock, as [`blocking_lock`](Self::blocking_lock); the guard keeps the `Mutex`
    /// alive and has no lifetime.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let guard = Arc::new(filch_sync::Mutex::new(1)).blocking_lock_owned();
    /// assert_eq!(*guard, 1);
    /// ```
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        if self.raw.try_lock() { OwnedMutexGuard::new(self) } else { block_on(self.lock_owned()) }
    }

    /// The value. No lock is needed: whoever has `&mut` is alone.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: `&mut self` excludes any other access for as long as the result lives.
        self.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mutex = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => mutex.field("data", &&*guard),
            Err(_) => mutex.field("data", &format_args!("<locked>")),
        };
        mutex.finish()
    }
}

/// The lock is held. From [`Mutex::try_lock`], [`RwLock::try_read`](crate::RwLock::try_read) and their kin.
///
/// # Examples
///
/// ```
/// use filch_sync::{Mutex, TryLockError};
///
/// /// A look that does not wait.
/// fn peek(mutex: &Mutex<i32>) -> Result<i32, TryLockError> {
///     Ok(*mutex.try_lock()?)
/// }
///
/// let mutex = Mutex::new(1);
/// assert_eq!(peek(&mutex).unwrap(), 1);
/// let guard = mutex.try_lock().unwrap();
/// assert_eq!(peek(&mutex).unwrap_err().to_string(), "the lock is held");
/// # drop(guard);
/// ```
#[derive(Debug)]
pub struct TryLockError(pub(crate) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is held")
    }
}

impl std::error::Error for TryLockError {}
