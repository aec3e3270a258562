//! The behavior of the facade, as a user sees it.

mod macros;
mod task;
mod tools;
