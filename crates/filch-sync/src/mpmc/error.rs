//! Why a value was not sent, or none was received: the errors of [`mpsc`](crate::mpsc).

pub use crate::mpsc::error::{SendError, TryRecvError, TrySendError};
