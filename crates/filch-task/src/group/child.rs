//! A child of a group, as who spawned it sees it: [`Child`].

use super::state::Group;
use filch_core::context;
use filch_core::coop::{self, Budget};
use filch_core::scope::{self, Scope};
use filch_core::task::{AbortHandle, Id, JoinError, JoinHandle};
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

/// A child of a [`TaskGroup`](crate::TaskGroup). Dropped, it lets the child go on, within its group.
///
/// Awaited inside the group it gives the child's value, without a `?`: when the child has none because it failed, the group
/// is about to end, and the code that waits ends with it. After a successful scope [`result`](Self::result) gives the value.
/// Elsewhere [`join`](Self::join) tells value and failure apart.
///
/// # Panics
/// Awaiting it panics
/// - when the child has no value and the code that waits does not end with the group: it is outside of it, or the group goes
///   on after failures, or only this child was aborted;
/// - when it is polled again after it gave the value.
///
/// # Cancel safety
/// Awaiting by reference may be dropped and begun again; no value is lost.
pub struct Child<T> {
    // Why no hold on the group: each child would count it twice, and only one without a value needs it.
    task: JoinHandle<Result<T, JoinError>>,
    /// What became of it, if it has no value and was awaited.
    error: Option<Box<JoinError>>,
    /// The end of the group that is about to end who awaits it.
    end: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl<T> Child<T> {
    pub(super) fn new(task: JoinHandle<Result<T, JoinError>>) -> Self {
        Child { task, error: None, end: None }
    }

    /// Waits for the child and gives its value, or why it has none.
    ///
    /// # Errors
    /// When the child was canceled, panicked or failed; the group's error has the panic's payload and the error itself.
    ///
    /// # Cancel safety
    /// Dropped early, the value is lost.
    pub async fn join(mut self) -> Result<T, JoinError> {
        poll_fn(|cx| self.poll_join(cx)).await
    }

    /// The value of a child that has ended, which all have after their scope.
    ///
    /// # Panics
    /// When the child runs, or has no value.
    #[track_caller]
    pub fn result(self) -> T {
        let child = self.describe();
        match self.take_result() {
            Some(Ok(value)) => value,
            Some(Err(error)) => panic!(
                "result() was called on {child}, but {error}; call try_result() where a group may have failed"
            ),
            None => panic!(
                "result() was called on {child}, which still runs; await it, or call result() after its scope"
            ),
        }
    }

    /// As [`result`](Self::result), after a scope that may have failed.
    ///
    /// # Errors
    /// When the child was canceled, panicked or failed.
    ///
    /// # Panics
    /// When the child runs.
    #[track_caller]
    pub fn try_result(self) -> Result<T, JoinError> {
        let child = self.describe();
        self.take_result().unwrap_or_else(|| {
            panic!("try_result() was called on {child}, which still runs; await it, or call try_result() after its scope")
        })
    }

    /// `None`: it runs.
    fn take_result(mut self) -> Option<Result<T, JoinError>> {
        if !self.is_finished() {
            return None;
        }
        let cx = &mut Context::from_waker(Waker::noop());
        let poll = coop::with_budget(Budget::UNLIMITED, || self.poll_join(cx));
        let Poll::Ready(result) = poll else { unreachable!("a finished task gives its output") };
        Some(result)
    }

    /// Whether the child has ended.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Asks this one child to end, which is no failure: the others go on.
    pub fn abort(&self) {
        self.task.abort();
    }

    /// A handle that can abort the child.
    pub fn abort_handle(&self) -> AbortHandle {
        self.task.abort_handle()
    }

    /// Which task it is.
    pub fn id(&self) -> Id {
        self.task.id()
    }

    /// The child's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.task.name()
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.task.spawned_at()
    }

    pub(super) fn poll_join(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        let joined = ready!(Pin::new(&mut self.task).poll(cx));
        Poll::Ready(joined.and_then(|result| result))
    }

    /// Pending while the code that calls may be about to end because a group around it does, most often the child's own.
    /// For a child without a value.
    pub(super) fn poll_end_of_group(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(group) = group_about_to_end() else { return Poll::Ready(()) };
        let end = self.end.get_or_insert_with(|| Box::pin(end_of(group)));
        end.as_mut().poll(cx)
    }

    pub(super) fn describe(&self) -> String {
        super::state::describe(&self.abort_handle())
    }
}

/// The closest group that ends the code that calls, unless something in between shields that.
fn group_about_to_end() -> Option<Arc<dyn Scope>> {
    let here = scope::current();
    let mut in_reach = here.scopes().take_while(|scope| !scope.is_shield());
    in_reach.find(|scope| scope.as_any().is::<Group>() && scope.request().is_urgent()).cloned()
}

async fn end_of(group: Arc<dyn Scope>) {
    if let Some(group) = group.as_any().downcast_ref::<Group>() {
        group.wait_until_over().await;
    }
}

impl<T> Future for Child<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if self.error.is_none() {
            match ready!(self.poll_join(cx)) {
                Ok(value) => return Poll::Ready(value),
                Err(error) => self.error = Some(Box::new(error)),
            }
        }
        if context::is_ending() {
            return Poll::Pending; // As the child was, before or just now: the code that waits is dropped next.
        }
        ready!(self.poll_end_of_group(cx));
        let error = self.error.take().expect("it was left above");
        panic!(
            "{} was awaited, but {error}, and its group does not end the code that waits there; use join() where a child \
             may have no value",
            self.describe()
        );
    }
}

impl<T> Unpin for Child<T> {}

impl<T> fmt::Debug for Child<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("finished", &self.is_finished())
            .finish()
    }
}
