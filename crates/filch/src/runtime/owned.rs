//! A runtime as its owner holds it.

use super::builder::Builder;
use super::depth;
use super::handle::Handle;
use super::report::ShutdownReport;
use super::wiring::{self, Wired};
use filch_core::RuntimeRef;
use filch_core::context::{self, EnterGuard};
use filch_core::seam::Scheduler;
use filch_core::task::JoinHandle;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How long the end of a runtime waits for adopted work and for calls that block, if nothing else is said.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// Workers, a driver, a timer wheel and a blocking pool, wired together.
///
/// Dropped, it ends: tasks are canceled and dropped while it still runs; deferred and shielded work goes on. When that is
/// done, queued blocking calls are canceled and running ones awaited. Both have 5 s in all; what is left then is named on
/// stderr. Dropped inside async code or by a blocking call of its own, it does so on a thread of its own, so that nothing
/// blocks.
pub struct Runtime {
    handle: Handle,
    wired: Option<Wired>,
    scheduler: Arc<dyn Scheduler>,
    flavor: RuntimeFlavor,
}

/// What kind of scheduler a runtime has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// Tasks run on the thread that calls `block_on`.
    CurrentThread,
    /// Tasks run on workers.
    MultiThread,
    /// The scheduler was given to the builder.
    Custom,
}

impl Runtime {
    /// A multi-thread runtime with one worker per core.
    ///
    /// # Errors
    /// When the system has no threads or file descriptors to spare.
    pub fn new() -> io::Result<Runtime> {
        Builder::new_multi_thread().build()
    }

    /// The beginning of a runtime to order.
    pub fn builder() -> Builder {
        Builder::new_multi_thread()
    }

    pub(super) fn from_wired(
        wired: Wired,
        scheduler: Arc<dyn Scheduler>,
        flavor: RuntimeFlavor,
    ) -> Self {
        Runtime { handle: Handle(wired.runtime()), wired: Some(wired), scheduler, flavor }
    }

    /// A name for this runtime, for other threads.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What kind of scheduler it has.
    pub fn flavor(&self) -> RuntimeFlavor {
        self.flavor
    }

    /// Makes this the thread's runtime until the guard is dropped.
    pub fn enter(&self) -> EnterGuard {
        self.handle.enter()
    }

    /// Spawns a task.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs a call that blocks on a thread made for that.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, call: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle.spawn_blocking(call)
    }

    /// Runs `future` on the calling thread until it is done; with the current-thread flavor, all tasks with it.
    ///
    /// # Panics
    /// Inside a task, where it would block a worker; and when `future` panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        depth::check_may_block("Runtime::block_on");
        let _entered = self.handle.enter();
        wiring::block_on(future, |future| self.scheduler.block_on(future))
    }

    /// Ends the runtime, waiting at most `grace` for deferred and shielded work and for what blocks, and tells what did not
    /// stop. The last steps may add a moment to that.
    ///
    /// # Panics
    /// Inside a task or a blocking call of this runtime, which would wait for itself; the runtime ends all the same.
    #[track_caller]
    pub fn shutdown(mut self, grace: Duration) -> ShutdownReport {
        self.check_may_wait("Runtime::shutdown");
        self.wired.take().map_or_else(ShutdownReport::default, |wired| wired.end(grace))
    }

    /// As [`shutdown`](Self::shutdown), and says on stderr what did not stop.
    ///
    /// # Panics
    /// As [`shutdown`](Self::shutdown).
    #[track_caller]
    pub fn shutdown_timeout(mut self, duration: Duration) {
        self.check_may_wait("Runtime::shutdown_timeout");
        self.end(duration);
    }

    /// Ends the runtime on a thread of its own, in the same way, without waiting for that.
    pub fn shutdown_background(mut self) {
        self.wired.take().into_iter().for_each(Wired::end_in_background);
    }

    /// Refuses to wait for the poll or the blocking call that asks for it.
    #[track_caller]
    fn check_may_wait(&self, what: &str) {
        assert!(
            !self.is_in_own_call(),
            "{what} was called inside a task or a blocking call of the runtime, which it would wait for; \
             use `shutdown_background` there"
        );
    }

    /// Whether this thread runs a task or a blocking call of this runtime, which could not wait for itself.
    fn is_in_own_call(&self) -> bool {
        context::task_id().is_some() && RuntimeRef::try_current() == Some(self.handle.0)
    }

    /// Ends the runtime, waits for that wherever it is called, and says on stderr what did not stop.
    pub(super) fn end(&mut self, grace: Duration) {
        if let Some(wired) = self.wired.take() {
            let name = wired.name().to_owned();
            wired.end(grace).warn(&name);
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if depth::in_async_code() || self.is_in_own_call() {
            self.wired.take().into_iter().for_each(Wired::end_in_background);
        } else {
            self.end(GRACE);
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("flavor", &self.flavor)
            .field("handle", &self.handle)
            .finish()
    }
}
