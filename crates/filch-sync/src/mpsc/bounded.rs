//! The channel whose senders wait for room.
//!
//! Room is a permit of a semaphore: a sender takes it, the message carries it, the receiver gives it back.

use super::channel::{Room, Rx, Tx, WeakTx, channel as make_channel};
use super::error::{SendError, TryRecvError, TrySendError};
use super::list::List;
use crate::blocking::block_on;
use crate::semaphore::{Semaphore, TryAcquireError};
use futures_core::Stream;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

#[derive(Debug)]
pub(super) struct Bounded {
    semaphore: Semaphore,
    max: usize,
}

impl Room for Bounded {
    fn close<T>(&self, _list: &List<T>) {
        self.semaphore.close();
    }

    fn is_closed<T>(&self, _list: &List<T>) -> bool {
        self.semaphore.is_closed()
    }

    fn is_final<T>(&self, _list: &List<T>) -> bool {
        self.semaphore.is_closed() && self.semaphore.available_permits_acquire() == self.max
    }

    fn give_back(&self, n: usize) {
        self.semaphore.release(n);
    }
}

/// Makes a channel that holds up to `buffer` messages; senders wait when there are as many.
///
/// # Panics
/// If `buffer` is zero, or more than [`Semaphore::MAX_PERMITS`].
///
/// # Examples
///
/// ```
/// use filch_sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel(8);
/// # futures_lite::future::block_on(async {
/// sender.send("hello").await.unwrap();
/// drop(sender);
/// assert_eq!(receiver.recv().await, Some("hello"));
/// assert_eq!(receiver.recv().await, None);
/// # });
/// ```
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        buffer > 0,
        "mpsc::channel was asked for a buffer of 0 messages: pass 1 or more, or hand over one value with oneshot::channel"
    );
    let (tx, rx) = make_channel(Bounded { semaphore: Semaphore::new(buffer), max: buffer });
    (Sender { tx }, Receiver { rx })
}

/// An end that sends, of which there may be many. From [`channel`].
pub struct Sender<T> {
    tx: Tx<T, Bounded>,
}

impl<T> Sender<T> {
    /// Sends a message, and waits for room before.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel: the message comes back.
    ///
    /// # Cancel safety
    /// A dropped call has not sent; the message is dropped with it, and the place in the queue is lost. Where that is too
    /// much, [`reserve`](Self::reserve) first.
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.semaphore().wait_for(1).await {
            Ok(()) => {
                self.push(value);
                Ok(())
            }
            Err(_) => Err(SendError(value)),
        }
    }

    /// Sends a message if there is room.
    ///
    /// # Errors
    /// If there is no room, or if the receiver is gone or closed the channel: the message comes back.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.semaphore().try_take(1) {
            Ok(()) => {
                self.push(value);
                Ok(())
            }
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(value)),
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(value)),
        }
    }

    /// Blocks the thread until there is room, and sends. For threads that are not part of a runtime.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel: the message comes back.
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_on(self.send(value))
    }

    /// Waits for room for one message, and keeps it.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel.
    ///
    /// # Cancel safety
    /// A dropped call keeps no room; the place in the queue is lost.
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.semaphore().wait_for(1).await.map_err(|_closed| SendError(()))?;
        Ok(Permit { sender: self })
    }

    /// Keeps room for one message, if there is room.
    ///
    /// # Errors
    /// If there is no room, or if the receiver is gone or closed the channel.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        match self.semaphore().try_take(1) {
            Ok(()) => Ok(Permit { sender: self }),
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(())),
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(())),
        }
    }

    /// Waits for room for one message; the permit holds the sender and has no lifetime.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel.
    ///
    /// # Cancel safety
    /// A dropped call keeps no room, and drops the sender.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.semaphore().wait_for(1).await.map_err(|_closed| SendError(()))?;
        Ok(OwnedPermit { sender: Some(self) })
    }

    /// Keeps room for one message, if there is room; the permit holds the sender and has no lifetime.
    ///
    /// # Errors
    /// If there is no room, or if the receiver is gone or closed the channel: the sender comes back.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.semaphore().try_take(1) {
            Ok(()) => Ok(OwnedPermit { sender: Some(self) }),
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(self)),
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(self)),
        }
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

    /// The messages for which there is room at this moment.
    pub fn capacity(&self) -> usize {
        self.semaphore().available_permits()
    }

    /// The messages for which there is room when none wait.
    pub fn max_capacity(&self) -> usize {
        self.tx.channel.room.max
    }

    /// Whether both send to one receiver.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// A sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are, weak ones aside.
    pub fn strong_count(&self) -> usize {
        self.tx.n_senders()
    }

    fn semaphore(&self) -> &Semaphore {
        &self.tx.channel.room.semaphore
    }

    /// Sends what has its permit.
    fn push(&self, value: T) {
        if self.tx.channel.list.push(value).is_err() {
            unreachable!("the list of a bounded channel is never closed: its semaphore is");
        }
        self.tx.channel.rx_waker.wake();
    }

    /// Gives a permit back that carried no message.
    fn give_back(&self) {
        self.semaphore().release(1);
        if self.is_closed() {
            self.tx.channel.rx_waker.wake(); // It may have been the last thing the receiver waits for.
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("room", &self.tx.channel.room).finish()
    }
}

/// A [`Sender`] that does not keep the channel open. From [`Sender::downgrade`].
pub struct WeakSender<T> {
    tx: WeakTx<T, Bounded>,
}

impl<T> WeakSender<T> {
    /// A sender, unless the last one is gone.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.tx.upgrade().map(|tx| Sender { tx })
    }

    /// How many senders there are, weak ones aside.
    pub fn strong_count(&self) -> usize {
        self.tx.n_senders()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

/// Room for one message, given back on drop. From [`Sender::reserve`].
#[must_use = "room that is given back at once is not used"]
pub struct Permit<'a, T> {
    sender: &'a Sender<T>,
}

impl<T> Permit<'_, T> {
    /// Sends the message. Never waits, and never fails: a receiver that closed the channel still gets it.
    pub fn send(self, value: T) {
        let sender = self.sender;
        std::mem::forget(self);
        sender.push(value);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.sender.give_back();
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// Room for one message and the sender to send it with. From [`Sender::reserve_owned`].
#[must_use = "room that is given back at once is not used"]
pub struct OwnedPermit<T> {
    /// `None` only when it is being consumed.
    sender: Option<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    /// Sends the message, and gives the sender back. Never waits, and never fails.
    pub fn send(mut self, value: T) -> Sender<T> {
        let sender = self.take();
        sender.push(value);
        sender
    }

    /// Gives the room and the sender back.
    pub fn release(mut self) -> Sender<T> {
        let sender = self.take();
        sender.give_back();
        sender
    }

    fn take(&mut self) -> Sender<T> {
        self.sender.take().expect("a permit has its sender until it is consumed")
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            sender.give_back();
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}

/// The end that receives. From [`channel`].
pub struct Receiver<T> {
    rx: Rx<T, Bounded>,
}

impl<T> Receiver<T> {
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

    /// Lets no message in that has no room yet. Those that wait, and those with a permit, can still be received.
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

    /// The messages for which there is room at this moment.
    pub fn capacity(&self) -> usize {
        self.rx.channel.room.semaphore.available_permits()
    }

    /// The messages for which there is room when none wait.
    pub fn max_capacity(&self) -> usize {
        self.rx.channel.room.max
    }
}

/// The messages, until the channel is closed and empty.
impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("room", &self.rx.channel.room).finish()
    }
}
