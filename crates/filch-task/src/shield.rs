//! Work that a cancel does not reach: [`shield`].

use filch_core::RuntimeRef;
use filch_core::scope;
use filch_core::task::{JoinHandle, Spawn};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Runs `future` to its end, whatever happens to whoever awaits it.
///
/// It becomes a task of its own when the [`Shield`] is first polled. Neither deadlines nor cancel requests around the caller
/// reach it. When the `Shield` is dropped, the task goes on: the nearest task group around it that has not ended awaits
/// it, and without one the runtime's end gives it a grace.
///
/// To protect a part of a future without a task of its own, see [`CancelScope::shield`](crate::CancelScope::shield).
///
/// # Panics
/// When no runtime is found and none can be started, because the crate `filch` is not linked.
///
/// # Cancel safety
/// As [`Shield`].
#[track_caller]
pub fn shield<F>(future: F) -> Shield<F::IntoFuture>
where
    F: IntoFuture<IntoFuture: Send + 'static>,
    F::Output: Send + 'static,
{
    Shield { stage: Stage::New(Spawn::on(RuntimeRef::current()), future.into_future()) }
}

/// Awaits work that goes on without it. From [`shield`].
///
/// # Panics
/// With the panic of the work; when its runtime ended before it was done; when it is polled again after it gave the output.
///
/// # Cancel safety
/// Dropped before its first poll, it has done nothing. Later the work goes on, and its output is dropped.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Shield<F: Future> {
    stage: Stage<F>,
}

enum Stage<F: Future> {
    New(Spawn, F),
    Started(JoinHandle<F::Output>),
    Done,
}

// Why: the future is moved into its task before it is pinned.
impl<F: Future> Unpin for Shield<F> {}

impl<F> Future for Shield<F>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut handle = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(spawn, future) => spawn.adopted(&scope::current()).spawn(future),
            Stage::Started(handle) => handle,
            Stage::Done => {
                panic!("a Shield was polled again after it gave its output; await it once")
            }
        };
        let poll = Pin::new(&mut handle).poll(cx);
        if poll.is_pending() {
            self.stage = Stage::Started(handle);
        }
        match ready!(poll).map_err(|error| error.try_into_panic()) {
            Ok(output) => Poll::Ready(output),
            Err(Ok(payload)) => resume_unwind(payload),
            Err(Err(error)) => panic!(
                "shielded work has no output: {error}, because its runtime ended; give the runtime a longer grace"
            ),
        }
    }
}

impl<F: Future> fmt::Debug for Shield<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = match &self.stage {
            Stage::Started(handle) => Some(handle.id()),
            Stage::New(..) | Stage::Done => None,
        };
        f.debug_struct("Shield").field("task", &task).finish()
    }
}
