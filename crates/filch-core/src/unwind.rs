//! Calls into user code whose panic nobody can be told: a foreign waker, the drop of an output nobody asked for.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls `f` and swallows its panic. The panic hook has reported it.
pub(crate) fn contain(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        // Why: dropping the payload of a panic may panic again; leaking it is the end of that chain.
        std::mem::forget(payload);
    }
}
