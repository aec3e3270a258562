//! Why a promise has no value, and what comes too late for it.

use crate::cancellation::Reason;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a promise has no value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PromiseError {
    /// Somebody canceled it, for this reason.
    Cancelled(Reason),
    /// What was to make the value failed with this error.
    Failed(Arc<dyn Error + Send + Sync>),
    /// All setters are gone, and none of them said anything.
    Broken,
}

impl fmt::Display for PromiseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PromiseError::Cancelled(reason) => write!(f, "the promise was canceled: {reason}"),
            PromiseError::Failed(_) => f.write_str("what was promised failed"),
            PromiseError::Broken => f.write_str("the promise was broken: its setters are gone"),
        }
    }
}

impl Error for PromiseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            PromiseError::Failed(error) => Some(&**error),
            PromiseError::Cancelled(_) | PromiseError::Broken => None,
        }
    }
}

/// The promise is done. Holds what came too late.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TooLate<T>(pub T);

impl<T> fmt::Debug for TooLate<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TooLate").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for TooLate<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the promise is done already")
    }
}

impl<T> Error for TooLate<T> {}
