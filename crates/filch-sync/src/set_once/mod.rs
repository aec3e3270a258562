//! A value that is set once, and that tasks can wait for.
//!
//! It runs no initializer: see `OnceCell` for one that does.
//!
//! **Invariant:** the value is written once, under the lock, before the flag is set; from then on it is only read.

#[cfg(all(test, filch_loom))]
mod loom_tests;

use crate::blocking::block_on;
use crate::budget;
use crate::lock::{Lock, foreign};
use crate::notify::Notify;
use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::atomic::{AtomicBool, Ordering::*};
use std::fmt;

/// A value that is set once from anywhere, and can be waited for.
///
/// Reading it is one load. All who wait go on together when it is set.
///
/// References to the value go to other threads, so it is shared only if the value can be:
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::SetOnce<std::cell::Cell<i32>>>();
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::SetOnce;
///
/// static CONFIG: SetOnce<String> = SetOnce::new();
///
/// let thread = std::thread::spawn(|| CONFIG.set("verbose".to_owned()).unwrap());
/// # futures_lite::future::block_on(async {
/// assert_eq!(CONFIG.wait().await, "verbose");
/// # });
/// # thread.join().unwrap();
/// ```
pub struct SetOnce<T> {
    /// Set under `writing`, after the value.
    is_set: AtomicBool,
    /// Why a lock: who is told that it comes too late finds the value there.
    writing: Lock<()>,
    changed: Notify,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: `&SetOnce` lends the value to every thread, which needs `Sync`, and takes one from any thread, which needs
// `Send`; `writing` excludes two writers, and `is_set` keeps readers away until the write is done.
unsafe impl<T: Send + Sync> Sync for SetOnce<T> {}

impl<T> SetOnce<T> {
    filch_core::const_new! {
        /// Makes one without a value.
        pub const fn new() -> Self {
            SetOnce {
                is_set: AtomicBool::new(false),
                writing: Lock::new(()),
                changed: Notify::new(),
                value: UnsafeCell::new(None),
            }
        }
    }

    filch_core::const_new! {
        /// As [`new`](Self::new), by the name that other libraries use in statics.
        pub const fn const_new() -> Self {
            SetOnce::new()
        }
    }

    /// Makes one with this value, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::SetOnce;
    ///
    /// assert_eq!(SetOnce::new_with(Some(1)).get(), Some(&1));
    /// assert_eq!(SetOnce::<i32>::new_with(None).get(), None);
    /// ```
    pub fn new_with(value: Option<T>) -> Self {
        match value {
            Some(value) => SetOnce::const_new_with(value),
            None => SetOnce::new(),
        }
    }

    filch_core::const_new! {
        /// Makes one with this value, also in statics.
        ///
        /// # Examples
        ///
        /// ```
        /// use filch_sync::SetOnce;
        ///
        /// static LIMIT: SetOnce<u32> = SetOnce::const_new_with(10);
        /// assert_eq!(LIMIT.get(), Some(&10));
        /// ```
        pub const fn const_new_with(value: T) -> Self {
            SetOnce {
                is_set: AtomicBool::new(true),
                writing: Lock::new(()),
                changed: Notify::new(),
                value: UnsafeCell::new(Some(value)),
            }
        }
    }

    /// Whether the value is set.
    pub fn initialized(&self) -> bool {
        self.is_set.load(Acquire) // ORDERING: [once] who sees the flag sees the value.
    }

    /// The value, if it is set.
    pub fn get(&self) -> Option<&T> {
        if !self.initialized() {
            return None;
        }
        // SAFETY: the flag is set, so the value was written, and nobody writes it again while `&self` is lent.
        self.value.with(|value| unsafe { &*value }).as_ref()
    }

    /// The value, for one who knows that it is set.
    pub(crate) fn expect_set(&self) -> &T {
        self.get().expect("who waits is woken when the value is there")
    }

    /// The value, if it is set. No other access is possible: whoever has `&mut` is alone.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: `&mut self` excludes any other access for as long as the result lives.
        self.value.with_mut(|value| unsafe { &mut *value }).as_mut()
    }

    /// Sets the value, and lets all go on who wait for it.
    ///
    /// # Errors
    /// If there is a value already: the new one comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{SetOnce, SetOnceError};
    ///
    /// let winner = SetOnce::new();
    /// assert_eq!(winner.set("first"), Ok(()));
    /// assert_eq!(winner.set("second"), Err(SetOnceError("second")));
    /// assert_eq!(winner.get(), Some(&"first"));
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        if self.initialized() {
            return Err(SetOnceError(value));
        }
        self.write(value)?;
        self.changed.notify_waiters();
        Ok(())
    }

    fn write(&self, value: T) -> Result<(), SetOnceError<T>> {
        let _writing = self.writing.lock();
        if self.initialized() {
            return Err(SetOnceError(value));
        }
        // SAFETY: the lock excludes other writers; the flag is not set, so nobody reads. What is overwritten is `None`,
        // so no foreign code runs.
        self.value.with_mut(|place| unsafe { *place = Some(value) });
        self.is_set.store(true, Release); // ORDERING: [once] publishes the value.
        Ok(())
    }

    /// Takes the value out, if it is set. No lock is needed: whoever owns the `SetOnce` is alone.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Waits until the value is set.
    ///
    /// # Cancel safety
    /// Nothing is lost: the value stays where it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::SetOnce;
    ///
    /// # futures_lite::future::block_on(async {
    /// let value = SetOnce::new();
    /// let (set, seen) = futures_lite::future::zip(async { value.set(5) }, value.wait()).await;
    /// assert_eq!((set, seen), (Ok(()), &5));
    /// # });
    /// ```
    pub async fn wait(&self) -> &T {
        // Why first: a `set` after this line makes `changed` ready, and a `set` before it is seen in the flag.
        let changed = self.changed.notified();
        if self.initialized() {
            budget::spend().await;
        } else {
            changed.await;
        }
        self.expect_set()
    }

    /// Blocks the thread until the value is set. For threads that are not part of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::SetOnce;
    ///
    /// static ANSWER: SetOnce<u32> = SetOnce::new();
    ///
    /// let thread = std::thread::spawn(|| *ANSWER.blocking_wait());
    /// ANSWER.set(42).unwrap();
    /// assert_eq!(thread.join().unwrap(), 42);
    /// ```
    pub fn blocking_wait(&self) -> &T {
        match self.get() {
            Some(value) => value,
            None => block_on(self.wait()),
        }
    }
}

impl<T> Default for SetOnce<T> {
    fn default() -> Self {
        SetOnce::new()
    }
}

impl<T> From<T> for SetOnce<T> {
    fn from(value: T) -> Self {
        SetOnce::const_new_with(value)
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    fn clone(&self) -> Self {
        SetOnce::new_with(foreign(|| self.get().cloned()))
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &Self) -> bool {
        foreign(|| self.get() == other.get())
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce").field("value", &self.get()).finish()
    }
}

/// The value was set before; this one comes back. From [`SetOnce::set`].
///
/// # Examples
///
/// ```
/// use filch_sync::{SetOnce, SetOnceError};
///
/// let cell = SetOnce::from("first");
/// let Err(SetOnceError(too_late)) = cell.set("second") else { unreachable!() };
/// assert_eq!(too_late, "second");
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value was set before")
    }
}

impl<T: fmt::Debug> std::error::Error for SetOnceError<T> {}
