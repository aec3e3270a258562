//! Ending what is inside early: [`CancelScope`].
//!
//! The handle changes a plan (the deadline, the request to end); the run that is in progress carries it out.

mod error;
mod run;
mod state;

pub use error::Cancelled;

use crate::once::Once;
use filch_core::scope::Reason;
use filch_timer::{Duration, Instant};
use run::Run;
use state::State;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::sync::Arc;

/// Surrounds a future that can be ended early: by [`cancel`](Self::cancel), from anywhere, or by a deadline that can be
/// moved.
///
/// To end it means: it is not polled any more, the task groups opened inside are canceled and their tasks awaited, then it is
/// dropped, and [`run`](Self::run) gives [`Cancelled`]. What is shielded inside goes on until its own end.
/// Tasks that were merely spawned inside are not ended, but [told](crate::cancelled).
///
/// A clone is a handle to the same scope.
#[derive(Clone)]
pub struct CancelScope(Arc<State>);

impl CancelScope {
    /// A scope without a deadline.
    pub fn new() -> Self {
        CancelScope(Arc::new(State::new(None)))
    }

    /// A scope that ends `duration` after this call. `Duration::MAX` means never.
    pub fn after(duration: Duration) -> Self {
        CancelScope::at(Instant::now() + duration)
    }

    /// A scope that ends at `deadline`.
    pub fn at(deadline: Instant) -> Self {
        CancelScope(Arc::new(State::new(Some(deadline))))
    }

    /// Whether what surrounds the scope (timeouts, other scopes, groups) is kept from ending what is inside: it waits until
    /// the run has ended. The scope's own deadline and [`cancel`](Self::cancel) reach inside still, and so does a drop.
    ///
    /// # Panics
    /// When the scope has been run.
    #[track_caller]
    #[must_use = "it gives the scope back"]
    pub fn shield(self, is_shield: bool) -> Self {
        assert!(
            self.0.set_shield(is_shield),
            "CancelScope::shield was called after CancelScope::run; say whether the scope is a shield before it is run"
        );
        self
    }

    /// Runs `future` inside of the scope. A scope runs once.
    ///
    /// The future is polled before the deadline and the request to end are looked at, so that one which is done counts as
    /// done. A scope that was canceled before drops it unpolled.
    ///
    /// # Errors
    /// When it was ended early. An end that comes from further out is not reported here.
    ///
    /// # Panics
    /// When the scope has been run before, or the run is polled again after it had ended; with a panic of the future, or of
    /// its drop.
    ///
    /// # Cancel safety
    /// As safe as the future inside, which is dropped with it.
    #[track_caller]
    pub fn run<F: IntoFuture>(
        &self,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Cancelled>> + use<F> {
        assert!(
            self.0.begin(),
            "CancelScope::run was called twice on the same scope; make a scope for each run"
        );
        Once::new("CancelScope::run", Run::new(Arc::clone(&self.0), future.into_future()))
    }

    /// Asks what is inside to end. It acts when the answer is dropped: at the end of the statement, usually; bound to a name,
    /// it acts where that goes out of scope. The answer cannot be awaited: who awaits the [`run`](Self::run) learns of the
    /// end.
    ///
    /// What is inside is polled once more at most, but for what is shielded. With a [grace](ScopeCancel::grace) it is told
    /// first.
    pub fn cancel(&self) -> ScopeCancel<'_> {
        ScopeCancel { scope: self, reason: Reason::default(), grace: None }
    }

    /// Moves the deadline, also of a run in progress. When what is inside has begun to be ended, this comes too late.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        self.0.set_deadline(deadline);
    }

    /// When the scope ends by itself. Deadlines further out are not looked at; see [`deadline`](crate::deadline).
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline()
    }

    /// Whether it was asked to end, or its deadline came before the run was over.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Why it is to end, if it is. The first reason stays.
    pub fn reason(&self) -> Option<Reason> {
        self.0.reason()
    }
}

impl Default for CancelScope {
    fn default() -> Self {
        CancelScope::new()
    }
}

impl fmt::Debug for CancelScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelScope")
            .field("deadline", &self.deadline())
            .field("reason", &self.reason())
            .finish_non_exhaustive()
    }
}

/// Asks a scope to end when it is dropped. From [`CancelScope::cancel`].
#[derive(Debug)]
pub struct ScopeCancel<'a> {
    scope: &'a CancelScope,
    reason: Reason,
    grace: Option<Duration>,
}

impl ScopeCancel<'_> {
    /// Says why. Of several requests the first one's reason stays.
    pub fn reason(mut self, reason: impl Into<Reason>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Tells what is inside, by [`cancelled`](crate::cancelled), and lets it go on for `duration`, at most.
    pub fn grace(mut self, duration: Duration) -> Self {
        self.grace = Some(duration);
        self
    }
}

impl Drop for ScopeCancel<'_> {
    fn drop(&mut self) {
        self.scope.0.cancel(&self.reason, self.grace);
    }
}
