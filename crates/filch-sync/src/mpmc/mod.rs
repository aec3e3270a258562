//! Channels for any number of values, from many senders to many receivers: each value goes to one of them.
//!
//! Values of one sender come out in the order in which they were sent. Both ends can be cloned. The last sender that is
//! dropped, or a call of `close`, ends the channel: what waits in it can still be received. The last receiver that is
//! dropped drops what waits.
//!
//! For a single receiver [`mpsc`](crate::mpsc) is faster; to give each value to all receivers there is
//! [`broadcast`](crate::broadcast).

mod buffer;
pub(crate) mod channel;
mod count;
pub(crate) mod ends;
/// Why a value was not sent, or none was received.
pub mod error;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod receiver;
mod sender;

use crate::semaphore::Semaphore;
use buffer::Buffer;

pub use receiver::{Receiver, WeakReceiver};
pub use sender::{Sender, WeakSender};

/// Makes a channel that holds up to `capacity` values; senders wait when there are as many.
///
/// # Panics
/// If `capacity` is zero, or more than [`Semaphore::MAX_PERMITS`].
///
/// # Examples
///
/// ```
/// use filch_sync::mpmc;
///
/// let (sender, receiver) = mpmc::channel(8);
/// let another = receiver.clone();
/// # futures_lite::future::block_on(async {
/// sender.send("first").await.unwrap();
/// sender.send("second").await.unwrap();
/// drop(sender);
/// assert_eq!(receiver.recv().await, Some("first"));
/// assert_eq!(another.recv().await, Some("second"));
/// assert_eq!(receiver.recv().await, None);
/// # });
/// ```
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        capacity > 0,
        "mpmc::channel was asked for room for 0 values: pass 1 or more, or hand values over with rendezvous::channel"
    );
    assert!(
        capacity <= Semaphore::MAX_PERMITS,
        "mpmc::channel was asked for room for {capacity} values: the limit is Semaphore::MAX_PERMITS \
         (usize::MAX >> 3), and mpmc::unbounded_channel has none"
    );
    let (tx, rx) = ends::channel(Buffer::bounded(capacity));
    (Sender::new(tx), Receiver::new(rx))
}

/// Makes a channel that holds any number of values: sending never waits. If senders are faster than receivers for long,
/// memory runs out: [`channel`](channel()) makes them wait.
///
/// # Examples
///
/// ```
/// use filch_sync::mpmc;
///
/// let (sender, receiver) = mpmc::unbounded_channel();
/// sender.try_send(1).unwrap();
/// # futures_lite::future::block_on(async {
/// sender.send(2).await.unwrap();
/// assert_eq!(receiver.recv().await, Some(1));
/// assert_eq!(receiver.recv().await, Some(2));
/// # });
/// ```
pub fn unbounded_channel<T>() -> (Sender<T>, Receiver<T>) {
    let (tx, rx) = ends::channel(Buffer::unbounded());
    (Sender::new(tx), Receiver::new(rx))
}
