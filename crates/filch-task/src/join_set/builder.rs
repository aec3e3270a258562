//! Adding a task with a name to a set.

use super::JoinSet;
use crate::Builder as TaskBuilder;
use filch_core::RuntimeRef;
use filch_core::task::AbortHandle;
use std::fmt;
use std::future::Future;
use std::io;

/// Adds a task with a name to a set. From [`JoinSet::build_task`].
///
/// As with [`task::Builder`](crate::Builder), the results are always `Ok`.
#[must_use = "a Builder starts nothing until one of its spawn methods is called"]
pub struct Builder<'a, T> {
    set: &'a mut JoinSet<T>,
    task: TaskBuilder<'a>,
}

impl<'a, T: 'static> Builder<'a, T> {
    pub(super) fn new(set: &'a mut JoinSet<T>) -> Self {
        Builder { set, task: TaskBuilder::new() }
    }

    /// Gives the task a name. It need not be unique.
    pub fn name(self, name: &'a str) -> Self {
        Builder { task: self.task.name(name), ..self }
    }

    /// As [`JoinSet::spawn`].
    ///
    /// # Panics
    /// As [`JoinSet::spawn`].
    ///
    /// # Errors
    /// None; see [`Builder`].
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.task.spawn(future)?))
    }

    /// As [`JoinSet::spawn_on`].
    ///
    /// # Errors
    /// None; see [`Builder`].
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: impl Into<RuntimeRef>) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.task.spawn_on(future, handle)?))
    }

    /// As [`JoinSet::spawn_local`].
    ///
    /// # Panics
    /// As [`JoinSet::spawn_local`].
    ///
    /// # Errors
    /// None; see [`Builder`].
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        Ok(self.set.insert(self.task.spawn_local(future)?))
    }

    /// As [`JoinSet::spawn_blocking`].
    ///
    /// # Panics
    /// As [`JoinSet::spawn_blocking`].
    ///
    /// # Errors
    /// None; see [`Builder`].
    #[track_caller]
    pub fn spawn_blocking<F>(self, call: F) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.task.spawn_blocking(call)?))
    }

    /// As [`JoinSet::spawn_blocking_on`].
    ///
    /// # Errors
    /// None; see [`Builder`].
    #[track_caller]
    pub fn spawn_blocking_on<F>(
        self,
        call: F,
        handle: impl Into<RuntimeRef>,
    ) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.task.spawn_blocking_on(call, handle)?))
    }
}

impl<T> fmt::Debug for Builder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("set", &self.set).field("task", &self.task).finish()
    }
}
