//! A call that blocks, as a future: begun at its first poll, on the runtime's threads for that.

use filch_core::RuntimeRef;
use filch_core::task::{JoinError, JoinHandle, Spawn};
use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The result of a call on another thread. Dropped, it takes a call back that waits for a thread.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub(super) struct Call<F, R> {
    stage: Stage<F, R>,
    called_at: &'static Location<'static>,
}

enum Stage<F, R> {
    New(F),
    Begun(JoinHandle<Result<R>>),
    Done,
}

// Why: the call is moved to its thread, never pinned.
impl<F, R> Unpin for Call<F, R> {}

/// The result of `call`, which the line of the caller has asked for.
#[track_caller]
pub(super) fn call<F, R>(call: F) -> Call<F, R> {
    call_of(Location::caller(), call)
}

/// As [`call()`], for the line that `called_at` names.
pub(super) fn call_of<F, R>(called_at: &'static Location<'static>, call: F) -> Call<F, R> {
    Call { stage: Stage::New(call), called_at }
}

/// Begins a call on a thread of the current runtime, or of the lazy global one.
pub(super) fn begin<F, R>(called_at: &'static Location<'static>, call: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Spawn::on(RuntimeRef::current()).at(called_at).spawn_blocking(call)
}

/// What a call gave. Its panic goes on in whoever waits for it.
pub(super) fn outcome<R>(joined: std::result::Result<R, JoinError>) -> Result<R> {
    joined.map_err(|error| match error.try_into_panic() {
        Ok(payload) => resume_unwind(payload),
        Err(_) => no_thread(),
    })
}

/// What a call is told that was dropped before it began. Which of the two it was, its handle does not say.
pub(super) fn no_thread() -> Error {
    Error::other(
        "the file operation got no thread: the runtime ended, or the system has no thread to spare",
    )
}

/// Repeats an operation that a signal interrupted.
pub(super) fn uninterrupted<R>(mut operation: impl FnMut() -> Result<R>) -> Result<R> {
    loop {
        match operation() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl<F, R> Future for Call<F, R>
where
    F: FnOnce() -> Result<R> + Send + 'static,
    R: Send + 'static,
{
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R>> {
        let mut handle = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(call) => begin(self.called_at, call),
            Stage::Begun(handle) => handle,
            Stage::Done => panic!(
                "the file operation of {} was polled after it gave its result; await it once",
                self.called_at
            ),
        };
        let Poll::Ready(joined) = Pin::new(&mut handle).poll(cx) else {
            self.stage = Stage::Begun(handle);
            return Poll::Pending;
        };
        Poll::Ready(outcome(joined).and_then(|result| result))
    }
}

impl<F, R> Drop for Call<F, R> {
    fn drop(&mut self) {
        if let Stage::Begun(handle) = &self.stage {
            handle.abort();
        }
    }
}
