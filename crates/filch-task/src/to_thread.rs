//! A blocking call as a future: [`to_thread`].

use filch_core::RuntimeRef;
use filch_core::task::{JoinError, JoinHandle, Spawn};
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs a call that blocks on a thread made for that, and gives its result.
///
/// The call starts when the future is first polled; use [`spawn_blocking`](crate::spawn_blocking) to start it at once.
/// A panic of the call goes on in whoever awaits it.
///
/// # Panics
/// - When no runtime is found and none can be started, because the crate `filch` is not linked.
/// - A poll panics when the call panicked, or when the runtime ended before the call got a thread.
///
/// # Cancel safety
/// A future dropped before its first poll has done nothing.
/// Dropped later it leaves the call alone: the call goes on and its result is dropped.
#[track_caller]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub fn to_thread<F, R>(call: F) -> impl Future<Output = R> + Send + use<F, R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    ToThread {
        stage: Stage::New(Spawn::on(RuntimeRef::current()), call),
        called_at: Location::caller(),
    }
}

struct ToThread<F, R> {
    stage: Stage<F, R>,
    called_at: &'static Location<'static>,
}

enum Stage<F, R> {
    New(Spawn, F),
    Started(JoinHandle<R>),
    Done,
}

// Why: the call is moved to its thread, never pinned.
impl<F, R> Unpin for ToThread<F, R> {}

impl<F, R> Future for ToThread<F, R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let mut handle = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(spawn, call) => spawn.spawn_blocking(call),
            Stage::Started(handle) => handle,
            Stage::Done => panic!(
                "the to_thread future of {} was polled after it gave its result; await it once",
                self.called_at
            ),
        };
        let Poll::Ready(result) = Pin::new(&mut handle).poll(cx) else {
            self.stage = Stage::Started(handle);
            return Poll::Pending;
        };
        Poll::Ready(result.unwrap_or_else(|error| fail(error, self.called_at)))
    }
}

fn fail(error: JoinError, called_at: &Location<'_>) -> ! {
    match error.try_into_panic() {
        Ok(payload) => resume_unwind(payload),
        Err(_) => panic!(
            "the runtime ended before the to_thread call of {called_at} got a thread; \
             await it inside the runtime's block_on, or use spawn_blocking and look at its error"
        ),
    }
}
