//! The end that receives.

use super::buffer::Buffer;
use super::ends::{Rx, Weak};
use super::error::TryRecvError;
use crate::blocking::block_on;
use futures_core::Stream;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An end that receives, of which there may be many: each value goes to one of them. From
/// [`channel`](super::channel()) and [`unbounded_channel`](super::unbounded_channel).
///
/// Receivers are woken in the order in which they began to wait. A value belongs to whoever takes it first: one that runs
/// already may be quicker than one that was woken, which then keeps its place.
///
/// It is a [`Stream`] as well. As such it allocates, once, the place in which it waits.
///
/// # Examples
///
/// ```
/// use filch_sync::mpmc;
///
/// let (jobs, worker) = mpmc::channel(4);
/// let workers: Vec<_> = [worker.clone(), worker]
///     .into_iter()
///     .map(|worker| {
///         std::thread::spawn(move || {
///             let mut n_done = 0;
///             while let Some(_job) = worker.blocking_recv() {
///                 n_done += 1;
///             }
///             n_done
///         })
///     })
///     .collect();
/// for job in 0..10 {
///     jobs.blocking_send(job).unwrap();
/// }
/// drop(jobs);
/// assert_eq!(workers.into_iter().map(|worker| worker.join().unwrap()).sum::<i32>(), 10);
/// ```
pub struct Receiver<T> {
    rx: Rx<T, Buffer>,
}

impl<T> Receiver<T> {
    pub(super) fn new(rx: Rx<T, Buffer>) -> Self {
        Receiver { rx }
    }

    /// Waits for a value. `None` when the channel is closed and no value waits: none will come.
    ///
    /// # Cancel safety
    /// A dropped call has received nothing; the value for which it was woken wakes the next receiver.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = filch_sync::mpmc::channel(1);
    /// sender.send("a value").await.unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.recv().await, Some("a value"));
    /// assert_eq!(receiver.recv().await, None);
    /// # });
    /// ```
    pub async fn recv(&self) -> Option<T> {
        self.rx.recv().await
    }

    /// Waits for at least one value, and appends up to `limit` of those that wait. Gives their number: zero when none will
    /// come, or if `limit` is zero.
    ///
    /// # Cancel safety
    /// A dropped call has received nothing; the value for which it was woken wakes the next receiver.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = filch_sync::mpmc::unbounded_channel();
    /// (0..5).for_each(|n| sender.try_send(n).unwrap());
    /// let mut buffer = Vec::new();
    /// assert_eq!(receiver.recv_many(&mut buffer, 3).await, 3);
    /// assert_eq!(receiver.recv_many(&mut buffer, 3).await, 2);
    /// assert_eq!(buffer, [0, 1, 2, 3, 4]);
    /// # });
    /// ```
    pub async fn recv_many(&self, buffer: &mut Vec<T>, limit: usize) -> usize {
        self.rx.recv_many(buffer, limit).await
    }

    /// Takes a value if one waits.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if one may still come, [`Disconnected`](TryRecvError::Disconnected) if not.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::mpmc::{self, error::TryRecvError};
    ///
    /// let (sender, receiver) = mpmc::channel(1);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.try_send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// Blocks the thread until a value comes. For threads that are not part of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::mpmc::channel(1);
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
    /// # futures_lite::future::block_on(async {
    /// let (sender, mut receiver) = filch_sync::mpmc::channel(1);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(poll_fn(|cx| receiver.poll_recv(cx)).await, Some(1));
    /// # });
    /// ```
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// Closes the channel: no value gets in any more, and those that wait can still be received.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::mpmc::channel(1);
    /// sender.try_send(1).unwrap();
    /// receiver.close();
    /// assert!(sender.try_send(2).is_err());
    /// assert_eq!(receiver.blocking_recv(), Some(1));
    /// assert_eq!(receiver.blocking_recv(), None);
    /// ```
    pub fn close(&self) {
        self.rx.channel.close();
    }

    /// Whether the channel was closed, or the last sender is gone.
    pub fn is_closed(&self) -> bool {
        self.rx.channel.is_closed()
    }

    /// How many values wait.
    pub fn len(&self) -> usize {
        self.rx.channel.len()
    }

    /// Whether no value waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values for which there is room at this moment: `usize::MAX` without a limit.
    pub fn capacity(&self) -> usize {
        self.rx.channel.room.capacity()
    }

    /// The values for which there is room when none wait: `usize::MAX` without a limit.
    pub fn max_capacity(&self) -> usize {
        self.rx.channel.room.max_capacity()
    }

    /// Whether both receive from the same senders.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.rx.same_channel(&other.rx)
    }

    /// How many senders there are, weak ones aside.
    pub fn sender_count(&self) -> usize {
        self.rx.channel.n_senders.get()
    }

    /// How many receivers there are, weak ones aside.
    pub fn receiver_count(&self) -> usize {
        self.rx.channel.n_receivers.get()
    }

    /// A receiver that does not keep the channel open.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::mpmc::channel::<i32>(1);
    /// let weak = receiver.downgrade();
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakReceiver<T> {
        WeakReceiver { weak: self.rx.downgrade() }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver { rx: self.rx.clone() }
    }
}

/// The values that this receiver takes, until the channel is closed and empty.
impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// A [`Receiver`] that does not keep the channel open. From [`Receiver::downgrade`].
///
/// # Examples
///
/// ```
/// let (sender, receiver) = filch_sync::mpmc::channel(1);
/// let weak = receiver.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(receiver);
/// assert!(weak.upgrade().is_none());
/// assert!(sender.try_send(1).is_err());
/// ```
pub struct WeakReceiver<T> {
    weak: Weak<T, Buffer>,
}

impl<T> WeakReceiver<T> {
    /// A receiver, unless the last one is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::mpmc::channel(1);
    /// sender.try_send(1).unwrap();
    /// let another = receiver.downgrade().upgrade().expect("the first one is there");
    /// assert_eq!(another.try_recv(), Ok(1));
    /// ```
    pub fn upgrade(&self) -> Option<Receiver<T>> {
        self.weak.upgrade_to_receiver().map(Receiver::new)
    }
}

impl<T> Clone for WeakReceiver<T> {
    fn clone(&self) -> Self {
        WeakReceiver { weak: self.weak.clone() }
    }
}

impl<T> fmt::Debug for WeakReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakReceiver").finish_non_exhaustive()
    }
}
