//! The channel whose senders never wait, and whose memory has no limit but the receiver's speed.

use super::channel::{Room, Rx, Tx, WeakTx, channel as make_channel};
use super::error::{SendError, TryRecvError};
use super::list::List;
use crate::blocking::block_on;
use futures_core::Stream;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

#[derive(Debug)]
pub(super) struct Unbounded;

impl Room for Unbounded {
    fn close<T>(&self, list: &List<T>) {
        list.close();
    }

    fn is_closed<T>(&self, list: &List<T>) -> bool {
        list.is_closed()
    }

    fn is_final<T>(&self, list: &List<T>) -> bool {
        list.is_closed()
    }

    fn give_back(&self, _n: usize) {}
}

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
    let (tx, rx) = make_channel(Unbounded);
    (UnboundedSender { tx }, UnboundedReceiver { rx })
}

/// An end that sends, of which there may be many. From [`unbounded_channel`].
pub struct UnboundedSender<T> {
    tx: Tx<T, Unbounded>,
}

impl<T> UnboundedSender<T> {
    /// Sends a message. Never waits.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel: the message comes back.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.tx.channel.list.push(value).map_err(SendError)?;
        self.tx.channel.rx_waker.wake();
        Ok(())
    }

    /// Waits until the receiver is gone or closed the channel.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn closed(&self) {
        self.tx.closed().await;
    }

    /// Whether the receiver is gone or closed the channel.
    pub fn is_closed(&self) -> bool {
        self.tx.is_closed()
    }

    /// Whether both send to one receiver.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// A sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are, weak ones aside.
    pub fn strong_count(&self) -> usize {
        self.tx.n_senders()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        UnboundedSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedSender").finish_non_exhaustive()
    }
}

/// An [`UnboundedSender`] that does not keep the channel open. From [`UnboundedSender::downgrade`].
pub struct WeakUnboundedSender<T> {
    tx: WeakTx<T, Unbounded>,
}

impl<T> WeakUnboundedSender<T> {
    /// A sender, unless the last one is gone.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        self.tx.upgrade().map(|tx| UnboundedSender { tx })
    }

    /// How many senders there are, weak ones aside.
    pub fn strong_count(&self) -> usize {
        self.tx.n_senders()
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
pub struct UnboundedReceiver<T> {
    rx: Rx<T, Unbounded>,
}

impl<T> UnboundedReceiver<T> {
    /// Waits for a message. `None` when no message waits, and none will come.
    ///
    /// # Cancel safety
    /// A dropped call has received nothing; the message is there for the next one.
    pub async fn recv(&mut self) -> Option<T> {
        self.rx.recv().await
    }

    /// Waits for at least one message, and appends up to `limit` of those that wait. Gives their number: zero when none
    /// will come, or if `limit` is zero.
    ///
    /// # Cancel safety
    /// A dropped call has received nothing.
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        self.rx.recv_many(buffer, limit).await
    }

    /// Takes a message if one waits.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if one may still come, [`Disconnected`](TryRecvError::Disconnected) if not.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// Blocks the thread until a message comes. For threads that are not part of a runtime.
    pub fn blocking_recv(&mut self) -> Option<T> {
        block_on(self.recv())
    }

    /// As [`recv`](Self::recv), for use in a `poll` function.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// As [`recv_many`](Self::recv_many), for use in a `poll` function.
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        self.rx.poll_recv_many(cx, buffer, limit)
    }

    /// Lets no message in any more. Those that wait can still be received.
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
        f.debug_struct("UnboundedReceiver").finish_non_exhaustive()
    }
}
