//! A value that is made once, by the first who asks for it, and shared by all.
//!
//! It is a `SetOnce` and one permit: who holds the permit may make the value. A semaphore that is closed when the value is
//! there lets all go on who waited for the permit.

use crate::budget;
use crate::lock::foreign;
use crate::semaphore::{Semaphore, SemaphorePermit, TryAcquireError};
use crate::set_once::{SetOnce, SetOnceError};
use std::convert::Infallible;
use std::fmt;

/// A value that is made once, asynchronously, by the first who asks for it.
///
/// While one task makes the value, others wait for it. If that task is cancelled, panics or fails, the one who has waited
/// longest tries next with its own function.
///
/// Who wants to wait for a value without making it uses [`wait`](Self::wait), or [`SetOnce`] if nobody makes it on demand.
///
/// References to the value go to other threads, so it is shared only if the value can be:
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<filch_sync::OnceCell<std::cell::Cell<i32>>>();
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::OnceCell;
///
/// static CONFIG: OnceCell<String> = OnceCell::new();
///
/// async fn read_config() -> String {
///     "verbose".to_owned()
/// }
///
/// # futures_lite::future::block_on(async {
/// assert_eq!(CONFIG.get_or_init(read_config).await, "verbose");
/// assert_eq!(CONFIG.get().unwrap(), "verbose");
/// # });
/// ```
pub struct OnceCell<T> {
    cell: SetOnce<T>,
    /// One permit, the right to make the value.
    making: Semaphore,
}

impl<T> OnceCell<T> {
    filch_core::const_new! {
        /// Makes an empty one.
        pub const fn new() -> Self {
            OnceCell { cell: SetOnce::new(), making: Semaphore::new(1) }
        }
    }

    filch_core::const_new! {
        /// As [`new`](Self::new), by the name that other libraries use in statics.
        pub const fn const_new() -> Self {
            OnceCell::new()
        }
    }

    /// Makes one with this value, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::OnceCell;
    ///
    /// assert_eq!(OnceCell::new_with(Some(1)).get(), Some(&1));
    /// assert_eq!(OnceCell::<i32>::new_with(None).get(), None);
    /// ```
    pub fn new_with(value: Option<T>) -> Self {
        OnceCell { cell: SetOnce::new_with(value), making: Semaphore::new(1) }
    }

    filch_core::const_new! {
        /// Makes one with this value, also in statics.
        ///
        /// # Examples
        ///
        /// ```
        /// use filch_sync::OnceCell;
        ///
        /// static LIMIT: OnceCell<u32> = OnceCell::const_new_with(10);
        /// assert_eq!(LIMIT.get(), Some(&10));
        /// ```
        pub const fn const_new_with(value: T) -> Self {
            OnceCell { cell: SetOnce::const_new_with(value), making: Semaphore::new(1) }
        }
    }

    /// Whether the value is there.
    pub fn initialized(&self) -> bool {
        self.cell.initialized()
    }

    /// The value, if it is there.
    pub fn get(&self) -> Option<&T> {
        self.cell.get()
    }

    /// The value, if it is there. No other access is possible: whoever has `&mut` is alone.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.cell.get_mut()
    }

    /// Sets the value, if there is none and nobody is making one.
    ///
    /// # Errors
    /// [`AlreadyInitializedError`](SetError::AlreadyInitializedError) if there is a value,
    /// [`InitializingError`](SetError::InitializingError) if somebody is making it. The new value comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{OnceCell, SetError};
    ///
    /// let cell = OnceCell::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert_eq!(cell.set(2), Err(SetError::AlreadyInitializedError(2)));
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        let right = match self.making.try_acquire() {
            Ok(right) => right,
            Err(TryAcquireError::NoPermits) if !self.initialized() => {
                return Err(SetError::InitializingError(value));
            }
            Err(_) => return Err(SetError::AlreadyInitializedError(value)),
        };
        match self.fill(value, right) {
            Ok(_) => Ok(()),
            Err(SetOnceError(value)) => Err(SetError::AlreadyInitializedError(value)),
        }
    }

    /// The value; makes it if there is none.
    ///
    /// `f` is called if nobody else has made the value when it is this call's turn. It must not ask the same cell for
    /// its value: it would wait for itself, for ever.
    ///
    /// # Cancel safety
    /// A dropped call that was making the value leaves that to the next who waits; what `f` had done is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::OnceCell;
    ///
    /// # futures_lite::future::block_on(async {
    /// let cell = OnceCell::new();
    /// assert_eq!(*cell.get_or_init(async || 1).await, 1);
    /// assert_eq!(*cell.get_or_init(async || 2).await, 1);
    /// # });
    /// ```
    pub async fn get_or_init<F, Fut>(&self, f: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let Ok(value) = self.get_or_try_init(|| async { Ok::<T, Infallible>(f().await) }).await;
        value
    }

    /// The value; tries to make it if there is none. A failure leaves the cell as it was, and the next who waits tries.
    ///
    /// `f` is called if nobody else has made the value when it is this call's turn. It must not ask the same cell for
    /// its value: it would wait for itself, for ever.
    ///
    /// # Errors
    /// What `f` fails with.
    ///
    /// # Cancel safety
    /// A dropped call that was making the value leaves that to the next who waits; what `f` had done is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::OnceCell;
    ///
    /// # futures_lite::future::block_on(async {
    /// let port = OnceCell::new();
    /// assert!(port.get_or_try_init(async || "http".parse::<u16>()).await.is_err());
    /// assert_eq!(port.get_or_try_init(async || "80".parse::<u16>()).await, Ok(&80));
    /// # });
    /// ```
    pub async fn get_or_try_init<E, F, Fut>(&self, f: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            budget::spend().await;
            return Ok(value);
        }
        let Ok(right) = self.making.acquire().await else {
            return Ok(self.cell.expect_set()); // The right to make the value ends when there is one.
        };
        // Why again: whoever set the value unwinds if a waker panics, and then leaves the right to the next.
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let value = foreign(f).await?;
        match self.fill(value, right) {
            Ok(value) => Ok(value),
            Err(_) => unreachable!("only who holds the right sets the value"),
        }
    }

    /// Sets the value, and lets all go on who wait for the right to make it.
    fn fill(&self, value: T, _right: SemaphorePermit<'_>) -> Result<&T, SetOnceError<T>> {
        let set = self.cell.set(value);
        // Why before the right is given back: who got it would find that there is nothing left to make.
        self.making.close();
        set.map(|()| self.cell.expect_set())
    }

    /// Waits until the value is there. Does not make it.
    ///
    /// # Cancel safety
    /// Nothing is lost: the value stays where it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::OnceCell;
    ///
    /// # futures_lite::future::block_on(async {
    /// let cell = OnceCell::new();
    /// let made = cell.get_or_init(async || "made");
    /// assert_eq!(futures_lite::future::zip(cell.wait(), made).await, (&"made", &"made"));
    /// # });
    /// ```
    pub async fn wait(&self) -> &T {
        self.cell.wait().await
    }

    /// Takes the value out, if it is there. No lock is needed: whoever owns the cell is alone.
    pub fn into_inner(self) -> Option<T> {
        self.cell.into_inner()
    }

    /// Takes the value out, if it is there, and leaves an empty cell.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::OnceCell;
    ///
    /// let mut cell = OnceCell::from(1);
    /// assert_eq!(cell.take(), Some(1));
    /// assert_eq!(cell.take(), None);
    /// assert_eq!(cell.set(2), Ok(()));
    /// ```
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        OnceCell::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        OnceCell::const_new_with(value)
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> Self {
        OnceCell::new_with(foreign(|| self.get().cloned()))
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cell == other.cell
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish()
    }
}

/// The value was not set; it comes back. From [`OnceCell::set`].
///
/// # Examples
///
/// ```
/// use filch_sync::{OnceCell, SetError};
///
/// # futures_lite::future::block_on(async {
/// let cell = OnceCell::new();
/// cell.get_or_init(async || {
///     assert_eq!(cell.set(1), Err(SetError::InitializingError(1)));
///     2
/// })
/// .await;
/// assert!(cell.set(3).unwrap_err().is_already_init_err());
/// # });
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// There is a value already.
    AlreadyInitializedError(T),
    /// Somebody is making the value.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether there is a value already.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Whether somebody is making the value.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, SetError::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadyInitializedError(_) => "the cell has a value already",
            SetError::InitializingError(_) => "somebody is making the value of the cell",
        })
    }
}

impl<T: fmt::Debug> std::error::Error for SetError<T> {}
