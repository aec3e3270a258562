//! Tasks: spawn, join, cancel, list.
//!
//! A task is a future that the runtime polls on whichever worker is free. Dropping its [`JoinHandle`] detaches it.

pub use filch_core::task::{AbortHandle, Id, JoinError, JoinHandle};
pub use filch_task::*;
