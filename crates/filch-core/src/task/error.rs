//! Why a task has no output.

use super::id::Id;
use std::any::Any;
use std::fmt;
use std::sync::Mutex;

/// A task was canceled or panicked. From awaiting a [`JoinHandle`](super::JoinHandle).
pub struct JoinError {
    id: Id,
    cause: Cause,
}

enum Cause {
    Canceled,
    /// In a `Mutex` only to make the error `Sync`, which a payload need not be.
    Panicked(Mutex<Box<dyn Any + Send + 'static>>),
}

impl JoinError {
    pub(crate) fn canceled(id: Id) -> Self {
        JoinError { id, cause: Cause::Canceled }
    }

    pub(crate) fn panicked(id: Id, payload: Box<dyn Any + Send + 'static>) -> Self {
        JoinError { id, cause: Cause::Panicked(Mutex::new(payload)) }
    }

    /// Whether the task was canceled, by an abort or because its runtime ended.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.cause, Cause::Canceled)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.cause, Cause::Panicked(_))
    }

    /// What the task panicked with, to be resumed by [`std::panic::resume_unwind`].
    ///
    /// # Panics
    /// When the task did not panic; see [`try_into_panic`](Self::try_into_panic).
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!(
                "into_panic was called but {error}; ask is_panic first or call try_into_panic"
            ),
        }
    }

    /// What the task panicked with.
    ///
    /// # Errors
    /// The error itself when the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match self.cause {
            Cause::Panicked(payload) => {
                Ok(payload.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
            }
            Cause::Canceled => Err(self),
        }
    }

    /// Which task it was.
    pub fn id(&self) -> Id {
        self.id
    }

    fn message(&self) -> Option<String> {
        let Cause::Panicked(payload) = &self.cause else { return None };
        let payload = payload.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let text = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, self.message()) {
            (Cause::Canceled, _) => write!(f, "task {} was cancelled", self.id),
            (Cause::Panicked(_), Some(message)) => {
                write!(f, "task {} panicked with message {message:?}", self.id)
            }
            (Cause::Panicked(_), None) => write!(f, "task {} panicked", self.id),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, self.message()) {
            (Cause::Canceled, _) => write!(f, "JoinError::Cancelled({:?})", self.id),
            (Cause::Panicked(_), message) => {
                write!(f, "JoinError::Panic({:?}, {message:?})", self.id)
            }
        }
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for std::io::Error {
    fn from(error: JoinError) -> Self {
        std::io::Error::other(error)
    }
}
