//! The channel whose senders never wait, and whose memory has no limit but the receiver's speed.

use super::channel::{Rx, Tx, WeakTx, channel as make_channel};
use super::error::{SendError, TryRecvError};
use crate::blocking::block_on;
use futures_core::Stream;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Makes a channel that holds any number of messages. If senders are faster than the receiver for long, memory runs out:
/// [`channel`](super::channel()) makes them wait.
///
/// # Examples
///
/// ```
/// use filch_sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// sender.send("hello").unwrap();
/// # futures_lite::future::block_on(async {
/// assert_eq!(receiver.recv().await, Some("hello"));
/// # });
/// ```
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (tx, rx) = make_channel(usize::MAX);
    (UnboundedSender { tx }, UnboundedReceiver { rx })
}

/// An end that sends, of which there may be many. From [`unbounded_channel`].
///
/// Dropping the last one ends the channel for the receiver.
///
/// # Examples
///
/// ```
/// use filch_sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// let another = sender.clone();
/// sender.send(1).unwrap();
/// another.send(2).unwrap();
/// assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
/// ```
pub struct UnboundedSender<T> {
    tx: Tx<T, false>,
}

impl<T> UnboundedSender<T> {
    /// Sends a message. Never waits.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel: the message comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc::{self, error::SendError};
    ///
    /// let (sender, receiver) = mpsc::unbounded_channel();
    /// sender.send(1).unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.send(2), Err(SendError(2)));
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.tx.channel.list.claim() {
            Ok(claim) => {
                claim.write(value);
                Ok(())
            }
            Err(_closed) => Err(SendError(value)),
        }
    }

    /// Waits until the receiver is gone or closed the channel.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::unbounded_channel::<i32>();
    /// # futures_lite::future::block_on(async {
    /// drop(receiver);
    /// sender.closed().await;
    /// # });
    /// ```
    pub async fn closed(&self) {
        self.tx.closed().await;
    }

    /// Whether the receiver is gone or closed the channel.
    pub fn is_closed(&self) -> bool {
        self.tx.channel.is_closed()
    }

    /// Whether both send to one receiver.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// A sender that does not keep the channel open.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel::<i32>();
    /// let weak = sender.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// assert!(receiver.blocking_recv().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are, weak ones aside.
    pub fn strong_count(&self) -> usize {
        self.tx.channel.n_senders()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.channel.n_weak()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        UnboundedSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedSender").field("state", &self.tx.channel.list.turnstile).finish()
    }
}

/// An [`UnboundedSender`] that does not keep the channel open. From [`UnboundedSender::downgrade`].
///
/// # Examples
///
/// ```
/// use filch_sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// let weak = sender.downgrade();
/// weak.upgrade().expect("a sender is there").send(1).unwrap();
/// assert_eq!(receiver.try_recv(), Ok(1));
/// ```
pub struct WeakUnboundedSender<T> {
    tx: WeakTx<T, false>,
}

impl<T> WeakUnboundedSender<T> {
    /// A sender, unless the last one is gone.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        self.tx.upgrade().map(|tx| UnboundedSender { tx })
    }

    /// How many senders there are, weak ones aside.
    pub fn strong_count(&self) -> usize {
        self.tx.channel.n_senders()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.channel.n_weak()
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        WeakUnboundedSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakUnboundedSender").finish_non_exhaustive()
    }
}

/// The end that receives. From [`unbounded_channel`].
///
/// Dropping it closes the channel and drops the messages that wait.
///
/// # Examples
///
/// ```
/// use filch_sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// (1..=3).try_for_each(|n| sender.send(n)).unwrap();
/// drop(sender);
/// # futures_lite::future::block_on(async {
/// let mut sum = 0;
/// while let Some(n) = receiver.recv().await {
///     sum += n;
/// }
/// assert_eq!(sum, 6);
/// # });
/// ```
pub struct UnboundedReceiver<T> {
    rx: Rx<T, false>,
}

impl<T> UnboundedReceiver<T> {
    /// Waits for a message. `None` when no message waits, and none will come.
    ///
    /// # Cancel safety
    /// A dropped call has received nothing; the message is there for the next one.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// sender.send(1).unwrap();
    /// drop(sender);
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(receiver.recv().await, Some(1));
    /// assert_eq!(receiver.recv().await, None);
    /// # });
    /// ```
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.rx.poll_recv(cx)).await
    }

    /// Waits for at least one message, and appends up to `limit` of those that wait. Gives their number: zero when none
    /// will come, or if `limit` is zero.
    ///
    /// # Cancel safety
    /// A dropped call has received nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// (0..3).try_for_each(|n| sender.send(n)).unwrap();
    /// let mut buffer = Vec::new();
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(receiver.recv_many(&mut buffer, 2).await, 2);
    /// assert_eq!(receiver.recv_many(&mut buffer, 2).await, 1);
    /// assert_eq!(buffer, [0, 1, 2]);
    /// # });
    /// # drop(sender);
    /// ```
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        poll_fn(|cx| self.rx.poll_recv_many(cx, buffer, limit)).await
    }

    /// Takes a message if one waits.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if one may still come, [`Disconnected`](TryRecvError::Disconnected) if not.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// Blocks the thread until a message comes. For threads that are not part of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// std::thread::spawn(move || sender.send(1));
    /// assert_eq!(receiver.blocking_recv(), Some(1));
    /// assert_eq!(receiver.blocking_recv(), None);
    /// ```
    pub fn blocking_recv(&mut self) -> Option<T> {
        block_on(self.recv())
    }

    /// Blocks the thread until there is at least one message, and appends up to `limit`, as
    /// [`recv_many`](Self::recv_many). For threads that are not part of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// (0..3).try_for_each(|n| sender.send(n)).unwrap();
    /// let mut buffer = Vec::new();
    /// assert_eq!(receiver.blocking_recv_many(&mut buffer, 10), 3);
    /// # drop(sender);
    /// ```
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        block_on(self.recv_many(buffer, limit))
    }

    /// As [`recv`](Self::recv), for use in a `poll` function. The waker of the last call is woken.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// sender.send(1).unwrap();
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(std::future::poll_fn(|cx| receiver.poll_recv(cx)).await, Some(1));
    /// # });
    /// ```
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// As [`recv_many`](Self::recv_many), for use in a `poll` function. The waker of the last call is woken.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// (0..3).try_for_each(|n| sender.send(n)).unwrap();
    /// let mut buffer = Vec::new();
    /// # futures_lite::future::block_on(async {
    /// let n = std::future::poll_fn(|cx| receiver.poll_recv_many(cx, &mut buffer, 10)).await;
    /// assert_eq!(n, 3);
    /// # });
    /// ```
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        self.rx.poll_recv_many(cx, buffer, limit)
    }

    /// Lets no message in any more. Those that wait can still be received.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// sender.send(1).unwrap();
    /// receiver.close();
    /// assert!(sender.send(2).is_err());
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(receiver.recv().await, Some(1));
    /// assert_eq!(receiver.recv().await, None);
    /// # });
    /// ```
    pub fn close(&mut self) {
        self.rx.close();
    }

    /// Whether the channel was closed, or the last sender is gone.
    pub fn is_closed(&self) -> bool {
        self.rx.is_closed()
    }

    /// Whether no message waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.rx.len()
    }

    /// How many senders there are, weak ones aside.
    pub fn sender_strong_count(&self) -> usize {
        self.rx.channel.n_senders()
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.rx.channel.n_weak()
    }
}

/// The messages, until the channel is closed and empty.
impl<T> Stream for UnboundedReceiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T> fmt::Debug for UnboundedReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedReceiver").field("state", &self.rx.channel.list.turnstile).finish()
    }
}
