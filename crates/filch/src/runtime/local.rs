//! A runtime whose tasks need not be `Send`: they never leave its thread.

use super::builder::Builder;
use super::depth;
use super::handle::Handle;
use super::owned::GRACE;
use super::report::ShutdownReport;
use super::wiring::{self, Wired};
use filch_core::seam::Scheduler;
use filch_core::task::{JoinHandle, Spawn};
use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A current-thread runtime that stays on its thread, so that [`spawn_local`](crate::task::spawn_local) works inside.
///
/// ```
/// use std::rc::Rc;
///
/// let runtime = filch::runtime::LocalRuntime::new()?;
/// let text = Rc::new("not Send");
/// let task = runtime.spawn_local(async move { text.len() });
/// assert_eq!(runtime.block_on(task)?, 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It cannot be moved to another thread:
///
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<filch::runtime::LocalRuntime>();
/// ```
pub struct LocalRuntime {
    handle: Handle,
    wired: Option<Wired>,
    scheduler: Arc<dyn Scheduler>,
    /// Tasks are dropped with the runtime, on the thread they belong to.
    thread: PhantomData<*const ()>,
}

impl LocalRuntime {
    /// A runtime for this thread.
    ///
    /// # Errors
    /// When the system has no file descriptors to spare.
    pub fn new() -> io::Result<LocalRuntime> {
        Builder::new_current_thread().build_local()
    }

    pub(super) fn from_wired(wired: Wired, scheduler: Arc<dyn Scheduler>) -> Self {
        wired.runtime().set_home();
        LocalRuntime {
            handle: Handle(wired.runtime()),
            wired: Some(wired),
            scheduler,
            thread: PhantomData,
        }
    }

    /// A name for this runtime, for other threads. What they spawn must be `Send`.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Spawns a task that stays on this thread. It runs inside [`block_on`](Self::block_on).
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Spawn::on(self.handle.0).spawn_local(future)
    }

    /// Runs `future`, and all tasks with it, until it is done.
    ///
    /// # Panics
    /// Inside a task, where it would block a worker; and when `future` panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        depth::check_may_block("LocalRuntime::block_on");
        let _entered = self.handle.enter();
        wiring::block_on(future, |future| self.scheduler.block_on(future))
    }

    /// Ends the runtime, waiting at most `grace` for deferred and shielded work and for blocking calls, and tells what did
    /// not stop. Work that is polled on this thread and does not return is waited for all the same.
    pub fn shutdown(mut self, grace: Duration) -> ShutdownReport {
        self.wired.take().map_or_else(ShutdownReport::default, |wired| wired.end_here(grace))
    }

    /// Ends the runtime, waits for that wherever it is called, and says on stderr what did not stop.
    pub(super) fn end(&mut self, grace: Duration) {
        if let Some(wired) = self.wired.take() {
            let name = wired.name().to_owned();
            wired.end_here(grace).warn(&name);
        }
    }
}

impl Drop for LocalRuntime {
    fn drop(&mut self) {
        self.end(if depth::in_async_code() { Duration::ZERO } else { GRACE });
    }
}

impl fmt::Debug for LocalRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRuntime").field("handle", &self.handle).finish()
    }
}
