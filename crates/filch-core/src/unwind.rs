//! Calls into user code whose panic nobody can be told: a foreign waker, the drop of an output nobody asked for.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls `f` and swallows its panic. The panic hook has reported it.
pub(crate) fn contain(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        forget(payload);
    }
}

/// Drops what a panic carries, which is user code, too.
// Why apart: it is compiled once, not for each closure.
#[cold]
fn forget(payload: Box<dyn Any + Send>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // Why: dropping this one might panic again; leaking it is the end of that chain.
        std::mem::forget(payload);
    }
}
