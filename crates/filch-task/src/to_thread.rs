//! Calls that block, as futures: on the runtime's threads, or on those of a pool of one's own.

use crate::call::{Call, Lane};
use filch_core::seam::Blocking;
use std::future::Future;
use std::sync::Arc;

/// Runs a call that blocks on a thread made for that, and gives its result.
///
/// The call starts when the future is first polled; use [`spawn_blocking`](crate::spawn_blocking) to start it at once.
/// It inherits the context values of the task that awaits it. A panic of the call goes on in whoever awaits it.
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
pub fn to_thread<F, R>(call: F) -> impl Future<Output = R> + Send + use<F, R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Call::new(Lane::Blocking, call)
}

/// As [`to_thread`], on the threads of `pool`: asyncio's word for it.
///
/// The facade's `runtime::Pool` is such a pool; anything else that runs each [`Runnable`](filch_core::task::Runnable)
/// it is given once may be one.
///
/// # Panics
/// As [`to_thread`]; also, in a poll, when the pool was shut down before the call got a thread.
///
/// # Cancel safety
/// As [`to_thread`].
#[track_caller]
pub fn run_in_executor<F, R>(pool: impl Into<Arc<dyn Blocking>>, call: F) -> Call<F, R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Call::new(Lane::Pool(pool.into()), call)
}
