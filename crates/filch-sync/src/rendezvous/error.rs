//! Why a value was not sent, or none was received: the errors of [`mpmc`](crate::mpmc). A channel without a buffer is
//! [`Full`](crate::mpmc::error::TrySendError::Full) when no receiver waits, and
//! [`Empty`](crate::mpmc::error::TryRecvError::Empty) when no sender does.

pub use crate::mpmc::error::{SendError, TryRecvError, TrySendError};
