#![doc = include_str!("README.md")]

mod adoption;
mod cancel;
mod cold;
mod error;
mod id;
mod join;
mod raw;
mod registry;
mod runnable;
mod spawn;
mod state;
pub(crate) mod waker;

pub use cancel::{Cancel, Outcome};
pub use error::JoinError;
pub use id::Id;
pub use join::{AbortHandle, JoinHandle};
pub(crate) use raw::Header;
pub(crate) use registry::Registry;
pub use runnable::Runnable;
pub use spawn::{Prepared, Spawn};

#[cfg(all(test, filch_loom))]
mod loom_tests;
#[cfg(all(test, not(filch_loom)))]
mod tests;
