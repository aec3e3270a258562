//! The ends that change the value.

use super::Receiver;
use super::channel::{Channel, Ref};
use super::error::SendError;
use crate::budget;
use filch_core::sys::sync::Arc;
use filch_core::sys::sync::atomic::Ordering::*;
use std::fmt;
use std::mem;

/// An end that changes the value, of which there may be many. From [`channel`](super::channel()).
///
/// # Examples
///
/// ```
/// use filch_sync::watch;
///
/// let (sender, receiver) = watch::channel(1);
/// let other = sender.clone();
/// other.send(2).unwrap();
/// sender.send_modify(|n| *n += 10);
/// assert_eq!(*receiver.borrow(), 12);
/// ```
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Makes a channel without a receiver, that holds `init`.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch::Sender;
    ///
    /// let sender = Sender::new(1);
    /// sender.send_replace(2);
    /// assert_eq!(*sender.subscribe().borrow(), 2);
    /// ```
    pub fn new(init: T) -> Self {
        let channel = Arc::new(Channel::new(init));
        channel.n_receivers.store(0, Relaxed);
        Sender { channel }
    }

    /// The first sender of a channel, which is counted already.
    pub(super) fn new_first(channel: Arc<Channel<T>>) -> Self {
        Sender { channel }
    }

    /// Puts `value` in the place of the present one, and tells the receivers. The former value is dropped when the last
    /// [`Ref`] to it is.
    ///
    /// Blocks the thread while another sender changes the value in its place, and only then.
    ///
    /// # Errors
    /// If there is no receiver: the value comes back, and the channel keeps the one it has.
    /// [`send_replace`](Self::send_replace) puts it there all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow(), 2);
    /// drop(receiver);
    /// assert_eq!(sender.send(3).unwrap_err().0, 3);
    /// assert_eq!(*sender.borrow(), 2);
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        self.channel.send(value);
        Ok(())
    }

    /// Changes the value in its place, and tells the receivers, if there are any.
    ///
    /// If `modify` panics, the value stays as `modify` left it, and no receiver is told. The channel goes on to work.
    ///
    /// Blocks the thread until nobody holds a [`Ref`] to the value: called while this thread holds one, for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(vec![1]);
    /// sender.send_modify(|list| list.push(2));
    /// assert_eq!(*receiver.borrow(), [1, 2]);
    /// ```
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        self.channel.modify(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in its place; `modify` says whether to tell the receivers. So does this function.
    ///
    /// If `modify` panics, the value stays as `modify` left it, and no receiver is told. The channel goes on to work.
    ///
    /// Blocks the thread until nobody holds a [`Ref`] to the value: called while this thread holds one, for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(1);
    /// let raise_to = |n| {
    ///     sender.send_if_modified(|value: &mut i32| {
    ///         let is_less = *value < n;
    ///         *value = n.max(*value);
    ///         is_less
    ///     })
    /// };
    /// assert!(!raise_to(0));
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// assert!(raise_to(2));
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// ```
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        self.channel.modify(modify)
    }

    /// Puts `value` in the place of the present one, also if there is no receiver, and gives the former one back.
    ///
    /// Blocks the thread until nobody holds a [`Ref`] to the former value: called while this thread holds one, for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(1);
    /// assert_eq!(sender.send_replace(2), 1);
    /// assert_eq!(*receiver.borrow(), 2);
    /// ```
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|present| mem::swap(present, &mut value));
        value
    }

    /// Lends the latest value.
    ///
    /// Blocks the thread while a sender changes the value in its place.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (sender, _receiver) = watch::channel("hello");
    /// assert_eq!(*sender.borrow(), "hello");
    /// ```
    pub fn borrow(&self) -> Ref<'_, T> {
        self.channel.borrow()
    }

    /// Whether there is no receiver.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(1);
    /// let thread = std::thread::spawn(move || drop(receiver));
    /// # futures_lite::future::block_on(async {
    /// sender.closed().await;
    /// # });
    /// # thread.join().unwrap();
    /// ```
    pub async fn closed(&self) {
        // Why first: an end after this line makes it ready, and one before it is seen.
        let mut deserted = self.channel.deserted.notified();
        if self.is_closed() {
            return budget::spend().await;
        }
        loop {
            deserted.await;
            deserted = self.channel.deserted.notified();
            if self.is_closed() {
                return;
            }
        }
    }

    /// A receiver, which counts the present value as seen.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch::Sender;
    ///
    /// let sender = Sender::new(1);
    /// let receiver = sender.subscribe();
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        self.channel.n_receivers.fetch_add(1, Relaxed); // Relaxed: who sends without seeing it does so meanwhile.
        Receiver::new(self.channel.clone())
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        // ORDERING: [receivers] Acquire: who sees the last receiver gone sees what it did.
        self.channel.n_receivers.load(Acquire)
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.channel.n_senders.load(Relaxed)
    }

    /// Whether both change the same value.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.n_senders.fetch_add(1, Relaxed); // Relaxed: there is one already, so nobody can see zero.
        Sender { channel: self.channel.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // ORDERING: [senders] Release: what was sent is in the channel. Acquire: what all others sent, for the last one.
        if self.channel.n_senders.fetch_sub(1, AcqRel) == 1 {
            self.channel.close();
        }
    }
}

/// A channel without a receiver, that holds the default value.
impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Sender::new(T::default())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("channel", &self.channel).finish()
    }
}
