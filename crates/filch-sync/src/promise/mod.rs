//! A value that somebody promised: many wait for it, many may set it, and the first outcome is the only one.
//!
//! It is one allocation that two kinds of handles share: [`PromiseSetter`]s, which are counted, and [`Promise`]s. It makes
//! no value by itself.
//!
//! A promise stands in a static as its setter, which allocates what both share when that is first needed.

mod callbacks;
mod error;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod setter;
mod shared;
mod wait;

use crate::blocking::block_on;
use crate::cancellation::Reason;
use crate::lock::foreign;
use filch_core::sys::sync::Arc;
use shared::Shared;
use std::fmt;

pub use error::{PromiseError, TooLate};
pub use setter::PromiseSetter;
pub use wait::{OwnedPromiseFuture, PromiseFuture};

/// A value that will be there, unless what should make it fails, is canceled or goes away.
///
/// It is awaited by value, or by reference to look at it again; each who waits gets a clone. Clones are handles of the same
/// promise, which it keeps until the last one is gone. [`PromiseSetter`]s complete it, on any thread, and whoever waits may
/// [cancel](Self::cancel) it for all.
///
/// References to the value go to other threads, so a promise does so only if the value can be shared:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::Promise<std::cell::Cell<i32>>>();
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::Promise;
///
/// let (setter, promise) = Promise::new();
/// let other = promise.clone();
/// let thread = std::thread::spawn(move || setter.set("value").unwrap());
/// # futures_lite::future::block_on(async {
/// assert_eq!((&promise).await.unwrap(), "value");
/// assert_eq!(promise.await.unwrap(), "value");
/// assert_eq!(other.await.unwrap(), "value");
/// # });
/// # thread.join().unwrap();
/// ```
#[must_use = "a promise says nothing unless it is awaited or looked at"]
pub struct Promise<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Promise<T> {
    /// Makes a promise, and the right to complete it.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Promise;
    ///
    /// let (setter, promise) = Promise::new();
    /// setter.set(5).unwrap();
    /// assert_eq!(promise.result().unwrap().unwrap(), 5);
    /// ```
    pub fn new() -> (PromiseSetter<T>, Promise<T>) {
        let shared = Arc::new(Shared::new());
        (PromiseSetter::of(shared.clone()), Promise::of(shared))
    }

    fn of(shared: Arc<Shared<T>>) -> Self {
        Promise { shared }
    }

    /// Cancels the promise for all who wait. Gives no reason.
    ///
    /// Nothing is interrupted: whoever makes the value learns of it when it sets it, or before, by
    /// [`PromiseSetter::promise`] or [`is_done`](PromiseSetter::is_done).
    ///
    /// # Panics
    /// As [`PromiseSetter::set`].
    ///
    /// # Errors
    /// If the promise is done.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Promise;
    ///
    /// let (setter, promise) = Promise::new();
    /// promise.cancel().unwrap();
    /// assert!(promise.is_cancelled());
    /// assert!(setter.set("value").is_err());
    /// ```
    pub fn cancel(&self) -> Result<(), TooLate<Reason>> {
        self.cancel_with(Reason::default())
    }

    /// As [`cancel`](Self::cancel), for this reason.
    ///
    /// # Panics
    /// As [`PromiseSetter::set`].
    ///
    /// # Errors
    /// If the promise is done: the reason comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Promise;
    ///
    /// let (_setter, promise) = Promise::<i32>::new();
    /// promise.cancel_with("not wanted any more").unwrap();
    /// let error = promise.error().unwrap();
    /// assert_eq!(error.to_string(), "the promise was canceled: not wanted any more");
    /// ```
    pub fn cancel_with(&self, reason: impl Into<Reason>) -> Result<(), TooLate<Reason>> {
        self.shared.cancel(reason.into())
    }

    /// Whether there is an outcome: a value or an error.
    pub fn is_done(&self) -> bool {
        self.shared.outcome.is_set()
    }

    /// Whether the promise was canceled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.error(), Some(PromiseError::Cancelled(_)))
    }

    /// The outcome, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Promise;
    ///
    /// let (setter, promise) = Promise::new();
    /// assert!(promise.get().is_none());
    /// setter.set("value".to_owned()).unwrap();
    /// assert_eq!(promise.get().unwrap().as_ref().unwrap(), "value");
    /// ```
    pub fn get(&self) -> Option<&Result<T, PromiseError>> {
        self.shared.outcome.get()
    }

    /// Why there is no value, if there is none and never will be.
    pub fn error(&self) -> Option<&PromiseError> {
        self.get()?.as_ref().err()
    }

    /// Calls `callback` once when the promise is done: on the thread that completes it, which may be the one that drops the
    /// last setter. Without waiting if it is done already, on this thread.
    ///
    /// Callbacks are called in the order in which they were added. They may use the promise.
    ///
    /// # Panics
    /// With the panic of `callback`, if it is called here. Otherwise the panic goes on where the promise was completed,
    /// after the other callbacks.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Promise;
    /// use std::sync::mpsc;
    ///
    /// let (setter, promise) = Promise::new();
    /// let (send, receive) = mpsc::channel();
    /// promise.add_done_callback(move |outcome| send.send(outcome.clone().unwrap()).unwrap());
    /// assert!(receive.try_recv().is_err());
    /// setter.set("value").unwrap();
    /// assert_eq!(receive.try_recv(), Ok("value"));
    /// ```
    pub fn add_done_callback(
        &self,
        callback: impl FnOnce(&Result<T, PromiseError>) + Send + 'static,
    ) -> CallbackId {
        let number = self.shared.add_callback(Box::new(callback));
        CallbackId { promise: self.address(), number }
    }

    /// Takes back a callback of this promise, which is dropped. Says whether it was still waiting to be called.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Promise;
    ///
    /// let (setter, promise) = Promise::<i32>::new();
    /// let id = promise.add_done_callback(|_| unreachable!());
    /// assert!(promise.remove_done_callback(id));
    /// assert!(!promise.remove_done_callback(id));
    /// setter.set(1).unwrap();
    /// ```
    pub fn remove_done_callback(&self, id: CallbackId) -> bool {
        id.promise == self.address() && self.shared.remove_callback(id.number)
    }

    /// What tells this promise from others that exist.
    fn address(&self) -> usize {
        Arc::as_ptr(&self.shared).addr()
    }
}

impl<T: Clone> Promise<T> {
    /// A clone of the outcome, if there is one.
    pub fn result(&self) -> Option<Result<T, PromiseError>> {
        let outcome = self.get()?;
        Some(foreign(|| outcome.clone()))
    }

    /// Blocks the thread until there is an outcome, and gives a clone. For threads that are not part of a runtime.
    ///
    /// # Errors
    /// If the outcome is an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Promise;
    ///
    /// let (setter, promise) = Promise::new();
    /// let thread = std::thread::spawn(move || setter.set(5).unwrap());
    /// assert_eq!(promise.blocking_wait().unwrap(), 5);
    /// # thread.join().unwrap();
    /// ```
    pub fn blocking_wait(&self) -> Result<T, PromiseError> {
        block_on(self.into_future())
    }
}

/// Another handle of the same promise.
impl<T> Clone for Promise<T> {
    fn clone(&self) -> Self {
        Promise::of(self.shared.clone())
    }
}

impl<T: fmt::Debug> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise")
            .field("outcome", &self.shared)
            .field("n_callbacks", &self.shared.n_callbacks())
            .finish()
    }
}

/// Names a callback to the promise that was given it. From [`Promise::add_done_callback`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallbackId {
    promise: usize,
    number: u64,
}
