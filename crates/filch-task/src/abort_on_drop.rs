//! A join handle that does not let its task go on without it.

use filch_core::task::{AbortHandle, Id, JoinError, JoinHandle};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A [`JoinHandle`] that aborts its task when it is dropped.
///
/// The drop only asks: the task's future is dropped at its next turn, soon after.
///
/// # Cancel safety
/// Awaiting by reference may be dropped and begun again. Awaited by value, dropping the await aborts the task.
///
/// # Panics
/// Polled again after it gave the output.
#[derive(Debug)]
#[must_use = "dropped at once, it aborts its task"]
pub struct AbortOnDropHandle<T>(Option<JoinHandle<T>>);

impl<T> AbortOnDropHandle<T> {
    /// Ties the task of `handle` to the answer.
    pub fn new(handle: JoinHandle<T>) -> Self {
        AbortOnDropHandle(Some(handle))
    }

    /// As [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.handle().abort();
    }

    /// As [`JoinHandle::abort_handle`].
    pub fn abort_handle(&self) -> AbortHandle {
        self.handle().abort_handle()
    }

    /// As [`JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.handle().is_finished()
    }

    /// As [`JoinHandle::id`].
    pub fn id(&self) -> Id {
        self.handle().id()
    }

    /// Gives the plain handle back: dropping that one lets the task go on.
    pub fn detach(mut self) -> JoinHandle<T> {
        match self.0.take() {
            Some(handle) => handle,
            None => unreachable!("only `detach` takes the handle out, and it consumes the wrapper"),
        }
    }

    fn handle(&self) -> &JoinHandle<T> {
        self.0.as_ref().expect("only `detach` takes the handle out")
    }
}

impl<T> Future for AbortOnDropHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.0.as_mut().expect("only `detach` takes the handle out");
        Pin::new(handle).poll(cx)
    }
}

impl<T> AsRef<JoinHandle<T>> for AbortOnDropHandle<T> {
    fn as_ref(&self) -> &JoinHandle<T> {
        self.handle()
    }
}

impl<T> Drop for AbortOnDropHandle<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.abort();
        }
    }
}
