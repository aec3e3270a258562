//! Starting tasks on the current runtime.
//!
//! Where the call stands becomes the task's place, so these are plain functions that track their caller.

use filch_core::RuntimeRef;
use filch_core::task::{JoinHandle, Spawn};
use std::future::Future;

/// Starts `future` as a task of the current runtime, on any of its workers.
///
/// It runs whether or not the handle is awaited. Dropping the handle lets the task go on; see
/// [`AbortOnDropHandle`](crate::AbortOnDropHandle) for one that does not.
/// When the runtime is ending, the future is dropped and the handle answers "canceled".
///
/// # Panics
/// When no runtime is found and none can be started, because the crate `filch` is not linked.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Spawn::on(RuntimeRef::current()).spawn(future)
}

/// Asyncio's word for [`spawn`].
///
/// # Panics
/// As [`spawn`].
#[track_caller]
pub fn create_task<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    spawn(future)
}

/// Starts a future that need not be `Send`: it is polled and dropped on this thread only.
///
/// # Panics
/// - When this thread does not run a `LocalRuntime`.
/// - As [`spawn`].
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    Spawn::on(RuntimeRef::current()).spawn_local(future)
}

/// Runs a call that blocks on a thread made for that, so that it keeps no worker.
///
/// It starts at once; [`to_thread`](crate::to_thread) starts when it is awaited and passes the panic on.
/// A call that runs cannot be aborted, one that waits for a thread can.
/// When the runtime is ending, the call is dropped and the handle answers "canceled".
///
/// # Panics
/// As [`spawn`].
#[track_caller]
pub fn spawn_blocking<F, R>(call: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Spawn::on(RuntimeRef::current()).spawn_blocking(call)
}
