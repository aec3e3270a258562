//! Groups with rules of their own, and children with names.

use super::shared::{self, Rules};
use super::state::Opening;
use super::{Child, GroupError, Started, TaskGroup, start};
use crate::deadline::comes;
use crate::error::Error;
use crate::once::Once;
use filch_timer::Instant;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

/// How a group is to be opened. From [`TaskGroup::builder`].
#[derive(Clone, Debug)]
#[must_use = "no group is opened until scope is called"]
pub struct GroupBuilder {
    rules: Rules,
    name: Option<Box<str>>,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
}

impl GroupBuilder {
    pub(super) fn new() -> Self {
        let rules = Rules { limit: None, ordered: false, fail_fast: true };
        GroupBuilder { rules, name: None, timeout: None, deadline: None }
    }

    /// At most `n` children run at a time. The others wait, and start in the order in which they were spawned.
    ///
    /// # Panics
    /// When `n` is zero.
    #[track_caller]
    pub fn limit(mut self, n: usize) -> Self {
        assert_ne!(n, 0, "limit(0) was called, so no child could ever run; allow at least one");
        self.rules.limit = Some(n);
        self
    }

    /// Has the [`GroupError`] list the failures in the order in which the children were spawned, the body's last.
    pub fn ordered(mut self) -> Self {
        self.rules.ordered = true;
        self
    }

    /// Whether the first failure ends the group, which it does unless this is called with `false`. Otherwise the children
    /// and the body go on, and the scope gives all failures in the end. The body must not await a child that may fail then:
    /// without a value that panics. Use [`Child::join`], or read the [`GroupError`].
    pub fn fail_fast(mut self, yes: bool) -> Self {
        self.rules.fail_fast = yes;
        self
    }

    /// Gives the group a name, which errors and messages show.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives the group at most `duration`, counted from the first poll of its scope. After that its children and its body
    /// are canceled, and the scope gives an error for which [`GroupError::is_elapsed`] holds.
    ///
    /// With a [`deadline`](Self::deadline) as well, the earlier one counts. `Duration::MAX` means never.
    pub fn timeout(mut self, duration: Duration) -> Self {
        self.timeout = Some(duration);
        self
    }

    /// As [`timeout`](Self::timeout), at a moment that is fixed already. One that has passed ends the group before its body
    /// is polled.
    pub fn deadline(mut self, at: Instant) -> Self {
        self.deadline = Some(at);
        self
    }

    /// As [`TaskGroup::scope`].
    ///
    /// # Errors
    /// As [`TaskGroup::scope`].
    ///
    /// # Panics
    /// As [`TaskGroup::scope`].
    ///
    /// # Cancel safety
    /// As [`TaskGroup::scope`].
    #[track_caller]
    pub fn scope<R, F>(self, body: F) -> impl Future<Output = Result<R, GroupError>>
    where
        F: AsyncFnOnce(TaskGroup) -> Result<R, Error>,
    {
        self.scope_of(body)
    }

    /// As [`TaskGroup::scope_of`].
    ///
    /// # Errors
    /// As [`TaskGroup::scope`].
    ///
    /// # Panics
    /// As [`TaskGroup::scope`].
    ///
    /// # Cancel safety
    /// As [`TaskGroup::scope`].
    #[track_caller]
    pub fn scope_of<E, R, F>(self, body: F) -> impl Future<Output = Result<R, GroupError<E>>>
    where
        F: AsyncFnOnce(TaskGroup<E>) -> Result<R, E>,
        E: Send + 'static,
    {
        let GroupBuilder { rules, name, timeout, deadline } = self;
        let opened_at = Location::caller();
        let opening = move || {
            let timeout = timeout.map(|duration| Instant::now() + duration);
            let deadline = timeout.into_iter().chain(deadline).min().filter(comes);
            Opening { name, deadline: deadline.map(Instant::into_std), opened_at }
        };
        Once::new("task group", shared::run(opening, rules, body))
    }
}

/// How a child is to be spawned. From [`TaskGroup::build_task`].
#[derive(Clone, Copy, Debug)]
#[must_use = "no child is spawned until one of the spawn methods is called"]
pub struct ChildBuilder<'a, E = Error> {
    group: &'a TaskGroup<E>,
    name: Option<&'a str>,
}

impl<'a, E: Send + 'static> ChildBuilder<'a, E> {
    pub(super) fn new(group: &'a TaskGroup<E>) -> Self {
        ChildBuilder { group, name: None }
    }

    /// Gives the child a name, which errors and messages show.
    pub fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// As [`TaskGroup::spawn`].
    ///
    /// A `Result` is a value like any other here: its `Err` ends nothing, and is gone when nobody awaits the child. For what
    /// may fail see [`create_task`](Self::create_task).
    ///
    /// # Panics
    /// When the group has ended.
    #[track_caller]
    pub fn spawn<T, F>(self, future: F) -> Child<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.group.0.spawn(self.name, Location::caller(), future)
    }

    /// As [`TaskGroup::create_task`].
    ///
    /// # Panics
    /// When the group has ended.
    #[track_caller]
    pub fn create_task<T, X, F>(self, future: F) -> Child<T>
    where
        F: Future<Output = Result<T, X>> + Send + 'static,
        T: Send + 'static,
        X: Into<E> + Send + 'static,
    {
        self.group.0.try_spawn(self.name, Location::caller(), future)
    }

    /// As [`TaskGroup::start`].
    ///
    /// # Panics
    /// As [`TaskGroup::start`].
    ///
    /// # Cancel safety
    /// As [`TaskGroup::start`].
    #[track_caller]
    pub fn start<S, T, X, C, F>(self, child: C) -> impl Future<Output = S> + use<S, T, X, C, F, E>
    where
        C: FnOnce(Started<S>) -> F,
        F: Future<Output = Result<T, X>> + Send + 'static,
        S: Send + 'static,
        T: Send + 'static,
        X: Into<E> + Send + 'static,
    {
        let name = self.name.map(Into::into);
        start::start(self.group.clone(), name, Location::caller(), child)
    }
}
