//! A flag that tasks can wait for.
//!
//! It does not count and it is not taken: every task that waits, or comes while the flag is set, goes on.

use crate::blocking::block_on;
use crate::gate::Gate;
use std::fmt;

/// A flag that is set for all at once, and can be cleared.
///
/// # Examples
///
/// ```
/// use filch_sync::Event;
///
/// static STARTED: Event = Event::new();
///
/// # futures_lite::future::block_on(async {
/// assert!(!STARTED.is_set());
/// STARTED.set();
/// STARTED.wait().await;
/// # });
/// ```
pub struct Event {
    /// Open when the flag is set.
    gate: Gate,
}

impl Event {
    filch_core::const_new! {
        /// Makes one that is not set.
        pub const fn new() -> Self {
            Event { gate: Gate::new(1) }
        }
    }

    /// Sets the flag, and lets all go on who wait for it, even if it is cleared before they run.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Event;
    /// use std::pin::pin;
    ///
    /// # futures_lite::future::block_on(async {
    /// let event = Event::new();
    /// let mut waiting = pin!(event.wait());
    /// assert!(futures_lite::future::poll_once(waiting.as_mut()).await.is_none());
    /// event.set();
    /// event.clear();
    /// waiting.await; // It waited when the flag was set.
    /// # });
    /// ```
    pub fn set(&self) {
        self.gate.open();
    }

    /// Clears the flag: who comes from here on waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = filch_sync::Event::new();
    /// event.set();
    /// event.clear();
    /// assert!(!event.is_set());
    /// ```
    pub fn clear(&self) {
        self.gate.close();
    }

    /// Whether the flag is set. Who sees that it is sees what was done before [`set`](Self::set).
    pub fn is_set(&self) -> bool {
        self.gate.count() == 0
    }

    /// Waits until the flag is set.
    ///
    /// # Cancel safety
    /// Nothing is lost: the flag belongs to nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Event;
    /// use std::sync::Arc;
    ///
    /// let ready = Arc::new(Event::new());
    /// let thread = std::thread::spawn({
    ///     let ready = ready.clone();
    ///     move || ready.set()
    /// });
    /// # futures_lite::future::block_on(async {
    /// ready.wait().await;
    /// # });
    /// # thread.join().unwrap();
    /// ```
    pub async fn wait(&self) {
        self.gate.pass().await;
    }

    /// Blocks the thread until the flag is set. For threads that are not part of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Event;
    /// use std::sync::Arc;
    ///
    /// let ready = Arc::new(Event::new());
    /// let thread = std::thread::spawn({
    ///     let ready = ready.clone();
    ///     move || ready.blocking_wait()
    /// });
    /// ready.set();
    /// thread.join().unwrap();
    /// ```
    pub fn blocking_wait(&self) {
        if !self.is_set() {
            block_on(self.wait());
        }
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("is_set", &self.is_set()).finish_non_exhaustive()
    }
}
