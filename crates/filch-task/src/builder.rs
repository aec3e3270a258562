//! Starting tasks with a name: [`Builder`].

use filch_core::RuntimeRef;
use filch_core::task::{JoinHandle, Spawn};
use std::future::Future;
use std::io;

/// Starts tasks with a name, which error messages and [`all_tasks`](crate::all_tasks) show.
///
/// The methods answer an `io::Result` so that programs written for tokio compile. None of them errs: when the runtime is
/// ending, the handle answers "canceled".
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a Builder starts nothing until one of its spawn methods is called"]
pub struct Builder<'a> {
    name: Option<&'a str>,
}

impl<'a> Builder<'a> {
    /// A task without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the task a name. It need not be unique.
    pub fn name(&self, name: &'a str) -> Self {
        Builder { name: Some(name) }
    }

    /// As [`spawn`](crate::spawn()).
    ///
    /// # Panics
    /// As [`spawn`](crate::spawn()).
    ///
    /// # Errors
    /// None; see [`Builder`].
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(self.on(RuntimeRef::current()).spawn(future))
    }

    /// As [`spawn`](Self::spawn), on the runtime of `handle`.
    ///
    /// # Errors
    /// None; see [`Builder`].
    #[track_caller]
    pub fn spawn_on<F>(
        self,
        future: F,
        handle: impl Into<RuntimeRef>,
    ) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(self.on(handle.into()).spawn(future))
    }

    /// As [`spawn_local`](crate::spawn_local).
    ///
    /// # Panics
    /// As [`spawn_local`](crate::spawn_local).
    ///
    /// # Errors
    /// None; see [`Builder`].
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(self.on(RuntimeRef::current()).spawn_local(future))
    }

    /// As [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    /// As [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Errors
    /// None; see [`Builder`].
    #[track_caller]
    pub fn spawn_blocking<F, R>(self, call: F) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        Ok(self.on(RuntimeRef::current()).spawn_blocking(call))
    }

    /// As [`spawn_blocking`](Self::spawn_blocking), on the runtime of `handle`.
    ///
    /// # Errors
    /// None; see [`Builder`].
    #[track_caller]
    pub fn spawn_blocking_on<F, R>(
        self,
        call: F,
        handle: impl Into<RuntimeRef>,
    ) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        Ok(self.on(handle.into()).spawn_blocking(call))
    }

    #[track_caller]
    fn on(self, runtime: RuntimeRef) -> Spawn {
        Spawn::on(runtime).name(self.name)
    }
}
