//! The ends that receive.

use super::channel::{Channel, Place};
use super::error::{RecvError, TryRecvError};
use crate::blocking::block_on;
use crate::wait_queue::Waiter;
use filch_core::coop;
use filch_core::sys::sync::Arc;
use filch_core::sys::sync::atomic::Ordering::*;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// An end that receives all that is sent while it exists. From [`channel`](super::channel()) and [`Sender::subscribe`].
///
/// Its drop counts as receiving what it has not received.
///
/// # Examples
///
/// ```
/// use filch_sync::broadcast::{self, error::RecvError};
///
/// let (sender, mut receiver) = broadcast::channel(16);
/// sender.send(1).unwrap();
/// drop(sender);
/// # futures_lite::future::block_on(async {
/// assert_eq!(receiver.recv().await, Ok(1));
/// assert_eq!(receiver.recv().await, Err(RecvError::Closed));
/// # });
/// ```
///
/// [`Sender::subscribe`]: super::Sender::subscribe
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
    place: Place,
}

impl<T> Receiver<T> {
    pub(super) fn new(channel: Arc<Channel<T>>) -> Self {
        let place = channel.subscribe();
        Receiver { channel, place }
    }

    /// How many values were sent that this receiver has not received. It may be more than the capacity: then it misses
    /// some.
    pub fn len(&self) -> usize {
        self.place.n_behind(self.channel.tail()) as usize
    }

    /// Whether this receiver has received all that was sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both receive from the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }

    /// Whether the last sender is gone. There may be values to receive all the same.
    pub fn is_closed(&self) -> bool {
        // ORDERING: [senders] who sees the last sender gone sees what was sent.
        self.channel.n_senders.load(Acquire) == 0
    }

    /// How many senders there are, weak ones aside.
    pub fn sender_strong_count(&self) -> usize {
        self.channel.n_senders.load(Relaxed)
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.channel.n_weak_senders.load(Relaxed)
    }
}

impl<T: Clone> Receiver<T> {
    /// Waits for the next value.
    ///
    /// # Errors
    /// [`Lagged`](RecvError::Lagged) if values were overwritten before they were received: the next call gives the oldest
    /// one there is. [`Closed`](RecvError::Closed) if the last sender is gone and all values were received.
    ///
    /// # Cancel safety
    /// A dropped call has received nothing; the value is there for the next one.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::broadcast::{self, error::RecvError};
    ///
    /// let (sender, mut receiver) = broadcast::channel(1);
    /// sender.send("early").unwrap();
    /// sender.send("late").unwrap();
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(receiver.recv().await, Err(RecvError::Lagged(1)));
    /// assert_eq!(receiver.recv().await, Ok("late"));
    /// # });
    /// ```
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        Recv { channel: &self.channel, place: &mut self.place, waiter: None }.await
    }

    /// Takes the next value if it is there.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if it may still come, [`Closed`](TryRecvError::Closed) if it will not.
    /// [`Lagged`](TryRecvError::Lagged) if values were overwritten before they were received.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::broadcast::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = broadcast::channel(16);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.channel.try_recv(&mut self.place)
    }

    /// Blocks the thread until the next value comes. For threads that are not part of a runtime.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::broadcast;
    ///
    /// let (sender, mut receiver) = broadcast::channel(16);
    /// let thread = std::thread::spawn(move || receiver.blocking_recv());
    /// sender.send("hello").unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok("hello"));
    /// ```
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on(self.recv())
    }

    /// Another receiver of the same channel, of what is sent from here on.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::broadcast;
    ///
    /// let (sender, mut early) = broadcast::channel(16);
    /// sender.send(1).unwrap();
    /// let mut late = early.resubscribe();
    /// sender.send(2).unwrap();
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(early.recv().await, Ok(1));
    /// assert_eq!(late.recv().await, Ok(2));
    /// # });
    /// ```
    pub fn resubscribe(&self) -> Self {
        Receiver::new(self.channel.clone())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.channel.unsubscribe(&mut self.place);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("channel", &self.channel)
            .field("len", &self.len())
            .finish()
    }
}

pin_project_lite::pin_project! {
    /// Waits for the next value.
    struct Recv<'a, T> {
        channel: &'a Channel<T>,
        place: &'a mut Place,
        // Why an option: a value that is there is received without making a waiter.
        #[pin]
        waiter: Option<Waiter<&'a Channel<T>>>,
    }
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let budget = ready!(coop::poll_proceed(cx));
        let mut this = self.project();
        loop {
            let result = match this.channel.try_recv(this.place) {
                Ok(value) => Ok(value),
                Err(TryRecvError::Closed) => Err(RecvError::Closed),
                Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
                Err(TryRecvError::Empty) => {
                    if this.waiter.is_none() {
                        this.waiter.set(Some(Waiter::new(this.channel, this.place.seat())));
                    }
                    let waiter = this.waiter.as_ref().as_pin_ref().expect("set above");
                    let _woken = ready!(waiter.poll(Some(cx.waker())));
                    continue;
                }
            };
            budget.made_progress();
            return Poll::Ready(result);
        }
    }
}
