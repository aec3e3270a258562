//! Whether this thread is inside async code, so that it must not be blocked.

use filch_core::context;
use std::cell::Cell;

thread_local! {
    /// How many `block_on` are on this thread's stack.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Counts a `block_on` in for as long as it lives.
pub(super) struct Inside(());

impl Inside {
    pub(super) fn enter() -> Inside {
        DEPTH.set(DEPTH.get() + 1);
        Inside(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Whether a future is in a poll on this thread, so that waiting here could wait for itself.
pub(super) fn in_async_code() -> bool {
    DEPTH.get() != 0 || context::worker_index().is_some()
}

/// Refuses to block a worker.
#[track_caller]
pub(super) fn check_may_block(what: &str) {
    assert!(
        context::worker_index().is_none(),
        "{what} was called inside a task or a block_on of the current-thread runtime, where it would block the thread \
         that must run other tasks; use `.await` there, or call it inside `spawn_blocking`"
    );
}
