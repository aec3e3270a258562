//! Task groups: [`TaskGroup`].
//!
//! Read on in this order:
//! - [`TaskGroup`], its builder, [`Child`] and [`GroupError`]: what users see.
//! - `shared.rs`: what is common to the members of one group: its failures and its rules.
//! - `state.rs`: every group, without types: who lives, and whether it is to end.
//! - `member.rs` and `owner.rs`: the future of a child's task, and the future of the scope.
//! - `in_place.rs`: the end of a group whose scope is dropped.
//!
//! **Invariant:** when a scope is done, or its drop has returned, no future of its children exists, but for those that wait
//! for the thread that drops it (design 0015).

mod builder;
mod cancel;
mod child;
mod count;
mod error;
mod in_place;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod member;
mod owner;
mod shared;
mod start;
mod state;

pub use builder::{ChildBuilder, GroupBuilder};
pub use cancel::CancelGroup;
pub use child::Child;
pub use error::{Cause, Failure, GroupError};
pub use start::Started;

pub(crate) use in_place::end as end_in_place;
pub(crate) use member::{Payload, Report, forget_payload};
pub(crate) use state::{Group, Opening};

use crate::error::Error;
use filch_core::scope::Scope as _;
use shared::Shared;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

/// Children that end together: a scope is done when each child's future is gone, whatever the reason.
///
/// [`TaskGroup::scope`] is Python's `async with TaskGroup() as tg`. The handle is cheap to clone and is passed by value, so
/// that children can spawn siblings.
///
/// - When a child fails or panics, or the body does, the other children and the body are canceled.
///   The scope waits for them and gives a [`GroupError`] with all errors and panics.
/// - When the scope is canceled from outside, by a timeout for instance, so are its children, and whoever canceled it waits
///   for them.
/// - When the scope's future is dropped without that, its children are dropped before the drop returns.
///
/// The children of a group run in parallel, on any worker, in no order.
pub struct TaskGroup<E = Error>(Arc<Shared<E>>);

impl TaskGroup {
    /// Opens a group, runs `body` and waits for all children.
    ///
    /// # Errors
    /// When `body` or a child fails or a child panics: with all of that. Or when the group is canceled before `body` has its
    /// value.
    ///
    /// # Panics
    /// With the panic of `body`, once every child has ended. When it is polled again after it had ended.
    ///
    /// # Cancel safety
    /// Dropped early, it drops the body and every child: those in a poll on another thread are waited for, and the thread
    /// sleeps meanwhile. Ended early by a timeout, a cancel scope or an outer group, no thread has to wait.
    #[track_caller]
    pub fn scope<R, F>(body: F) -> impl Future<Output = Result<R, GroupError>>
    where
        F: AsyncFnOnce(TaskGroup) -> Result<R, Error>,
    {
        Self::builder().scope(body)
    }

    /// As [`scope`](Self::scope), for children that fail with an `E`.
    ///
    /// # Errors
    /// As [`scope`](Self::scope).
    ///
    /// # Panics
    /// As [`scope`](Self::scope).
    ///
    /// # Cancel safety
    /// As [`scope`](Self::scope).
    #[track_caller]
    pub fn scope_of<E, R, F>(body: F) -> impl Future<Output = Result<R, GroupError<E>>>
    where
        F: AsyncFnOnce(TaskGroup<E>) -> Result<R, E>,
        E: Send + 'static,
    {
        Self::builder().scope_of(body)
    }

    /// For a group with a name, a deadline or other rules.
    pub fn builder() -> GroupBuilder {
        GroupBuilder::new()
    }
}

impl<E: Send + 'static> TaskGroup<E> {
    /// Starts a child that cannot fail, but for a panic.
    ///
    /// A `Result` is a value like any other here: its `Err` ends nothing, and is gone when nobody awaits the child. For what
    /// may fail see [`create_task`](Self::create_task).
    ///
    /// When the group is to end, `future` is dropped at once and the child answers "canceled".
    ///
    /// # Panics
    /// When the group has ended.
    #[track_caller]
    pub fn spawn<T, F>(&self, future: F) -> Child<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.0.spawn(None, Location::caller(), future)
    }

    /// Starts a child whose error ends the group.
    ///
    /// When the group is to end, `future` is dropped at once and the child answers "canceled".
    ///
    /// # Panics
    /// When the group has ended.
    #[track_caller]
    pub fn create_task<T, X, F>(&self, future: F) -> Child<T>
    where
        F: Future<Output = Result<T, X>> + Send + 'static,
        T: Send + 'static,
        X: Into<E> + Send + 'static,
    {
        self.0.try_spawn(None, Location::caller(), future)
    }

    /// [`create_task`](Self::create_task) by another name.
    ///
    /// # Panics
    /// When the group has ended.
    #[track_caller]
    pub fn try_spawn<T, X, F>(&self, future: F) -> Child<T>
    where
        F: Future<Output = Result<T, X>> + Send + 'static,
        T: Send + 'static,
        X: Into<E> + Send + 'static,
    {
        self.0.try_spawn(None, Location::caller(), future)
    }

    /// For a child with a name.
    pub fn build_task(&self) -> ChildBuilder<'_, E> {
        ChildBuilder::new(self)
    }

    /// Starts a child and waits until it says that it is ready, with what it has to say.
    ///
    /// When the child fails or panics before, the group ends, and this call with it.
    ///
    /// # Panics
    /// - When the group has ended.
    /// - When the child ends without having said that it is ready, although the group goes on.
    ///
    /// # Cancel safety
    /// Dropped early, the child goes on.
    #[track_caller]
    pub fn start<S, T, X, C, F>(&self, child: C) -> impl Future<Output = S> + use<S, T, X, C, F, E>
    where
        C: FnOnce(Started<S>) -> F,
        F: Future<Output = Result<T, X>> + Send + 'static,
        S: Send + 'static,
        T: Send + 'static,
        X: Into<E> + Send + 'static,
    {
        start::start(self.clone(), None, Location::caller(), child)
    }

    /// Ends the group early, which is no error: its children are canceled, and so is its body, unless that has its value.
    ///
    /// It happens when the answer is awaited or dropped; bound to a name, it acts where that goes out of scope or is awaited.
    /// Awaited, it waits until every child has ended; the body goes on meanwhile, so that it can give its value afterwards.
    ///
    /// # Cancel safety
    /// As [`CancelGroup`].
    pub fn cancel(&self) -> CancelGroup {
        CancelGroup::new(Arc::clone(&self.0.group))
    }

    /// Waits until no child lives, for this moment at least: more may come.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn join(&self) {
        self.0.group.wait_until_empty().await;
    }

    /// How many children live.
    pub fn len(&self) -> usize {
        self.0.group.len()
    }

    /// Whether no child lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the group is to end early, for whatever reason.
    pub fn is_cancelled(&self) -> bool {
        self.0.group.request().is_made()
    }

    /// The group's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.0.group.name()
    }
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> Self {
        TaskGroup(Arc::clone(&self.0))
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskGroup");
        debug.field("name", &self.0.group.name());
        debug.field("len", &self.0.group.len());
        debug.field("opened_at", &format_args!("{}", self.0.group.opened_at())).finish()
    }
}
