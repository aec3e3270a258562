//! What the crates of the filch runtime meet on.
//!
//! - [`sys`]: the one place that chooses std, loom or shuttle.
//! - [`coop`]: what a task may consume in one poll.
//! - [`io`]: readiness of sources and who waits for it.
//! - [`timer`]: one armed timer.
//! - [`task`]: the task cell and its handles.
//! - [`wake_batch`]: whom to wake once the locks are released.
//! - [`seam`]: what a scheduler, driver, clock and timers must do to be swapped in.
//! - [`runtime`]: where a runtime's parts are found, and how it ends.
//! - [`scope`]: what surrounds running code and may end it.
//! - [`context`]: what the running thread knows.
//!
//! It knows no queue, no system call and no clock.
//! **Invariant:** no other crate of the workspace is a dependency of this one.
//!
//! Most users want the crate `filch`; authors of a driver, timers, a clock or a scheduler depend on this one alone and
//! check their part with the suites of `conformance` (a feature).

#[cfg(all(feature = "conformance", not(any(filch_loom, filch_shuttle))))]
pub mod conformance;
pub mod context;
pub mod coop;
pub mod io;
mod prefetch;
pub mod runtime;
pub mod scope;
pub mod seam;
pub mod sys;
pub mod task;
#[cfg(any(test, all(feature = "conformance", not(any(filch_loom, filch_shuttle)))))]
mod testing;
pub mod timer;
mod unwind;
pub mod wake_batch;

pub use runtime::RuntimeRef;
pub use wake_batch::WakeBatch;
