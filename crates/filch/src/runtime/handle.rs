//! A name for a runtime that can be copied into other threads.

use super::depth;
use filch_core::RuntimeRef;
use filch_core::context::EnterGuard;
use filch_core::task::{AbortHandle, JoinHandle, Spawn};
use std::error::Error;
use std::fmt;
use std::future::Future;

/// Spawns onto a runtime from anywhere. Does not keep the runtime alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(pub(super) RuntimeRef);

impl Handle {
    /// The runtime this thread works for or has entered, else the process default, else the lazy global one.
    #[track_caller]
    pub fn current() -> Handle {
        Handle(RuntimeRef::current())
    }

    /// The runtime this thread works for or has entered, else the process default.
    ///
    /// # Errors
    /// When there is neither. Unlike [`current`](Self::current) this starts nothing.
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        RuntimeRef::try_current().map(Handle).ok_or(TryCurrentError(()))
    }

    /// Makes this the thread's runtime until the guard is dropped.
    pub fn enter(&self) -> EnterGuard {
        self.0.enter()
    }

    /// Spawns a task. When the runtime has ended, the handle answers "canceled".
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Spawn::on(self.0).spawn(future)
    }

    /// Runs a call that blocks on a thread made for that.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, call: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        Spawn::on(self.0).spawn_blocking(call)
    }

    /// Runs `future` on the calling thread with this runtime entered. A current-thread runtime is not driven by this.
    ///
    /// # Panics
    /// Inside a task, where it would block a worker.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        depth::check_may_block("Handle::block_on");
        let _entered = self.0.enter();
        super::wiring::block_on(future, |future| filch_core::runtime::block_on_thread(future))
    }

    /// A handle to each live task.
    pub fn tasks(&self) -> Vec<AbortHandle> {
        self.0.tasks()
    }

    /// How many threads poll tasks; zero once the runtime has ended.
    pub fn n_workers(&self) -> usize {
        self.0.access().map_or(0, |parts| parts.scheduler.n_workers())
    }

    /// What the parts crates know this runtime by.
    pub fn runtime_ref(&self) -> RuntimeRef {
        self.0
    }
}

impl From<Handle> for RuntimeRef {
    fn from(handle: Handle) -> RuntimeRef {
        handle.0
    }
}

impl From<&Handle> for RuntimeRef {
    fn from(handle: &Handle) -> RuntimeRef {
        handle.0
    }
}

/// There is no runtime on this thread. From [`Handle::try_current`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryCurrentError(());

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no filch runtime was entered on this thread and none is the process default")
    }
}

impl Error for TryCurrentError {}
