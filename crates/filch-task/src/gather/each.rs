//! What the macro `gather!` calls: children of unlike types.

use super::all::{Outcome, fail};
use crate::children::{Children, take_output};
use filch_core::coop;
use filch_core::task::{AbortHandle, JoinHandle, Prepared};
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::task::{Context, Poll, ready};

/// Children of unlike types that start together.
#[doc(hidden)]
#[derive(Debug)]
pub struct Gathering {
    children: Children,
    prepared: Vec<Prepared>,
    handles: Vec<AbortHandle>,
    opened_at: &'static Location<'static>,
}

/// The right to one child's output.
#[doc(hidden)]
#[derive(Debug)]
pub struct Part<T> {
    handle: JoinHandle<Option<T>>,
    opened_at: &'static Location<'static>,
}

impl Gathering {
    /// None yet.
    ///
    /// # Panics
    /// When no runtime is found.
    #[allow(clippy::new_without_default, reason = "it belongs to the place of the call")]
    #[track_caller]
    pub fn new() -> Self {
        let opened_at = Location::caller();
        let children = Children::open(opened_at);
        Gathering { children, prepared: Vec::new(), handles: Vec::new(), opened_at }
    }

    /// One more.
    pub fn add<F>(&mut self, future: F) -> Part<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (prepared, handle) = self.children.prepare(future, Outcome);
        self.prepared.push(prepared);
        self.handles.push(handle.abort_handle());
        Part { handle, opened_at: self.opened_at }
    }

    /// Starts them, and waits until all have ended.
    ///
    /// # Cancel safety
    /// Dropped early, the children go on until `self` is dropped, which ends them.
    pub async fn ended(&mut self) {
        let prepared = std::mem::take(&mut self.prepared);
        self.children.start_all(prepared, std::mem::take(&mut self.handles));
        poll_fn(|cx| self.poll_ended(cx)).await;
    }

    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        let unit = ready!(coop::poll_proceed(cx));
        ready!(self.children.poll_ended(cx));
        ready!(self.children.poll_wanted());
        unit.made_progress();
        Poll::Ready(())
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        self.prepared.iter_mut().for_each(Prepared::disown); // They were not counted in.
    }
}

impl<T> Part<T> {
    /// Its output, once all have ended.
    ///
    /// # Panics
    /// With the child's panic.
    pub fn take(mut self) -> T {
        let output = take_output(&mut self.handle);
        let output = output.unwrap_or_else(|error| fail(error, self.opened_at));
        output.expect("a child that nobody ended is done")
    }
}
