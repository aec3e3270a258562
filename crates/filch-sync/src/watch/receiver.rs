//! The ends that look.

use super::channel::{Channel, Ref, version_before};
use super::error::RecvError;
use crate::lock::foreign;
use filch_core::coop;
use filch_core::sys::sync::Arc;
use filch_core::sys::sync::atomic::Ordering::*;
use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, ready};

/// An end that sees the latest value. From [`channel`](super::channel()) and [`Sender::subscribe`](super::Sender::subscribe).
///
/// It knows which version of the value it saw last. A clone knows the same, and goes its own way from there.
///
/// Values are read on several threads at once, so a receiver can be sent only if its value can be sent and shared:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::watch::Receiver<std::cell::Cell<i32>>>(); // `Send`, but not `Sync`.
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::watch;
///
/// let (sender, mut receiver) = watch::channel(0);
/// let thread = std::thread::spawn(move || {
///     for n in 1..=3 {
///         sender.send(n).unwrap();
///     }
/// });
/// # futures_lite::future::block_on(async {
/// let mut latest = 0;
/// while receiver.changed().await.is_ok() {
///     latest = *receiver.borrow_and_update();
/// }
/// assert_eq!(latest, 3);
/// # });
/// # thread.join().unwrap();
/// ```
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
    /// The version that was seen last.
    seen: usize,
}

impl<T> Receiver<T> {
    /// A receiver that was counted already. It has seen the present value.
    pub(super) fn new(channel: Arc<Channel<T>>) -> Self {
        let (seen, _) = channel.version();
        Receiver { channel, seen }
    }

    /// Lends the latest value, and does not count it as seen.
    ///
    /// Blocks the thread while a sender changes the value in its place.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (_sender, receiver) = watch::channel("hello");
    /// assert_eq!(*receiver.borrow(), "hello");
    /// ```
    pub fn borrow(&self) -> Ref<'_, T> {
        self.channel.borrow_since(self.seen).0
    }

    /// Lends the latest value, and counts it as seen.
    ///
    /// Blocks the thread while a sender changes the value in its place.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow_and_update(), 2);
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// ```
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let (value, version) = self.channel.borrow_since(self.seen);
        self.seen = version;
        value
    }

    /// Whether the latest value was not seen.
    ///
    /// # Errors
    /// If the last sender is gone, seen or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(1);
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// drop(sender);
    /// assert!(receiver.has_changed().is_err());
    /// ```
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        match self.channel.version() {
            (_, true) => Err(RecvError(())),
            (version, false) => Ok(version != self.seen),
        }
    }

    /// Whether the last sender is gone.
    pub fn is_closed(&self) -> bool {
        self.channel.version().1
    }

    /// Counts the latest value as not seen.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (_sender, mut receiver) = watch::channel(1);
    /// receiver.mark_changed();
    /// # futures_lite::future::block_on(async {
    /// receiver.changed().await.unwrap(); // Look at the first value, too.
    /// # });
    /// ```
    pub fn mark_changed(&mut self) {
        self.seen = version_before(self.seen);
    }

    /// Counts the latest value as seen.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// receiver.mark_unchanged();
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// ```
    pub fn mark_unchanged(&mut self) {
        self.seen = self.channel.version().0;
    }

    /// Waits until there is a value that was not seen, and counts it as seen.
    ///
    /// # Errors
    /// If the last sender is gone, and its last value was seen.
    ///
    /// # Cancel safety
    /// A dropped call has seen nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// drop(sender);
    /// # futures_lite::future::block_on(async {
    /// assert!(receiver.changed().await.is_ok()); // The last value first.
    /// assert!(receiver.changed().await.is_err());
    /// # });
    /// ```
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        let Receiver { channel, seen } = self;
        wait_until(channel, || match channel.version() {
            (version, _) if version != *seen => {
                *seen = version;
                Some(Ok(()))
            }
            (_, true) => Some(Err(RecvError(()))),
            (_, false) => None,
        })
        .await
    }

    /// Waits until `is_it` says yes to the value, and lends it. It is asked at once, then for each value that is seen; all
    /// of those count as seen. To a value that was waited for, [`Ref::has_changed`] says no: the wait has seen the change.
    ///
    /// # Errors
    /// If the last sender is gone, and `is_it` says no to its last value.
    ///
    /// # Cancel safety
    /// Nothing is lost but what `is_it` said no to.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(0);
    /// let thread = std::thread::spawn(move || {
    ///     for n in 1..=5 {
    ///         sender.send(n).unwrap();
    ///     }
    /// });
    /// # futures_lite::future::block_on(async {
    /// let value = receiver.wait_for(|n| *n >= 3).await.unwrap();
    /// assert!(*value >= 3);
    /// # });
    /// # thread.join().unwrap();
    /// ```
    pub async fn wait_for(
        &mut self,
        mut is_it: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, RecvError> {
        let Receiver { channel, seen } = self;
        let channel: &Channel<T> = channel;
        let mut is_first = true;
        wait_until(channel, || {
            // Why first: if the channel is closed now, the value below is the last one.
            let (version, is_closed) = channel.version();
            let is_first = std::mem::take(&mut is_first);
            let mut is_asked = is_first || version != *seen;
            if !is_first {
                *seen = version; // As `changed` does when it has waited.
            }
            let (value, version) = channel.borrow_since(*seen);
            *seen = version;
            is_asked |= value.has_changed();
            if is_asked && foreign(|| is_it(&value)) {
                return Some(Ok(value));
            }
            is_closed.then_some(Err(RecvError(())))
        })
        .await
    }

    /// Whether both look at the same value.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }
}

/// Calls `look` now and after each change, until it gives something. That takes one unit of the budget.
async fn wait_until<T, R>(channel: &Channel<T>, mut look: impl FnMut() -> Option<R>) -> R {
    // Why first: a change after this line makes it ready, and one before it is seen.
    let mut changed = channel.changed.notified();
    let found = poll_fn(|cx| {
        let budget = ready!(coop::poll_proceed(cx));
        let found = look();
        if found.is_some() {
            budget.made_progress();
        }
        Poll::Ready(found)
    });
    if let Some(found) = found.await {
        return found;
    }
    loop {
        changed.await;
        changed = channel.changed.notified();
        if let Some(found) = look() {
            return found;
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.channel.n_receivers.fetch_add(1, Relaxed); // Relaxed: there is one already, so nobody can see zero.
        Receiver { channel: self.channel.clone(), seen: self.seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // ORDERING: [receivers] Release: who sees the last receiver gone sees what it did.
        if self.channel.n_receivers.fetch_sub(1, Release) == 1 {
            self.channel.deserted.notify_waiters();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("channel", &self.channel).finish_non_exhaustive()
    }
}
