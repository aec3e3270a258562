//! What [`CancelScope::run`](super::CancelScope::run) gives instead of an output.

use filch_core::scope::Reason;
use filch_timer::ELAPSED;
use std::error::Error;
use std::fmt;

/// The future of a [`CancelScope`](crate::CancelScope) was ended early.
#[derive(Clone, PartialEq, Eq)]
pub struct Cancelled(Reason);

impl Cancelled {
    pub(super) fn new(reason: Reason) -> Self {
        Cancelled(reason)
    }

    /// Why.
    pub fn reason(&self) -> &Reason {
        &self.0
    }

    /// Whether it was the scope's deadline.
    pub fn is_elapsed(&self) -> bool {
        self.0 == ELAPSED
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "canceled: {}", self.0)
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancelled").field(&self.0).finish()
    }
}

impl Error for Cancelled {}
