//! A call on another thread as a future: what [`to_thread`](crate::to_thread), [`compute`](crate::compute) and
//! [`run_in_executor`](crate::run_in_executor) have in common.
//!
//! The call starts at the first poll. Dropped, the future takes a call back that waits for a thread.

use filch_core::RuntimeRef;
use filch_core::seam::Blocking;
use filch_core::task::{JoinError, JoinHandle, Spawn};
use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The result of a call on another thread. Returned by [`run_in_executor`](crate::run_in_executor).
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Call<F, R> {
    stage: Stage<F, R>,
    /// Held until the end: a pool lives while somebody waits for one of its calls.
    lane: Lane,
    called_at: &'static Location<'static>,
}

/// Whose threads run the call.
pub(crate) enum Lane {
    Blocking,
    Compute,
    Pool(Arc<dyn Blocking>),
}

enum Stage<F, R> {
    New(Spawn, F),
    Started(JoinHandle<R>),
    Done,
}

// Why: the call is moved to its thread, never pinned.
impl<F, R> Unpin for Call<F, R> {}

impl<F, R> Call<F, R> {
    #[track_caller]
    pub(crate) fn new(lane: Lane, call: F) -> Self {
        Call {
            stage: Stage::New(Spawn::on(RuntimeRef::current()), call),
            lane,
            called_at: Location::caller(),
        }
    }
}

impl<F, R> Future for Call<F, R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let mut handle = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(spawn, call) => self.lane.spawn(spawn, call),
            Stage::Started(handle) => handle,
            Stage::Done => panic!(
                "the {} future of {} was polled after it gave its result; await it once",
                self.lane.word(),
                self.called_at
            ),
        };
        let Poll::Ready(result) = Pin::new(&mut handle).poll(cx) else {
            self.stage = Stage::Started(handle);
            return Poll::Pending;
        };
        Poll::Ready(result.unwrap_or_else(|error| self.lane.fail(error, self.called_at)))
    }
}

impl<F, R> Drop for Call<F, R> {
    fn drop(&mut self) {
        if let Stage::Started(handle) = &self.stage {
            handle.abort();
        }
    }
}

impl Lane {
    fn spawn<F, R>(&self, spawn: Spawn, call: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        match self {
            Lane::Blocking => spawn.spawn_blocking(call),
            Lane::Compute => spawn.spawn_compute(call),
            Lane::Pool(pool) => spawn.spawn_blocking_on(&**pool, call),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Lane::Blocking => "to_thread",
            Lane::Compute => "compute",
            Lane::Pool(_) => "run_in_executor",
        }
    }

    /// Goes on with the panic of the call, or says why it was never made.
    fn fail(&self, error: JoinError, called_at: &Location<'_>) -> ! {
        let word = self.word();
        match (error.try_into_panic(), self) {
            (Ok(payload), _) => resume_unwind(payload),
            (Err(_), Lane::Blocking | Lane::Compute) => panic!(
                "the runtime ended before the {word} call of {called_at} got a thread; \
                 await it inside the runtime's block_on, or use spawn_blocking and look at its error"
            ),
            (Err(_), Lane::Pool(_)) => panic!(
                "the pool was shut down, or the runtime ended, before the {word} call of {called_at} got a thread; \
                 await the pool's calls before its shutdown, or use Pool::spawn and look at its error"
            ),
        }
    }
}

impl<F, R> fmt::Debug for Call<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("lane", &self.lane.word())
            .field("called_at", &self.called_at)
            .finish_non_exhaustive()
    }
}
