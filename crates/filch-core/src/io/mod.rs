//! Readiness: what is known about a source, who waits for it, and how a source is registered.
//!
//! This module makes no system call; a [`Driver`](crate::seam::Driver) does.

mod ready;
mod registration;
pub(crate) mod slot;
pub(crate) mod slots;

pub use ready::{Direction, Interest, Ready};
pub use registration::{Readiness, Registration};
pub use slot::{IoSlot, ReadyEvent};
pub use slots::{IoSlots, SlotKey};

#[cfg(all(test, not(filch_loom)))]
mod tests;
