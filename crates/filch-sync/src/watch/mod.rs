//! Channels that hold one value, and tell receivers when it was changed.
//!
//! A receiver sees the latest value; those that were sent while it did not look are gone. The value is lent
//! ([`Receiver::borrow`]) rather than cloned.
//!
//! A [`Ref`] is a share in the value, not a lock: [`Sender::send`] does not wait for it, and whoever holds it goes on to
//! see what it borrowed. What changes the value in its place ([`Sender::send_modify`]), or wants the former one
//! ([`Sender::send_replace`]), blocks its thread until the last [`Ref`] to the present value is gone, and with it those
//! who borrow or send meanwhile. So keep a [`Ref`] for a moment only, and neither call these two nor borrow again while
//! holding one.

mod channel;
/// Why a value was not sent, or none will come.
pub mod error;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod receiver;
mod sender;
mod share;

pub use channel::Ref;
pub use receiver::Receiver;
pub use sender::Sender;

use filch_core::sys::sync::Arc;

/// Makes a channel that holds `init`, which its receiver counts as seen.
///
/// # Examples
///
/// ```
/// use filch_sync::watch;
///
/// let (sender, mut receiver) = watch::channel("hello");
/// # futures_lite::future::block_on(async {
/// assert_eq!(*receiver.borrow(), "hello");
/// sender.send("goodbye").unwrap();
/// receiver.changed().await.unwrap();
/// assert_eq!(*receiver.borrow_and_update(), "goodbye");
/// drop(sender);
/// assert!(receiver.changed().await.is_err());
/// # });
/// ```
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let channel = Arc::new(channel::Channel::new(init));
    (Sender::new_first(channel.clone()), Receiver::new(channel))
}
