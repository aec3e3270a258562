//! Clean-up that outlives who asked for it: [`defer_async`].

use filch_core::RuntimeRef;
use filch_core::scope::{self, Surroundings};
use filch_core::task::Spawn;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Has `cleanup` run when the guard is dropped: at the end of its block, by a `?` or a panic, or because the task was
/// canceled.
///
/// It starts then as a task of its own, which no cancel request and no deadline reaches. Nothing waits for it in place: the
/// nearest task group around this call that has not ended awaits it, and without one the runtime's end gives it a grace.
/// Guards drop in the reverse order of their declaration. Clean-ups run side by side and in no order: what must come in turn
/// belongs into one.
/// It sees the context values of this call.
///
/// # Panics
/// When no runtime is found and none can be started, because the crate `filch` is not linked.
#[track_caller]
pub fn defer_async<F>(cleanup: F) -> DeferGuard
where
    F: Future<Output = ()> + Send + 'static,
{
    let deferred = Deferred {
        spawn: Spawn::on(RuntimeRef::current()),
        surroundings: scope::current(),
        cleanup: Box::pin(cleanup),
    };
    DeferGuard(Some(deferred))
}

/// Starts a clean-up when it is dropped. From [`defer_async`]. Leaked, it does nothing.
#[must_use = "dropped at once, the clean-up starts at once; bind it to a name"]
pub struct DeferGuard(Option<Deferred>);

struct Deferred {
    spawn: Spawn,
    surroundings: Surroundings,
    cleanup: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl DeferGuard {
    /// Runs the clean-up here. Whatever is left of it when this future is dropped goes on as a task.
    ///
    /// # Panics
    /// With the panic of the clean-up, which is dropped.
    ///
    /// # Cancel safety
    /// Dropped at any time, even unpolled, the clean-up is still run to its end, once.
    pub fn run(mut self) -> impl Future<Output = ()> + Send {
        poll_fn(move |cx| {
            // Why taken out: if it panics, it must not be run again by the guard's drop.
            let Some(mut deferred) = self.0.take() else { return Poll::Ready(()) };
            let poll = deferred.cleanup.as_mut().poll(cx);
            if poll.is_pending() {
                self.0 = Some(deferred);
            }
            poll
        })
    }

    /// Drops the clean-up, which is not run.
    pub fn defuse(mut self) {
        self.0 = None;
    }
}

impl Drop for DeferGuard {
    fn drop(&mut self) {
        if let Some(Deferred { spawn, surroundings, cleanup }) = self.0.take() {
            drop(spawn.adopted(&surroundings).spawn(cleanup));
        }
    }
}

impl fmt::Debug for DeferGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferGuard").finish_non_exhaustive()
    }
}
