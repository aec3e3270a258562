//! Why a value was not put, or none was gotten.

use std::fmt;

/// The queue was shut down. Holds what was to be put. From [`put`](super::OrderedQueue::put) and
/// [`get`](super::OrderedQueue::get).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct QueueShutDown<T = ()>(pub T);

impl<T> fmt::Debug for QueueShutDown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueShutDown").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for QueueShutDown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue was shut down")
    }
}

impl<T> std::error::Error for QueueShutDown<T> {}

/// No room at this moment, or never again. Holds what was to be put. From
/// [`put_nowait`](super::OrderedQueue::put_nowait).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PutNowaitError<T> {
    /// As many values wait as the queue holds.
    QueueFull(T),
    /// The queue was shut down.
    QueueShutDown(T),
}

impl<T> PutNowaitError<T> {
    /// What was to be put.
    pub fn into_inner(self) -> T {
        match self {
            PutNowaitError::QueueFull(value) | PutNowaitError::QueueShutDown(value) => value,
        }
    }
}

impl<T> fmt::Debug for PutNowaitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PutNowaitError::QueueFull(_) => "QueueFull(..)",
            PutNowaitError::QueueShutDown(_) => "QueueShutDown(..)",
        })
    }
}

impl<T> fmt::Display for PutNowaitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PutNowaitError::QueueFull(_) => "the queue is full",
            PutNowaitError::QueueShutDown(_) => "the queue was shut down",
        })
    }
}

impl<T> std::error::Error for PutNowaitError<T> {}

impl<T> From<QueueShutDown<T>> for PutNowaitError<T> {
    fn from(error: QueueShutDown<T>) -> Self {
        PutNowaitError::QueueShutDown(error.0)
    }
}

/// No value at this moment, or never again. From [`get_nowait`](super::OrderedQueue::get_nowait).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetNowaitError {
    /// No value waits that is not promised to another call.
    QueueEmpty,
    /// The queue was shut down, and no value is left.
    QueueShutDown,
}

impl fmt::Display for GetNowaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GetNowaitError::QueueEmpty => "the queue is empty",
            GetNowaitError::QueueShutDown => "the queue was shut down",
        })
    }
}

impl std::error::Error for GetNowaitError {}

impl From<QueueShutDown> for GetNowaitError {
    fn from(_: QueueShutDown) -> Self {
        GetNowaitError::QueueShutDown
    }
}
