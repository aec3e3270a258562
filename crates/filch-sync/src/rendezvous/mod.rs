//! A channel without a buffer: a value passes from a sender to a receiver when both are there.
//!
//! Both ends can be cloned. Senders that wait are served in the order in which they came. The last sender or the last
//! receiver that is dropped, or a call of `close`, ends the channel.

/// Why a value was not sent, or none was received.
pub mod error;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod offers;
mod receiver;
mod sender;

use crate::mpmc::ends;
use offers::Offers;

pub use receiver::Receiver;
pub use sender::Sender;

/// Makes a channel whose senders wait until a receiver takes their value.
///
/// # Examples
///
/// ```
/// use filch_sync::rendezvous;
///
/// let (sender, receiver) = rendezvous::channel();
/// let thread = std::thread::spawn(move || sender.blocking_send("hello"));
/// # futures_lite::future::block_on(async {
/// assert_eq!(receiver.recv().await, Some("hello"));
/// thread.join().unwrap().unwrap();
/// assert_eq!(receiver.recv().await, None);
/// # });
/// ```
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (tx, rx) = ends::channel(Offers::new());
    (Sender::new(tx), Receiver::new(rx))
}
