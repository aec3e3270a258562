//! Structured concurrency, as a user sees it.

mod borrowing;
mod cancel_scopes;
mod clocks;
mod context_values;
mod gathering;
mod group;
mod handles;
mod pools;
#[path = "../shared/random.rs"]
mod random;
mod sanitizer;
mod shutdown_grace;
#[path = "../shared/tools.rs"]
mod tools;
#[path = "../shared/watchdog.rs"]
mod watchdog;
