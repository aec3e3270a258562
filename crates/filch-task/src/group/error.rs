//! Why a group failed: [`GroupError`].

use super::state::{End, Group};
use filch_core::context;
use filch_core::scope::{Reason, Scope};
use filch_core::task::{Id, JoinError};
use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;

/// A group failed, or was ended before its body had a value.
///
/// It has every error and every panic of the group: in the order in which they came, or of a group that is
/// [`ordered`](crate::GroupBuilder::ordered) in the order in which the children were spawned, the body last. Children that
/// were canceled are no failures. A group without failures was canceled, or its deadline has passed.
pub struct GroupError<E = crate::Error> {
    failures: Vec<Failure<E>>,
    end: Option<End>,
    reason: Option<Reason>,
    name: Option<Box<str>>,
    opened_at: &'static Location<'static>,
}

/// What became of a child that failed, or of the body.
pub struct Failure<E = crate::Error> {
    cause: Cause<E>,
    child: Option<Origin>,
}

/// How a child failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause<E = crate::Error> {
    /// It returned this error.
    Error(E),
    /// It panicked.
    Panic(JoinError),
}

/// Which child it was.
struct Origin {
    id: Id,
    name: Option<Box<str>>,
    spawned_at: &'static Location<'static>,
}

impl<E> GroupError<E> {
    pub(super) fn of(group: &Group, failures: Vec<Failure<E>>) -> Self {
        GroupError {
            failures,
            end: group.end(),
            reason: group.request().reason(),
            name: group.name().map(Into::into),
            opened_at: group.opened_at(),
        }
    }

    /// All failures.
    pub fn failures(&self) -> &[Failure<E>] {
        &self.failures
    }

    /// All failures.
    pub fn into_failures(self) -> Vec<Failure<E>> {
        self.failures
    }

    /// The first failure: without an order of its own, the one that ended the group.
    pub fn first(&self) -> Option<&Failure<E>> {
        self.failures.first()
    }

    /// The errors among the failures.
    pub fn errors(&self) -> impl Iterator<Item = &E> {
        self.failures.iter().filter_map(Failure::error)
    }

    /// The panics among the failures.
    pub fn panics(&self) -> impl Iterator<Item = &JoinError> {
        self.failures.iter().filter_map(Failure::panic)
    }

    /// Parts the failures by a predicate, as Python's `except*` does: those for which it holds, and the rest.
    ///
    /// A part without failures is `None`, but for a group that had none, which is the rest.
    pub fn split(
        self,
        mut predicate: impl FnMut(&Failure<E>) -> bool,
    ) -> (Option<GroupError<E>>, Option<GroupError<E>>) {
        if self.failures.is_empty() {
            return (None, Some(self));
        }
        let GroupError { failures, end, reason, name, opened_at } = self;
        let (matching, rest): (Vec<_>, Vec<_>) =
            failures.into_iter().partition(|failure| predicate(failure));
        let part = |failures: Vec<Failure<E>>| {
            let (reason, name) = (reason.clone(), name.clone());
            (!failures.is_empty()).then_some(GroupError { failures, end, reason, name, opened_at })
        };
        (part(matching), part(rest))
    }

    /// Whether the group was canceled, by [`TaskGroup::cancel`](crate::TaskGroup::cancel) or by what surrounds it, before
    /// anything in it failed.
    pub fn is_cancelled(&self) -> bool {
        self.end == Some(End::Asked)
    }

    /// Whether the group's own deadline ended it.
    pub fn is_elapsed(&self) -> bool {
        self.end == Some(End::Elapsed)
    }

    /// Why the group was ended early, in words.
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// The group's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where the group was opened.
    pub fn opened_at(&self) -> &'static Location<'static> {
        self.opened_at
    }
}

impl<E> Failure<E> {
    /// Of the child whose poll or drop this is.
    pub(super) fn of_child(cause: Cause<E>) -> Self {
        let child = context::task().map(|task| Origin {
            id: task.id(),
            name: task.name().map(Into::into),
            spawned_at: task.spawned_at(),
        });
        Failure { cause, child }
    }

    pub(super) fn of_body(error: E) -> Self {
        Failure { cause: Cause::Error(error), child: None }
    }

    /// What happened.
    pub fn cause(&self) -> &Cause<E> {
        &self.cause
    }

    /// What happened.
    pub fn into_cause(self) -> Cause<E> {
        self.cause
    }

    /// The error, if it was one.
    pub fn error(&self) -> Option<&E> {
        match &self.cause {
            Cause::Error(error) => Some(error),
            Cause::Panic(_) => None,
        }
    }

    /// The panic, if it was one.
    pub fn panic(&self) -> Option<&JoinError> {
        match &self.cause {
            Cause::Error(_) => None,
            Cause::Panic(panic) => Some(panic),
        }
    }

    /// Whether it was the body that failed, and no child.
    pub fn is_body(&self) -> bool {
        self.child.is_none()
    }

    /// The child's task.
    pub fn id(&self) -> Option<Id> {
        self.child.as_ref().map(|child| child.id)
    }

    /// The child's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.child.as_ref()?.name.as_deref()
    }

    /// Where the child was spawned.
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        self.child.as_ref().map(|child| child.spawned_at)
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task group ")?;
        if let Some(name) = &self.name {
            write!(f, "{name:?} ")?;
        }
        match (self.failures.as_slice(), &self.reason) {
            ([], Some(reason)) => write!(f, "was ended: {reason}"),
            ([], None) => write!(f, "was ended"),
            ([failure], _) => write!(f, "failed: {failure}"),
            ([first, rest @ ..], _) => {
                write!(f, "has {} failures: {first}", self.failures.len())?;
                rest.iter().try_for_each(|failure| write!(f, "; {failure}"))
            }
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupError")
            .field("failures", &self.failures)
            .field("reason", &self.reason)
            .field("name", &self.name)
            .field("opened_at", &format_args!("{}", self.opened_at))
            .finish()
    }
}

impl<E: fmt::Debug + fmt::Display> StdError for GroupError<E> {}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.child {
            None => write!(f, "the body: ")?,
            Some(Origin { name: Some(name), .. }) => write!(f, "{name:?}: ")?,
            Some(Origin { spawned_at, .. }) => write!(f, "{spawned_at}: ")?,
        }
        match &self.cause {
            Cause::Error(error) => error.fmt(f),
            Cause::Panic(panic) => panic.fmt(f),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Failure");
        debug.field("cause", &self.cause);
        if let Some(child) = &self.child {
            debug.field("name", &child.name);
            debug.field("spawned_at", &format_args!("{}", child.spawned_at));
        }
        debug.finish()
    }
}
