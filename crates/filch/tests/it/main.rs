//! The behavior of the facade, as a user sees it.

mod macros;
mod random;
mod suite;
mod task;
mod tools;
mod watchdog;
