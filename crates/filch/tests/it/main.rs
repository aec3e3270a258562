//! The behavior of the facade, as a user sees it.

mod bad_input;
mod broken;
mod clock;
mod global;
#[cfg(target_os = "linux")]
mod idle;
mod local;
mod macros;
mod random;
mod shutdown;
mod stall;
mod streams;
mod structured;
mod suite;
mod sync;
mod task;
mod tools;
mod watchdog;
