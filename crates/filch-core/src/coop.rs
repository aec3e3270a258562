//! The cooperative budget: what a task may consume in one poll before it must yield.
//!
//! The worker sets the budget before each poll; every leaf operation that succeeds spends one unit. At zero,
//! [`poll_proceed`] asks for another poll and answers `Pending`, so that a task whose operations are always ready
//! cannot keep its worker. A thread that polls outside of any worker (a foreign executor) has no limit.

use crate::context;
use std::fmt;
use std::task::{Context, Poll};

/// What one poll may still spend.
// Why one number: every operation of every primitive reads and writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(u32);

impl Budget {
    /// No limit: what a foreign executor's thread has.
    pub const UNLIMITED: Budget = Budget(u32::MAX);

    /// A budget of `units` successful operations; `u32::MAX` is [`UNLIMITED`](Self::UNLIMITED).
    pub const fn new(units: u32) -> Self {
        Budget(units)
    }

    /// Whether an operation may still proceed.
    #[inline]
    pub fn has_remaining(self) -> bool {
        self.0 != 0
    }

    /// What remains after one operation, for which there was a unit.
    #[inline]
    fn after_one(self) -> Budget {
        Budget(self.0 - u32::from(self != Self::UNLIMITED))
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
    if !before.has_remaining() {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    context::set_budget(before.after_one());
    Poll::Ready(RestoreOnPending(before))
}

/// One unit that is there and not spent. From [`unit()`].
#[derive(Debug)]
#[must_use = "call `spend` on success"]
pub struct Unit(Budget);

impl Unit {
    /// The operation succeeded. What others spent since [`unit()`] is not counted.
    #[inline]
    pub fn spend(self) {
        context::set_budget(self.0.after_one());
    }
}

/// The unit that an operation may spend which succeeds at once or not at all. `None` if none is left: the operation goes
/// by [`poll_proceed`] then.
#[inline]
pub fn unit() -> Option<Unit> {
    let budget = context::budget();
    budget.has_remaining().then_some(Unit(budget))
}

/// Whether the running task may do another operation before it must yield.
#[inline]
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
