//! Children that say when they are ready.

use super::TaskGroup;
use super::child::Child;
use filch_sync::oneshot;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;

/// With it a child says that it is ready. From [`TaskGroup::start`].
#[must_use = "dropped, the child will never be ready"]
pub struct Started<S>(oneshot::Sender<S>);

impl<S> Started<S> {
    /// Says that the child is ready: whoever started it goes on, with `value`.
    pub fn ready(self, value: S) {
        let _ = self.0.send(value); // Nobody waits any more; the child goes on all the same.
    }
}

impl<S> fmt::Debug for Started<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").finish_non_exhaustive()
    }
}

/// Spawns the child when it is first polled, and waits until it is ready.
pub(super) async fn start<E, S, T, X, C, F>(
    group: TaskGroup<E>,
    name: Option<Box<str>>,
    place: &'static Location<'static>,
    child: C,
) -> S
where
    C: FnOnce(Started<S>) -> F,
    F: Future<Output = Result<T, X>> + Send + 'static,
    S: Send + 'static,
    T: Send + 'static,
    X: Into<E> + Send + 'static,
    E: Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let child = group.0.try_spawn(name.as_deref(), place, child(Started(sender)));
    match receiver.await {
        Ok(value) => value,
        Err(_) => never_ready(child).await,
    }
}

/// The child let go of its [`Started`]. Most often that is because it ends, and the group with it.
async fn never_ready<S, T>(mut child: Child<T>) -> S {
    match poll_fn(|cx| child.poll_join(cx)).await {
        Err(error) => {
            poll_fn(|cx| child.poll_end_of_group(cx)).await;
            panic!(
                "{} was to be started, but {error} before it was ready, and its group does not end the code that waits there; \
                 spawn what may fail, and have it say through a channel that it is ready",
                child.describe()
            )
        }
        Ok(_) => panic!(
            "{} has ended without calling Started::ready; call it, or use spawn if nobody needs to wait",
            child.describe()
        ),
    }
}
