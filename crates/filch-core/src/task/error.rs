//! Why a task has no output.

use super::cancel::Outcome;
use super::id::Id;
use super::raw::Header;
use crate::runtime::{Root, UnobservedPanic};
use crate::scope::Reason;
use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex};

/// A task was canceled or panicked, or failed as the child of a group, whose error has the details then. From awaiting a
/// [`JoinHandle`](super::JoinHandle).
pub struct JoinError {
    id: Id,
    cause: Cause,
}

// Why boxed: the error is a part of every task.
enum Cause {
    Canceled(Option<Box<Reason>>),
    /// As a child of a group, which has the error.
    Failed,
    Panicked(Box<Panic>),
}

struct Panic {
    /// In a `Mutex` only to make the error `Sync`, which a payload need not be.
    payload: Mutex<Box<dyn Any + Send + 'static>>,
    /// To be told when nobody looks. None when the runtime was gone before the panic.
    root: Option<Arc<Root>>,
}

impl JoinError {
    /// For groups that end their tasks.
    #[doc(hidden)]
    pub fn canceled(id: Id) -> Self {
        JoinError::canceled_for(id, None)
    }

    /// As [`canceled`](Self::canceled), with the reason.
    #[doc(hidden)]
    pub fn canceled_for(id: Id, reason: Option<Reason>) -> Self {
        JoinError { id, cause: Cause::Canceled(reason.map(Box::new)) }
    }

    /// For whoever catches the panics of tasks.
    #[doc(hidden)]
    pub fn panicked(id: Id, payload: Box<dyn Any + Send + 'static>) -> Self {
        JoinError::panicked_in(None, id, payload)
    }

    /// `root` is to be told when nobody looks.
    pub(super) fn panicked_in(
        root: Option<Arc<Root>>,
        id: Id,
        payload: Box<dyn Any + Send + 'static>,
    ) -> Self {
        let panic = Panic { payload: Mutex::new(payload), root };
        JoinError { id, cause: Cause::Panicked(Box::new(panic)) }
    }

    /// For groups that keep the errors of their tasks.
    #[doc(hidden)]
    pub fn failed(id: Id) -> Self {
        JoinError { id, cause: Cause::Failed }
    }

    /// Whether the task was canceled: it was asked to end, by an abort say, or its runtime ended.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.cause, Cause::Canceled(_))
    }

    /// Why the task was canceled, if it was and a reason was given.
    pub fn reason(&self) -> Option<&Reason> {
        match &self.cause {
            Cause::Canceled(reason) => reason.as_deref(),
            Cause::Failed | Cause::Panicked(_) => None,
        }
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
            Cause::Panicked(panic) => {
                Ok(panic.payload.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
            }
            Cause::Canceled(_) | Cause::Failed => Err(self),
        }
    }

    pub(super) fn into_outcome<T>(self) -> Outcome<T> {
        match self.try_into_panic() {
            Ok(payload) => Outcome::Panicked(payload),
            Err(error) => Outcome::Cancelled(error.reason().cloned().unwrap_or_default()),
        }
    }

    /// The error is dropped without a look: a panic is told to the runtime.
    #[cold]
    pub(super) fn report(&self, task: &Header) {
        let Cause::Panicked(panic) = &self.cause else { return };
        let Some(root) = &panic.root else { return };
        root.record(UnobservedPanic {
            id: self.id,
            name: task.name().map(str::to_owned),
            spawned_at: task.spawned_at,
            message: self.message(),
        });
    }

    /// Which task it was.
    pub fn id(&self) -> Id {
        self.id
    }

    fn message(&self) -> Option<String> {
        let Cause::Panicked(panic) = &self.cause else { return None };
        let payload = panic.payload.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let text = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, self.message()) {
            (Cause::Canceled(None), _) => write!(f, "task {} was cancelled", self.id),
            (Cause::Canceled(Some(reason)), _) => {
                write!(f, "task {} was cancelled: {reason}", self.id)
            }
            (Cause::Failed, _) => write!(f, "task {} failed; its group has the error", self.id),
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
            (Cause::Canceled(None), _) => write!(f, "JoinError::Cancelled({:?})", self.id),
            (Cause::Canceled(Some(reason)), _) => {
                write!(f, "JoinError::Cancelled({:?}, {reason:?})", self.id)
            }
            (Cause::Failed, _) => write!(f, "JoinError::Failed({:?})", self.id),
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
