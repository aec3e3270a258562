//! The end that receives.

use super::error::TryRecvError;
use super::offers::Offers;
use crate::blocking::block_on;
use crate::mpmc::ends::Rx;
use futures_core::Stream;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An end that receives, of which there may be many: each value goes to one of them. From [`channel`](super::channel()).
///
/// Receivers are woken in the order in which they began to wait. A value belongs to whoever takes it first: one that runs
/// already may be quicker than one that was woken, which then keeps its place.
///
/// It is a [`Stream`] as well. As such it allocates, once, the place in which it waits.
///
/// # Examples
///
/// ```
/// use filch_sync::rendezvous;
///
/// let (sender, receiver) = rendezvous::channel();
/// let another = receiver.clone();
/// let thread = std::thread::spawn(move || {
///     sender.blocking_send(1).unwrap();
///     sender.blocking_send(2).unwrap();
/// });
/// assert_eq!(receiver.blocking_recv(), Some(1));
/// assert_eq!(another.blocking_recv(), Some(2));
/// # thread.join().unwrap();
/// ```
pub struct Receiver<T> {
    rx: Rx<T, Offers<T>>,
}

impl<T> Receiver<T> {
    pub(super) fn new(rx: Rx<T, Offers<T>>) -> Self {
        Receiver { rx }
    }

    /// Waits for a sender, and takes its value. `None` when the channel is closed: none will come.
    ///
    /// # Cancel safety
    /// A dropped call has received nothing: values stay with their senders. The one for which it was woken wakes the next
    /// receiver.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::rendezvous::channel();
    /// let thread = std::thread::spawn(move || sender.blocking_send("a value"));
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(receiver.recv().await, Some("a value"));
    /// # });
    /// # thread.join().unwrap().unwrap();
    /// ```
    pub async fn recv(&self) -> Option<T> {
        self.rx.recv().await
    }

    /// Takes a value if a sender waits, or if one was left by [`Sender::try_send`](super::Sender::try_send).
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if one may still come, [`Disconnected`](TryRecvError::Disconnected) if not.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::rendezvous::{self, error::TryRecvError};
    /// use futures_lite::future::poll_once;
    ///
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = rendezvous::channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    ///
    /// let mut send = std::pin::pin!(sender.send(1));
    /// assert!(poll_once(send.as_mut()).await.is_none());
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(send.await, Ok(()));
    /// # });
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// Blocks the thread until a value comes. For threads that are not part of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::rendezvous::channel();
    /// let thread = std::thread::spawn(move || receiver.blocking_recv());
    /// sender.blocking_send(7).unwrap();
    /// assert_eq!(thread.join().unwrap(), Some(7));
    /// ```
    pub fn blocking_recv(&self) -> Option<T> {
        block_on(self.recv())
    }

    /// As [`recv`](Self::recv), for use in a `poll` function. Only the task that polled last is woken.
    ///
    /// A receiver that waits in this way goes on to do so when it is not polled any more: the value for which it is woken
    /// wakes another receiver only when this one is dropped. Drop it, or poll it until it is ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    ///
    /// let (sender, mut receiver) = filch_sync::rendezvous::channel();
    /// let thread = std::thread::spawn(move || sender.blocking_send(1));
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(poll_fn(|cx| receiver.poll_recv(cx)).await, Some(1));
    /// # });
    /// # thread.join().unwrap().unwrap();
    /// ```
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// Closes the channel: senders that wait get their values back.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::rendezvous::channel();
    /// receiver.close();
    /// assert_eq!(sender.blocking_send(1).unwrap_err().0, 1);
    /// ```
    pub fn close(&self) {
        self.rx.channel.close();
    }

    /// Whether the channel was closed, or the last sender is gone.
    pub fn is_closed(&self) -> bool {
        self.rx.channel.is_closed()
    }

    /// Whether both receive from the same senders.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.rx.same_channel(&other.rx)
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.rx.channel.n_senders.get()
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.rx.channel.n_receivers.get()
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver { rx: self.rx.clone() }
    }
}

/// The values that this receiver takes, until the channel is closed.
impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}
