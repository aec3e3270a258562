//! The side that keeps a promise.

use super::Promise;
use super::error::{PromiseError, TooLate};
use super::shared::Shared;
use crate::cancellation::Reason;
use filch_core::sys::sync::Arc;
use std::error::Error;
use std::fmt;
use std::sync::OnceLock;

/// The right to complete a [`Promise`]. From [`Promise::new`], or in a static, where it makes its promise when that is first
/// asked for.
///
/// Clones are rights to the same promise; the first that uses its right wins. When all are dropped and none was used, those
/// who wait are told that the promise is [`Broken`](PromiseError::Broken).
///
/// # Examples
///
/// ```
/// use filch_sync::{Promise, PromiseError};
///
/// let (setter, promise) = Promise::<i32>::new();
/// let other = setter.clone();
/// drop(setter);
/// assert!(!promise.is_done());
/// drop(other);
/// assert!(matches!(promise.error(), Some(PromiseError::Broken)));
/// ```
#[must_use = "a promise whose setters are dropped is broken"]
pub struct PromiseSetter<T> {
    /// Counts this setter. Empty until somebody needs it: a constant cannot allocate.
    shared: OnceLock<Arc<Shared<T>>>,
}

impl<T> PromiseSetter<T> {
    /// Makes the first setter of a promise, which is to be had from [`promise`](Self::promise). In a static it is never
    /// dropped, so the promise is never broken.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::PromiseSetter;
    ///
    /// static ADDRESS: PromiseSetter<String> = PromiseSetter::new();
    ///
    /// let thread = std::thread::spawn(|| ADDRESS.promise().blocking_wait().unwrap());
    /// ADDRESS.set("[::1]:80".to_owned()).unwrap();
    /// assert_eq!(thread.join().unwrap(), "[::1]:80");
    /// ```
    pub const fn new() -> Self {
        PromiseSetter { shared: OnceLock::new() }
    }

    /// For a setter that `shared` counts already.
    pub(super) fn of(shared: Arc<Shared<T>>) -> Self {
        PromiseSetter { shared: OnceLock::from(shared) }
    }

    /// What it shares with others; for the only setter there is yet, made now.
    pub(super) fn shared(&self) -> &Arc<Shared<T>> {
        self.shared.get_or_init(|| Arc::new(Shared::new()))
    }

    /// Completes the promise with a value.
    ///
    /// # Panics
    /// With the panic of a waker or callback that this calls. The promise is done all the same, and the others were called.
    ///
    /// # Errors
    /// If the promise is done: the value comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Promise, TooLate};
    ///
    /// let (setter, promise) = Promise::new();
    /// assert_eq!(setter.set(1), Ok(()));
    /// assert_eq!(setter.set(2), Err(TooLate(2)));
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(promise.await.unwrap(), 1);
    /// # });
    /// ```
    pub fn set(&self, value: T) -> Result<(), TooLate<T>> {
        self.shared().complete(value, Ok)
    }

    /// Completes the promise with an error, which may be a text.
    ///
    /// # Panics
    /// As [`set`](Self::set).
    ///
    /// # Errors
    /// If the promise is done: the error comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Promise;
    /// use std::error::Error;
    ///
    /// let (setter, promise) = Promise::<i32>::new();
    /// setter.set_error("no route to host").unwrap();
    /// # futures_lite::future::block_on(async {
    /// let error = promise.await.unwrap_err();
    /// assert_eq!(error.source().unwrap().to_string(), "no route to host");
    /// # });
    /// ```
    pub fn set_error(
        &self,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Result<(), TooLate<Box<dyn Error + Send + Sync>>> {
        self.shared().complete(error.into(), |error| Err(PromiseError::Failed(error.into())))
    }

    /// Cancels the promise: as [`Promise::cancel`].
    ///
    /// # Panics
    /// As [`set`](Self::set).
    ///
    /// # Errors
    /// If the promise is done.
    pub fn cancel(&self) -> Result<(), TooLate<Reason>> {
        self.cancel_with(Reason::default())
    }

    /// Cancels the promise for this reason: as [`Promise::cancel_with`].
    ///
    /// # Panics
    /// As [`set`](Self::set).
    ///
    /// # Errors
    /// If the promise is done: the reason comes back.
    pub fn cancel_with(&self, reason: impl Into<Reason>) -> Result<(), TooLate<Reason>> {
        self.shared().cancel(reason.into())
    }

    /// Whether the promise is done, by whomever. What is set from here on comes too late.
    pub fn is_done(&self) -> bool {
        self.shared.get().is_some_and(|shared| shared.outcome.is_set())
    }

    /// A handle to wait with: to learn, for example, that nobody wants the value any more.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Promise;
    ///
    /// let (setter, promise) = Promise::<i32>::new();
    /// promise.cancel().unwrap();
    /// # futures_lite::future::block_on(async {
    /// assert!(setter.promise().await.is_err());
    /// # });
    /// ```
    pub fn promise(&self) -> Promise<T> {
        Promise::of(self.shared().clone())
    }
}

impl<T> Default for PromiseSetter<T> {
    fn default() -> Self {
        PromiseSetter::new()
    }
}

/// Another right to complete the same promise.
impl<T> Clone for PromiseSetter<T> {
    fn clone(&self) -> Self {
        let shared = self.shared();
        shared.add_setter();
        PromiseSetter::of(shared.clone())
    }
}

impl<T> Drop for PromiseSetter<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.get() {
            shared.remove_setter();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for PromiseSetter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromiseSetter").field("promise", self.shared()).finish()
    }
}
