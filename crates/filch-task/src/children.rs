//! The children of a gather and its kin: a group without a body, whose members start together.
//!
//! It spawns nobody later and keeps no outputs; those are with the join handles.
//! Whoever waits is woken once, by the child that ends last.
//! **Invariant:** the drop leaves no child behind, but for those that were let go and those that a drop in place hands to
//! the nearest living scope.

use crate::group::{Group, Opening, Report, end_in_place};
use filch_core::coop::{self, Budget};
use filch_core::scope::{self, Fact, Reason, Request, Scope, Surroundings, Urgency};
use filch_core::task::{AbortHandle, Id, JoinError, JoinHandle, Prepared, Spawn};
use filch_core::{RuntimeRef, context};
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Tasks that end with whoever waits for them.
pub(crate) struct Children {
    group: Arc<Group>,
    /// What ends early around here reaches the children by this, for as long as it lives.
    _leash: Arc<dyn Scope>,
    runtime: RuntimeRef,
    /// What surrounds the group, and what its members inherit.
    outside: Surroundings,
    inside: Surroundings,
    opened_at: &'static Location<'static>,
    opened_by: Option<Id>,
    is_let_go: bool,
}

impl Children {
    /// None yet. They belong to the code that calls.
    ///
    /// # Panics
    /// When no runtime is found.
    pub(crate) fn open(opened_at: &'static Location<'static>) -> Self {
        let runtime = RuntimeRef::current();
        let group = Group::open(Opening { name: None, deadline: None, opened_at }, Box::new(()));
        let outside = scope::current();
        let leash: Arc<dyn Scope> = Arc::new(Leash(Arc::clone(&group)));
        scope::register(&leash);
        Children {
            inside: outside.with(Fact::Scope(Arc::clone(&group) as _)),
            outside,
            group,
            _leash: leash,
            runtime,
            opened_at,
            opened_by: context::task_id(),
            is_let_go: false,
        }
    }

    pub(crate) fn group(&self) -> &Arc<Group> {
        &self.group
    }

    /// Starts all of them at once.
    pub(crate) fn spawn_all<F, R>(
        &self,
        futures: Vec<F>,
        mut report: impl FnMut() -> R,
    ) -> Vec<JoinHandle<R::Value>>
    where
        F: Future + Send + 'static,
        R: Report<F::Output>,
    {
        let prepare = |future| self.prepare(future, report());
        let (members, handles): (Vec<_>, Vec<_>) = futures.into_iter().map(prepare).unzip();
        self.start_all(members, handles.iter().map(JoinHandle::abort_handle).collect());
        handles
    }

    /// A child that [`start_all`](Self::start_all) starts.
    pub(crate) fn prepare<F, R>(&self, future: F, report: R) -> (Prepared, JoinHandle<R::Value>)
    where
        F: Future + Send + 'static,
        R: Report<F::Output>,
    {
        let spawn = Spawn::on(self.runtime).at(self.opened_at);
        self.group.prepare(&self.inside, spawn, future, report)
    }

    pub(crate) fn start_all(&self, children: Vec<Prepared>, handles: Vec<AbortHandle>) {
        self.group.start_all(children, handles);
    }

    /// `Ready` once each child has ended. The waker of the last call counts.
    pub(crate) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.group.set_owner(cx.waker());
        if self.group.try_end() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Pending when something around the children ends them: whoever waits for them there is about to be dropped.
    ///
    /// # Panics
    /// When whoever waits was carried out of there.
    pub(crate) fn poll_wanted(&self) -> Poll<()> {
        if context::is_ending() {
            return Poll::Pending; // They may have been refused, or ended before the task that waits.
        }
        if !self.group.request().is_urgent() {
            return Poll::Ready(());
        }
        assert!(
            self.is_in_place(),
            "the children of {} were ended together with what surrounded them where they were started, and are awaited \
             elsewhere or behind a shield; await them there, or use a JoinSet",
            self.opened_at
        );
        Poll::Pending
    }

    /// Whether the code that calls is surrounded by what surrounded the start, without a shield in between: then it ends
    /// with the children.
    fn is_in_place(&self) -> bool {
        let here = scope::current();
        let around = self.outside.facts().next();
        let is_around = |fact: &&Fact| around.is_some_and(|around| std::ptr::eq(*fact, around));
        let is_shield = |fact: &Fact| matches!(fact, Fact::Scope(scope) if scope.is_shield());
        self.opened_by == context::task_id()
            && (around.is_none() || here.facts().any(|fact| is_around(&fact)))
            && !here.facts().take_while(|fact| !is_around(fact)).any(is_shield)
    }

    /// Lets the children go on as tasks of their own.
    pub(crate) fn let_go(mut self) {
        self.is_let_go = true;
        drop(self.group.close()); // Nobody wakes them all any more.
        self.group.set_owner(Waker::noop());
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        if !self.is_let_go && !self.group.has_ended() {
            end_in_place(Arc::clone(&self.group), self.outside.clone());
        }
    }
}

impl fmt::Debug for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.fmt(f)
    }
}

/// The group, as what surrounds it knows it.
// Why not the group itself: its members hold it, so that it would still be found when they were let go.
struct Leash(Arc<Group>);

impl Scope for Leash {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn request(&self) -> &Request {
        self.0.request()
    }

    fn cancel(&self, reason: &Reason, urgency: Urgency) {
        self.0.cancel(reason, urgency);
    }

    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_ended(cx)
    }

    fn has_report(&self) -> bool {
        self.0.has_report()
    }
}

/// The output of a task that has ended.
pub(crate) fn take_output<T>(handle: &mut JoinHandle<T>) -> Result<T, JoinError> {
    let cx = &mut Context::from_waker(Waker::noop());
    // Why: whoever waited has spent its unit of budget.
    let output = coop::with_budget(Budget::UNLIMITED, || Pin::new(handle).poll(cx));
    let Poll::Ready(output) = output else { unreachable!("a finished task gives its output") };
    output
}
