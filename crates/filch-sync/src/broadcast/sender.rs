//! The ends that send.

use super::Receiver;
use super::channel::Channel;
use super::error::SendError;
use filch_core::sys::sync::Arc;
use filch_core::sys::sync::atomic::Ordering::*;
use std::fmt;

/// An end that sends, of which there may be many. From [`channel`](super::channel()).
///
/// The channel is closed when the last one is gone.
///
/// # Examples
///
/// ```
/// use filch_sync::broadcast;
///
/// let (sender, mut receiver) = broadcast::channel(16);
/// let other = sender.clone();
/// sender.send(1).unwrap();
/// other.send(2).unwrap();
/// # futures_lite::future::block_on(async {
/// assert_eq!(receiver.recv().await, Ok(1));
/// assert_eq!(receiver.recv().await, Ok(2));
/// # });
/// ```
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Makes a channel without a receiver, that keeps up to `capacity` values.
    ///
    /// # Panics
    /// If `capacity` is zero, or if so many values do not fit into the address space.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::broadcast::Sender;
    ///
    /// let sender = Sender::new(16);
    /// assert!(sender.send("nobody hears it").is_err());
    /// let receiver = sender.subscribe();
    /// assert!(sender.send("somebody does").is_ok());
    /// # drop(receiver);
    /// ```
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Sender { channel: Arc::new(Channel::new(capacity)) }
    }

    /// Sends a value to all receivers there are, and gives their number. Never waits: when the channel is full, the oldest
    /// value is overwritten.
    ///
    /// That a value was sent does not mean that it is received: a receiver may be dropped, or lag.
    ///
    /// # Errors
    /// If there is no receiver: the value comes back. There may be one again later.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel(16);
    /// assert_eq!(sender.send("hello"), Ok(1));
    /// drop(receiver);
    /// assert_eq!(sender.send("hello").unwrap_err().0, "hello");
    /// ```
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        self.channel.send(value)
    }

    /// A receiver of what is sent from here on.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::broadcast;
    ///
    /// let (sender, _first) = broadcast::channel(16);
    /// sender.send("early").unwrap();
    /// let mut late = sender.subscribe();
    /// sender.send("late").unwrap();
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(late.recv().await, Ok("late"));
    /// # });
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(self.channel.clone())
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.channel.n_receivers()
    }

    /// How many values the channel keeps: those that some receiver has neither received nor missed.
    pub fn len(&self) -> usize {
        self.channel.len()
    }

    /// Whether the channel keeps no value.
    pub fn is_empty(&self) -> bool {
        self.channel.is_empty()
    }

    /// Whether both send to the same receivers.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel::<i32>(16);
    /// let thread = std::thread::spawn(move || drop(receiver));
    /// # futures_lite::future::block_on(async {
    /// sender.closed().await;
    /// # });
    /// # thread.join().unwrap();
    /// ```
    pub async fn closed(&self) {
        self.channel.deserted().await;
    }

    /// A sender that does not keep the channel open.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::broadcast;
    ///
    /// let (sender, _receiver) = broadcast::channel::<i32>(16);
    /// let weak = sender.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// ```
    #[must_use = "the sender itself is still there"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender::new(self.channel.clone())
    }

    /// How many senders there are, weak ones aside.
    pub fn strong_count(&self) -> usize {
        self.channel.n_senders.load(Relaxed)
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.channel.n_weak_senders.load(Relaxed)
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

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("channel", &self.channel).finish()
    }
}

/// A [`Sender`] that does not keep the channel open. From [`Sender::downgrade`].
///
/// # Examples
///
/// ```
/// use filch_sync::broadcast;
///
/// let (sender, mut receiver) = broadcast::channel(16);
/// let weak = sender.downgrade();
/// weak.upgrade().expect("a sender is there").send(1).unwrap();
/// drop(sender);
/// # futures_lite::future::block_on(async {
/// assert_eq!(receiver.recv().await, Ok(1));
/// assert!(receiver.recv().await.is_err());
/// # });
/// ```
pub struct WeakSender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> WeakSender<T> {
    fn new(channel: Arc<Channel<T>>) -> Self {
        channel.n_weak_senders.fetch_add(1, Relaxed);
        WeakSender { channel }
    }

    /// A sender, unless the last one is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::broadcast;
    ///
    /// let (sender, _receiver) = broadcast::channel::<i32>(16);
    /// let weak = sender.downgrade();
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// ```
    #[must_use = "the channel is open as long as the sender is there"]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let mut n = self.channel.n_senders.load(Relaxed);
        while n != 0 {
            // Relaxed: there is one already, as in `Sender::clone`.
            match self.channel.n_senders.compare_exchange_weak(n, n + 1, Relaxed, Relaxed) {
                Ok(_) => return Some(Sender { channel: self.channel.clone() }),
                Err(actual) => n = actual,
            }
        }
        None
    }

    /// How many senders there are, weak ones aside.
    pub fn strong_count(&self) -> usize {
        self.channel.n_senders.load(Relaxed)
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.channel.n_weak_senders.load(Relaxed)
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender::new(self.channel.clone())
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.channel.n_weak_senders.fetch_sub(1, Relaxed);
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}
