//! The end that sends.

use super::error::{SendError, TrySendError};
use super::offers::{Offer, Offers, TAKEN};
use crate::blocking::block_on;
use crate::mpmc::ends::Tx;
use crate::wait_queue::{Status, Waiter};
use filch_core::coop;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

/// An end that sends, of which there may be many. From [`channel`](super::channel()).
///
/// # Examples
///
/// ```
/// use filch_sync::rendezvous;
///
/// let (sender, receiver) = rendezvous::channel();
/// let threads = [1, 2].map(|n| {
///     let sender = sender.clone();
///     std::thread::spawn(move || sender.blocking_send(n).unwrap())
/// });
/// assert_eq!(receiver.blocking_recv().unwrap() + receiver.blocking_recv().unwrap(), 3);
/// # threads.map(|thread| thread.join().unwrap());
/// ```
pub struct Sender<T> {
    tx: Tx<T, Offers<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(tx: Tx<T, Offers<T>>) -> Self {
        Sender { tx }
    }

    /// Sends a value, and waits until a receiver has taken it: `Ok` means that a call of `recv` or `try_recv` gave it to
    /// its caller, not only that one was waiting.
    ///
    /// # Errors
    /// If the channel is closed, or gets closed while this waits: the value comes back.
    ///
    /// # Cancel safety
    /// A dropped call takes its value back, which is dropped with it, and nobody receives it; unless a receiver has taken
    /// it already, and the call was dropped before it could say so. The place in the queue is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = filch_sync::rendezvous::channel();
    /// let (sent, received) = futures_lite::future::zip(sender.send(1), receiver.recv()).await;
    /// assert_eq!((sent, received), (Ok(()), Some(1)));
    /// drop(receiver);
    /// assert_eq!(sender.send(2).await.unwrap_err().0, 2);
    /// # });
    /// ```
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        let offer = pin!(Offer::new(value));
        let offer = offer.into_ref();
        // Declared after its offer, thus dropped, and out of the queue, before it.
        let waiter = pin!(Waiter::new(&self.tx.channel.room, offer.address()));
        let waiter = waiter.into_ref();
        if poll_fn(|cx| self.poll_taken(waiter, cx)).await {
            return Ok(());
        }
        // SAFETY: this is the sender, and it was refused.
        Err(SendError(unsafe { offer.take() }))
    }

    /// Waits until the value is taken. Says no if the channel is closed before.
    fn poll_taken(&self, waiter: Pin<&Waiter<&Offers<T>>>, cx: &mut Context<'_>) -> Poll<bool> {
        let budget = ready!(coop::poll_proceed(cx));
        let was_queued = waiter.status() == Status::Waiting;
        match waiter.poll(Some(cx.waker())) {
            Poll::Ready(grant) => {
                budget.made_progress();
                Poll::Ready(grant == TAKEN)
            }
            Poll::Pending => {
                if !was_queued {
                    self.tx.channel.announce(); // After the value can be taken, not before.
                }
                Poll::Pending
            }
        }
    }

    /// Leaves a value in the channel if a receiver waits that nothing else has woken. Does not wait until it is taken: if
    /// that receiver is dropped before it runs, the value is there for the next one, before those of all senders that
    /// wait, and with the last receiver it is dropped.
    ///
    /// # Errors
    /// [`Full`](TrySendError::Full) if no receiver waits, [`Closed`](TrySendError::Closed) if none will come: the value
    /// comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::rendezvous::{self, error::TrySendError};
    /// use futures_lite::future::poll_once;
    ///
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = rendezvous::channel();
    /// assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    ///
    /// let mut recv = std::pin::pin!(receiver.recv());
    /// assert!(poll_once(recv.as_mut()).await.is_none());
    /// assert_eq!(sender.try_send(2), Ok(()));
    /// assert_eq!(recv.await, Some(2));
    /// # });
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.tx.channel.push_if_awaited(value)
    }

    /// Blocks the thread until a receiver has taken the value. For threads that are not part of a runtime.
    ///
    /// # Errors
    /// If the channel is closed, or gets closed while this waits: the value comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::rendezvous::channel();
    /// let thread = std::thread::spawn(move || sender.blocking_send(7));
    /// assert_eq!(receiver.blocking_recv(), Some(7));
    /// assert!(thread.join().unwrap().is_ok());
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
    /// let (sender, receiver) = filch_sync::rendezvous::channel::<i32>();
    /// drop(receiver);
    /// sender.closed().await;
    /// # });
    /// ```
    pub async fn closed(&self) {
        self.tx.closed().await;
    }

    /// Closes the channel: senders that wait get their values back.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = filch_sync::rendezvous::channel::<i32>();
    /// sender.close();
    /// assert_eq!(receiver.blocking_recv(), None);
    /// ```
    pub fn close(&self) {
        self.tx.channel.close();
    }

    /// Whether the channel was closed, or the last receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.tx.channel.is_closed()
    }

    /// Whether both send to the same receivers.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.tx.channel.n_senders.get()
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.tx.channel.n_receivers.get()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}
