//! The cooperative budget: what a task may consume in one poll before it must yield.
//!
//! The worker sets the budget before each poll; every leaf operation that succeeds spends one unit. At zero,
//! [`poll_proceed`] asks for another poll and answers `Pending`, so that a task whose operations are always ready
//! cannot keep its worker. A thread that polls outside of any worker (a foreign executor) has no limit.

use crate::context;
use std::fmt;
use std::task::{Context, Poll};

/// What one poll may still spend. `None` means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(Option<u32>);

impl Budget {
    /// No limit: what a foreign executor's thread has.
    pub const UNLIMITED: Budget = Budget(None);

    /// A budget of `units` successful operations.
    pub const fn new(units: u32) -> Self {
        Budget(Some(units))
    }

    /// Whether an operation may still proceed.
    pub fn has_remaining(self) -> bool {
        self.0 != Some(0)
    }
}

/// Gives the spent unit back when the operation turned out to be pending. From [`poll_proceed`].
#[must_use = "call `made_progress` on success; a dropped token gives its unit back"]
pub struct RestoreOnPending(Budget);

impl fmt::Debug for RestoreOnPending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RestoreOnPending").field(&self.0).finish()
    }
}

impl RestoreOnPending {
    /// The operation succeeded: its unit stays spent.
    pub fn made_progress(self) {
        std::mem::forget(self);
    }
}

impl Drop for RestoreOnPending {
    fn drop(&mut self) {
        context::set_budget(self.0);
    }
}

/// Takes one unit, or wakes the task and answers `Pending` when none is left.
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    let before = context::budget();
    match before.0 {
        None => Poll::Ready(RestoreOnPending(before)),
        Some(0) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Some(units) => {
            context::set_budget(Budget(Some(units - 1)));
            Poll::Ready(RestoreOnPending(before))
        }
    }
}

/// Whether the running task may do another operation before it must yield.
pub fn has_budget_remaining() -> bool {
    context::budget().has_remaining()
}

/// Runs `f` under `budget`, then puts the former one back, also when `f` unwinds.
#[inline]
pub fn with_budget<R>(budget: Budget, f: impl FnOnce() -> R) -> R {
    let _restore = RestoreOnPending(context::budget());
    context::set_budget(budget);
    f()
}
