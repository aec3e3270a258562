//! The end that sends.

use super::buffer::Buffer;
use super::ends::{Tx, Weak};
use super::error::{SendError, TrySendError};
use crate::blocking::block_on;
use crate::semaphore::TryAcquireError;
use std::fmt;

/// An end that sends, of which there may be many. From [`channel`](super::channel()) and
/// [`unbounded_channel`](super::unbounded_channel).
///
/// Senders that wait for room get it in the order in which they came.
///
/// # Examples
///
/// ```
/// use filch_sync::mpmc;
///
/// let (sender, receiver) = mpmc::channel(2);
/// let sends: Vec<_> = [1, 2]
///     .map(|n| (n, sender.clone()))
///     .map(|(n, sender)| std::thread::spawn(move || sender.blocking_send(n)))
///     .into();
/// drop(sender);
/// let mut sum = 0;
/// while let Some(n) = receiver.blocking_recv() {
///     sum += n;
/// }
/// assert_eq!(sum, 3);
/// # for send in sends { send.join().unwrap().unwrap() }
/// ```
pub struct Sender<T> {
    tx: Tx<T, Buffer>,
}

impl<T> Sender<T> {
    pub(super) fn new(tx: Tx<T, Buffer>) -> Self {
        Sender { tx }
    }

    /// Sends a value, and waits for room before.
    ///
    /// # Errors
    /// If the channel is closed, or gets closed while this waits: the value comes back.
    ///
    /// # Cancel safety
    /// A dropped call has not sent; the value is dropped with it, and the place in the queue is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = filch_sync::mpmc::channel(1);
    /// sender.send(1).await.unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.send(2).await.unwrap_err().0, 2);
    /// # });
    /// ```
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.room().acquire().await {
            Ok(()) => self.put_in(value).map_err(SendError),
            Err(_closed) => Err(SendError(value)),
        }
    }

    /// Sends a value if there is room. An unbounded channel always has.
    ///
    /// # Errors
    /// If there is no room, or if the channel is closed: the value comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpmc::{self, error::TrySendError};
    ///
    /// let (sender, receiver) = mpmc::channel(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// # drop(receiver);
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.room().try_acquire() {
            Ok(()) => self.put_in(value).map_err(TrySendError::Closed),
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(value)),
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(value)),
        }
    }

    /// Sends a value in any case: if there is no room, the oldest value makes way, and is given back.
    ///
    /// If all room is promised to other senders that have not sent yet, the channel holds one value more than it should
    /// until one is received.
    ///
    /// # Errors
    /// If the channel is closed: the value comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::mpmc::channel(2);
    /// assert_eq!(sender.force_send("old"), Ok(None));
    /// assert_eq!(sender.force_send("newer"), Ok(None));
    /// assert_eq!(sender.force_send("newest"), Ok(Some("old")));
    /// assert_eq!(receiver.try_recv(), Ok("newer"));
    /// ```
    pub fn force_send(&self, value: T) -> Result<Option<T>, SendError<T>> {
        match self.room().try_acquire() {
            Ok(()) => self.put_in(value).map(|()| None),
            Err(TryAcquireError::NoPermits) => {
                self.tx.channel.push_over(value, || self.room().exceed())
            }
            Err(TryAcquireError::Closed) => Err(value),
        }
        .map_err(SendError)
    }

    /// Blocks the thread until there is room, and sends. For threads that are not part of a runtime.
    ///
    /// # Errors
    /// If the channel is closed, or gets closed while this waits: the value comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::mpmc::channel(1);
    /// let thread = std::thread::spawn(move || sender.blocking_send(7));
    /// assert_eq!(receiver.blocking_recv(), Some(7));
    /// thread.join().unwrap().unwrap();
    /// ```
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_on(self.send(value))
    }

    /// Waits until the channel is closed.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = filch_sync::mpmc::channel::<i32>(1);
    /// drop(receiver);
    /// sender.closed().await;
    /// # });
    /// ```
    pub async fn closed(&self) {
        self.tx.closed().await;
    }

    /// Closes the channel: no value gets in any more, and those that wait can still be received.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::mpmc::channel(1);
    /// sender.try_send(1).unwrap();
    /// sender.close();
    /// assert!(sender.try_send(2).is_err());
    /// assert_eq!(receiver.blocking_recv(), Some(1));
    /// assert_eq!(receiver.blocking_recv(), None);
    /// ```
    pub fn close(&self) {
        self.tx.channel.close();
    }

    /// Whether the channel was closed, or the last receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.tx.channel.is_closed()
    }

    /// How many values wait.
    pub fn len(&self) -> usize {
        self.tx.channel.len()
    }

    /// Whether no value waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values for which there is room at this moment: `usize::MAX` without a limit.
    pub fn capacity(&self) -> usize {
        self.room().capacity()
    }

    /// The values for which there is room when none wait: `usize::MAX` without a limit.
    pub fn max_capacity(&self) -> usize {
        self.room().max_capacity()
    }

    /// Whether both send to the same receivers.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// How many senders there are, weak ones aside.
    pub fn sender_count(&self) -> usize {
        self.tx.channel.n_senders.get()
    }

    /// How many receivers there are, weak ones aside.
    pub fn receiver_count(&self) -> usize {
        self.tx.channel.n_receivers.get()
    }

    /// A sender that does not keep the channel open.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::mpmc::channel::<i32>(1);
    /// let weak = sender.downgrade();
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { weak: self.tx.downgrade() }
    }

    fn room(&self) -> &Buffer {
        &self.tx.channel.room
    }

    /// Sends what has its room. If the channel was closed meanwhile, that goes back.
    fn put_in(&self, value: T) -> Result<(), T> {
        let sent = self.tx.channel.push(value);
        if sent.is_err() {
            self.room().release();
        }
        sent
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// A [`Sender`] that does not keep the channel open. From [`Sender::downgrade`].
///
/// # Examples
///
/// ```
/// let (sender, receiver) = filch_sync::mpmc::channel::<i32>(1);
/// let weak = sender.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(receiver.blocking_recv(), None);
/// ```
pub struct WeakSender<T> {
    weak: Weak<T, Buffer>,
}

impl<T> WeakSender<T> {
    /// A sender, unless the last one is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::mpmc::channel(1);
    /// let another = sender.downgrade().upgrade().expect("the first one is there");
    /// another.try_send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.weak.upgrade_to_sender().map(Sender::new)
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender { weak: self.weak.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}
