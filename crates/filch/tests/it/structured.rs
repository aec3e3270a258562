//! Structured concurrency, as a user sees it.

mod borrowing;
mod cancel_scopes;
mod context_values;
mod gathering;
mod group;
mod handles;
mod pools;
mod shutdown_grace;
