//! Why a value was not sent, or none was received.

use std::fmt;

/// There is no receiver. Holds what was to be sent. From [`Sender::send`](super::Sender::send).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel has no receiver")
    }
}

impl<T> std::error::Error for SendError<T> {}

/// Values were missed, or none will come. From [`Receiver::recv`](super::Receiver::recv).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// The last sender is gone, and every value was received.
    Closed,
    /// So many values were overwritten before they were received. The next call gives the oldest value there is.
    Lagged(u64),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Closed => f.write_str("the channel is closed"),
            RecvError::Lagged(missed) => write!(f, "the receiver missed {missed} values"),
        }
    }
}

impl std::error::Error for RecvError {}

/// No value yet, values that were missed, or none any more. From [`Receiver::try_recv`](super::Receiver::try_recv).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Every value was received; others may come.
    Empty,
    /// The last sender is gone, and every value was received.
    Closed,
    /// So many values were overwritten before they were received. The next call gives the oldest value there is.
    Lagged(u64),
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.write_str("the channel is empty"),
            TryRecvError::Closed => f.write_str("the channel is closed"),
            TryRecvError::Lagged(missed) => write!(f, "the receiver missed {missed} values"),
        }
    }
}

impl std::error::Error for TryRecvError {}
