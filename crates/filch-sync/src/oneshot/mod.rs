//! A channel for one value, from one sender to one receiver.
//!
//! One allocation, and one step on one word at each end: the sender's last one decides, and tells whom to wake; the
//! receiver takes one if it has to wait. No references are counted: the end that is second frees the channel.

mod channel;
/// Why no value came.
pub mod error;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod waker;

use crate::blocking::block_on;
use channel::Channel;
use error::{RecvError, TryRecvError};
use filch_core::coop;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, ready};

/// Makes a channel for one value.
///
/// # Examples
///
/// ```
/// use filch_sync::oneshot;
///
/// let (sender, receiver) = oneshot::channel();
/// sender.send("hello").unwrap();
/// # futures_lite::future::block_on(async {
/// assert_eq!(receiver.await, Ok("hello"));
/// # });
/// ```
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let channel = Channel::allocate();
    (Sender { channel }, Receiver { channel: Some(channel) })
}

/// The end that sends the one value. From [`channel()`].
///
/// Dropping it without sending tells the receiver that no value will come.
///
/// # Examples
///
/// ```
/// use filch_sync::oneshot;
///
/// let (sender, receiver) = oneshot::channel::<i32>();
/// drop(sender);
/// # futures_lite::future::block_on(async {
/// assert!(receiver.await.is_err());
/// # });
/// ```
pub struct Sender<T> {
    /// Alive as long as this end exists: its end is its last use.
    channel: NonNull<Channel<T>>,
}

/// The end that waits for the one value, as a future. From [`channel()`].
///
/// Values that are not `Send` stay on their thread:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::oneshot::Receiver<std::rc::Rc<i32>>>();
/// ```
///
/// # Panics
/// Polled after it was ready.
///
/// # Cancel safety
/// `&mut receiver` may be awaited, dropped and awaited again. Dropping the receiver itself closes the channel.
///
/// # Examples
///
/// ```
/// use filch_sync::oneshot;
///
/// let (sender, receiver) = oneshot::channel();
/// let thread = std::thread::spawn(move || sender.send(5).unwrap());
/// # futures_lite::future::block_on(async {
/// assert_eq!(receiver.await, Ok(5));
/// # });
/// # thread.join().unwrap();
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Receiver<T> {
    /// `None` when the result has been given. Otherwise alive.
    channel: Option<NonNull<Channel<T>>>,
}

// SAFETY: the value goes from the one end's thread to the other's, never shared: sending it is all that happens to it.
// Wakers are `Send` and `Sync`, and the channel's word keeps the ends apart.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: a shared end only looks at the word, and at whether there is a value.
unsafe impl<T: Send> Sync for Sender<T> {}
// SAFETY: as for the sender.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: as for the sender.
unsafe impl<T: Send> Sync for Receiver<T> {}

impl<T> Sender<T> {
    fn channel(&self) -> &Channel<T> {
        // SAFETY: alive as long as this end exists.
        unsafe { self.channel.as_ref() }
    }

    /// Sends the value. Never waits.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel: the value comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::oneshot;
    ///
    /// let (sender, receiver) = oneshot::channel();
    /// drop(receiver);
    /// assert_eq!(sender.send("unwanted"), Err("unwanted"));
    /// ```
    pub fn send(self, value: T) -> Result<(), T> {
        // SAFETY: this is the sender. If it could send, it is forgotten.
        let waker = unsafe { self.channel().send(value) }?;
        mem::forget(self);
        channel::wake(waker);
        Ok(())
    }

    /// Waits until the receiver is gone or closed the channel.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::oneshot;
    ///
    /// let (mut sender, receiver) = oneshot::channel::<i32>();
    /// let thread = std::thread::spawn(move || drop(receiver));
    /// # futures_lite::future::block_on(async {
    /// sender.closed().await; // Nobody wants the value: why make it?
    /// # });
    /// # thread.join().unwrap();
    /// ```
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// Whether the receiver is gone or closed the channel.
    pub fn is_closed(&self) -> bool {
        self.channel().is_closed()
    }

    /// As [`closed`](Self::closed), for use in a `poll` function. The waker of the last call is woken.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::oneshot;
    ///
    /// let (mut sender, receiver) = oneshot::channel::<i32>();
    /// drop(receiver);
    /// # futures_lite::future::block_on(async {
    /// std::future::poll_fn(|cx| sender.poll_closed(cx)).await;
    /// # });
    /// ```
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let budget = ready!(coop::poll_proceed(cx));
        // SAFETY: this is the sender, and it exists, so it has neither sent nor left.
        ready!(unsafe { self.channel().poll_closed(cx.waker()) });
        budget.made_progress();
        Poll::Ready(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // SAFETY: this is the sender, which has not sent: it would have been forgotten.
        unsafe { Channel::leave_by_sender(self.channel) };
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("channel", self.channel()).finish()
    }
}

impl<T> Receiver<T> {
    fn channel(&self) -> Option<&Channel<T>> {
        // SAFETY: it is alive until this end has given its result.
        self.channel.as_ref().map(|channel| unsafe { channel.as_ref() })
    }

    /// Wants no value any more. One that was sent before can still be received.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::oneshot;
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// receiver.close();
    /// assert_eq!(sender.send(1), Err(1));
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// sender.send(1).unwrap();
    /// receiver.close();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn close(&mut self) {
        if let Some(channel) = self.channel() {
            // SAFETY: this is the receiver.
            unsafe { channel.close() };
        }
    }

    /// Takes the value if it is there.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if it may still come, [`Closed`](TryRecvError::Closed) if it will not.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::oneshot;
    /// use filch_sync::oneshot::error::TryRecvError;
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let channel = self.channel().ok_or(TryRecvError::Closed)?;
        if channel.is_complete() {
            self.finish().ok_or(TryRecvError::Closed)
        } else if channel.is_closed() {
            self.leave();
            Err(TryRecvError::Closed)
        } else {
            Err(TryRecvError::Empty)
        }
    }

    /// Takes the value, if there is one, after the sender was seen to be done.
    fn finish(&mut self) -> Option<T> {
        let channel = self.channel?;
        // SAFETY: it is alive until this end has given its result; this is the receiver, and the sender is done.
        unsafe { channel.as_ref().drop_wakers() };
        self.channel = None; // Not before: a waker whose drop panics takes no value along.
        // SAFETY: this is the receiver at its end, and the sender is done.
        unsafe { Channel::finish(channel) }
    }

    fn leave(&mut self) {
        if let Some(channel) = self.channel.take() {
            // SAFETY: this is the receiver, at its end.
            unsafe { Channel::leave_by_receiver(channel) };
        }
    }

    /// Blocks the thread until the value comes. For threads that are not part of a runtime.
    ///
    /// # Panics
    /// If the result was taken before with [`try_recv`](Self::try_recv).
    ///
    /// # Errors
    /// If the sender is gone and sent nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::oneshot;
    ///
    /// let (sender, receiver) = oneshot::channel();
    /// let thread = std::thread::spawn(move || receiver.blocking_recv());
    /// sender.send(1).unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok(1));
    /// ```
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        block_on(self)
    }

    /// Whether the result has been given: polling again would panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::oneshot;
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// sender.send(1).unwrap();
    /// assert!(!receiver.is_terminated());
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert!(receiver.is_terminated());
    /// ```
    pub fn is_terminated(&self) -> bool {
        self.channel.is_none()
    }

    /// Whether there is no value to take at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::oneshot;
    ///
    /// let (sender, receiver) = oneshot::channel();
    /// assert!(receiver.is_empty());
    /// sender.send(1).unwrap();
    /// assert!(!receiver.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        match self.channel() {
            // SAFETY: this is the receiver, and the sender is done.
            Some(channel) if channel.is_complete() => unsafe { !channel.has_value() },
            _ => true,
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let channel = self.channel().expect(POLLED_AFTER_READY);
        let budget = ready!(coop::poll_proceed(cx));
        // SAFETY: this is the receiver.
        ready!(unsafe { channel.poll_complete(cx.waker()) });
        budget.made_progress();
        Poll::Ready(self.try_recv().map_err(|_empty_or_closed| RecvError(())))
    }
}

const POLLED_AFTER_READY: &str = "a oneshot receiver was polled after it gave its result: ask `is_terminated` first, or await it once";

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("channel", &self.channel()).finish()
    }
}
