//! The behavior of the facade, as a user sees it.

mod clock;
mod bad_input;
mod macros;
mod random;
mod stall;
mod suite;
mod task;
mod tools;
mod watchdog;
