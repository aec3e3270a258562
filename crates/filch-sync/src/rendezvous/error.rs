//! Why a value was not sent, or none was received: the errors of [`mpsc`](crate::mpsc). A channel without a buffer is
//! [`Full`](crate::mpsc::error::TrySendError::Full) when no receiver waits, and
//! [`Empty`](crate::mpsc::error::TryRecvError::Empty) when no sender does.

pub use crate::mpsc::error::{SendError, TryRecvError, TrySendError};
