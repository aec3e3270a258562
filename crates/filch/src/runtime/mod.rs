//! Runtimes: their parts wired together, their beginning and their end.
//!
//! Most programs need [`run`] only. A [`Runtime`] is for those that keep one beside synchronous code, a
//! [`LocalRuntime`] for futures that are not `Send`, a [`Builder`] for other numbers or other parts.
//!
//! A runtime belongs to its process. In the child of a `fork` it has no threads: spawning there and waiting there panic,
//! its sources err, dropping it does nothing, and the parent notices none of that. The child may [`run`] another one.

mod builder;
mod ctrl_c;
mod depth;
mod global;
mod handle;
mod local;
mod owned;
mod park;
mod pool;
mod report;
mod watched;
mod wiring;

pub use builder::Builder;
pub use filch_core::context::EnterGuard;
pub use filch_core::runtime::{Unfinished, UnobservedPanic, UnobservedPanics};
pub use global::{block_on, run};
pub use handle::{Handle, TryCurrentError};
pub use local::LocalRuntime;
pub use owned::{Runtime, RuntimeFlavor};
pub use pool::{Pool, PoolBuilder};
pub use report::ShutdownReport;

#[doc(hidden)]
pub mod __private {
    //! What the attribute macros call.
    pub use super::global::{run_main, run_main_local};
    pub use super::watched::{Leaks, run_test, run_test_local};
}
