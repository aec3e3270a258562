//! A channel for one value, from one sender to one receiver.
//!
//! One allocation, and one step on one word at each end when neither waits.

mod channel;
/// Why no value came.
pub mod error;
#[cfg(all(test, filch_loom))]
mod loom_tests;

use crate::blocking::block_on;
use channel::Channel;
use error::{RecvError, TryRecvError};
use filch_core::coop;
use filch_core::sys::sync::Arc;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
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
    let channel = Arc::new(Channel::new());
    (Sender { channel: channel.clone(), is_done: false }, Receiver { channel: Some(channel) })
}

/// The end that sends the one value. From [`channel()`].
///
/// Dropping it without sending tells the receiver that no value will come.
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
    /// Sent: there is nothing to give up.
    is_done: bool,
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
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Receiver<T> {
    /// `None` when the result has been given.
    channel: Option<Arc<Channel<T>>>,
}

impl<T> Sender<T> {
    /// Sends the value. Never waits.
    ///
    /// # Errors
    /// If the receiver is gone or closed the channel: the value comes back.
    pub fn send(mut self, value: T) -> Result<(), T> {
        self.is_done = true;
        // SAFETY: this is the sender; it is consumed here, and its drop does not give up.
        unsafe { self.channel.send(value) }
    }

    /// Waits until the receiver is gone or closed the channel.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// Whether the receiver is gone or closed the channel.
    pub fn is_closed(&self) -> bool {
        self.channel.is_closed()
    }

    /// As [`closed`](Self::closed), for use in a `poll` function.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let budget = ready!(coop::poll_proceed(cx));
        // SAFETY: this is the sender, and it exists, so it has neither sent nor given up.
        ready!(unsafe { self.channel.poll_closed(cx.waker()) });
        budget.made_progress();
        Poll::Ready(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if !self.is_done {
            self.channel.give_up();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("channel", &self.channel).finish()
    }
}

impl<T> Receiver<T> {
    /// Wants no value any more. One that was sent before can still be received.
    pub fn close(&mut self) {
        if let Some(channel) = &self.channel {
            channel.close();
        }
    }

    /// Takes the value if it is there.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if it may still come, [`Closed`](TryRecvError::Closed) if it will not.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let channel = self.channel.as_ref().ok_or(TryRecvError::Closed)?;
        let result = if channel.is_complete() {
            // SAFETY: this is the receiver, and the sender is done.
            unsafe { channel.take() }.ok_or(TryRecvError::Closed)
        } else if channel.is_closed() {
            Err(TryRecvError::Closed)
        } else {
            return Err(TryRecvError::Empty);
        };
        self.channel = None;
        result
    }

    /// Blocks the thread until the value comes. For threads that are not part of a runtime.
    ///
    /// # Panics
    /// If the result was taken before with [`try_recv`](Self::try_recv).
    ///
    /// # Errors
    /// If the sender is gone and sent nothing.
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        block_on(self)
    }

    /// Whether the result has been given: polling again would panic.
    pub fn is_terminated(&self) -> bool {
        self.channel.is_none()
    }

    /// Whether there is no value to take at this moment.
    pub fn is_empty(&self) -> bool {
        match &self.channel {
            // SAFETY: this is the receiver, and the sender is done.
            Some(channel) if channel.is_complete() => unsafe { !channel.has_value() },
            _ => true,
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let channel = self.channel.as_ref().expect(POLLED_AFTER_READY);
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
        let Some(channel) = &self.channel else { return };
        // SAFETY: this is the receiver, at its end. If the sender was done before, the value, if any, is ours; if not, it
        // keeps its value.
        unsafe {
            if channel.close() {
                drop(channel.take());
            } else {
                channel.drop_rx_waker();
            }
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("channel", &self.channel).finish()
    }
}
