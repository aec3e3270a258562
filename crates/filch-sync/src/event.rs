//! A flag that tasks can wait for.
//!
//! It does not count and it is not taken: every task that waits, or comes while the flag is set, goes on.

use crate::notify::Notify;
use filch_core::coop;
use filch_core::sys::sync::atomic::{AtomicBool, Ordering::*};
use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, ready};

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
    is_set: AtomicBool,
    changed: Notify,
}

impl Event {
    filch_core::const_new! {
        /// Makes one that is not set.
        pub const fn new() -> Self {
            Event { is_set: AtomicBool::new(false), changed: Notify::new() }
        }
    }

    /// Sets the flag, and lets all go on who wait for it, even if it is cleared before they run.
    pub fn set(&self) {
        // ORDERING: [event] pairs with `is_set`. A waiter that sees the generation raised next sees the flag as well.
        self.is_set.store(true, Release);
        self.changed.notify_waiters();
    }

    /// Clears the flag: who comes from here on waits.
    pub fn clear(&self) {
        self.is_set.store(false, Relaxed); // Relaxed: a cleared flag tells nothing about what was done before.
    }

    /// Whether the flag is set.
    pub fn is_set(&self) -> bool {
        self.is_set.load(Acquire) // ORDERING: [event] who sees the flag sees what was done before `set`.
    }

    /// Waits until the flag is set.
    ///
    /// # Cancel safety
    /// Nothing is lost: the flag belongs to nobody.
    pub async fn wait(&self) {
        // Why first: a `set` after this line makes `changed` ready, and a `set` before it is seen in the flag.
        let changed = self.changed.notified();
        if self.is_set() {
            return spend_budget().await;
        }
        changed.await;
    }
}

/// One successful operation.
async fn spend_budget() {
    poll_fn(|cx| {
        ready!(coop::poll_proceed(cx)).made_progress();
        Poll::Ready(())
    })
    .await;
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
