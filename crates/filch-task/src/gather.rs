//! Futures that run in parallel, each as a task: [`gather`] and [`try_gather`].

mod all;
mod each;
mod first_failure;

pub use all::{Gather, Settled, gather};
#[doc(hidden)]
pub use each::{Gathering, Part};
pub use first_failure::{TryGather, try_gather};
