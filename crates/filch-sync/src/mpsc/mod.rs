//! Channels for any number of messages, from many senders to one receiver.
//!
//! Messages of one sender arrive in the order in which they were sent. Dropping the receiver drops those that wait.

mod bounded;
mod channel;
/// Why a message was not sent, or none was received.
pub mod error;
mod list;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod state;
mod turnstile;
mod unbounded;

pub use bounded::{OwnedPermit, Permit, PermitIterator, Receiver, Sender, WeakSender, channel};
pub use unbounded::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};
