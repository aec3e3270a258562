//! Channels that give each value to every receiver.
//!
//! A sender never waits. The channel keeps the values that some receiver has not received, up to its capacity; beyond that
//! the oldest one goes, and a receiver that had not received it is told how many it missed ([`RecvError::Lagged`]). The
//! capacity is exactly the one asked for, where other libraries round up to a power of two.
//!
//! A value is cloned for each receiver but the last one, who takes the value itself. Receivers clone at the same time on
//! different threads, hence the ends of a channel are `Send` and `Sync` only for values that are both:
//!
//! ```compile_fail,E0277
//! fn assert_send<T: Send>() {}
//! assert_send::<filch_sync::broadcast::Receiver<std::cell::Cell<i32>>>(); // `Send`, but not `Sync`.
//! ```
//!
//! [`RecvError::Lagged`]: error::RecvError::Lagged

mod cell;
mod channel;
/// Why a value was not sent, or none was received.
pub mod error;
mod ledger;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod receiver;
mod sender;

pub use receiver::Receiver;
pub use sender::{Sender, WeakSender};

/// Makes a channel that keeps up to `capacity` values for a receiver that has not received them.
///
/// # Panics
/// If `capacity` is zero, or if so many values do not fit into the address space.
///
/// # Examples
///
/// ```
/// use filch_sync::broadcast;
///
/// let (sender, mut first) = broadcast::channel(16);
/// let mut second = sender.subscribe();
/// # futures_lite::future::block_on(async {
/// sender.send("hello").unwrap();
/// assert_eq!(first.recv().await, Ok("hello"));
/// assert_eq!(second.recv().await, Ok("hello"));
/// # });
/// ```
///
/// A receiver that is too slow learns what it missed, and goes on with the oldest value there is:
///
/// ```
/// use filch_sync::broadcast::{self, error::RecvError};
///
/// let (sender, mut receiver) = broadcast::channel(2);
/// for n in 1..=5 {
///     sender.send(n).unwrap();
/// }
/// # futures_lite::future::block_on(async {
/// assert_eq!(receiver.recv().await, Err(RecvError::Lagged(3)));
/// assert_eq!(receiver.recv().await, Ok(4));
/// # });
/// ```
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}
