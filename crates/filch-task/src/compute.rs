//! Calls that compute, as futures: on threads of their own, one per core, so that the workers stay free.

use crate::call::{Call, Lane};
use std::future::Future;

/// Runs a call that keeps a processor busy off the workers, and gives its result.
///
/// At most one such call per core runs at a time (`Builder::compute_threads` says otherwise); the others wait and begin
/// in the order in which they came. The limit is not that of [`to_thread`](crate::to_thread), so that calls that block
/// and calls that compute do not wait for each other.
/// The call starts when the future is first polled, and inherits the context values of the task that awaits it. A panic
/// of the call goes on in whoever awaits it.
///
/// On Linux the threads run at a lower priority than the workers, if the system allows it: a worker that has work gets
/// most of a core that both want. A thread that the call starts inherits that, one of the blocking pool too.
///
/// A call that waits for another one may wait for ever, when all threads are taken by calls that do the same.
///
/// # Panics
/// - When no runtime is found and none can be started, because the crate `filch` is not linked.
/// - A poll panics when the call panicked, or when the runtime ended before the call got a thread.
///
/// # Cancel safety
/// A future dropped before its first poll has done nothing.
/// Dropped while the call waits for a thread, it takes the call back, which is dropped unrun when its turn comes.
/// A call that runs goes on, and its result is dropped.
#[track_caller]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub fn compute<F, R>(call: F) -> impl Future<Output = R> + Send + use<F, R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Call::new(Lane::Compute, call)
}
