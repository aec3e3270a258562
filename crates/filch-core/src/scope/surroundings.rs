//! What a task inherits: a list from the innermost fact outwards.

use super::{Scope, chain};
use std::any::Any;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

/// One thing that surrounds code.
#[derive(Clone)]
pub enum Fact {
    /// Whoever is outside will not wait any longer than until then.
    Deadline(Instant),
    /// A context value, under the address of its key.
    Value(usize, Arc<dyn Any + Send + Sync>),
    /// A scope.
    Scope(Arc<dyn Scope>),
}

impl Fact {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Fact::Deadline(at) => Some(*at),
            Fact::Scope(scope) => scope.deadline(),
            Fact::Value(..) => None,
        }
    }

    pub(super) fn is_shield(&self) -> bool {
        matches!(self, Fact::Scope(scope) if scope.is_shield())
    }
}

/// What surrounds a task from its first poll to its end. Shared, one word, never changed.
#[derive(Clone, Default)]
pub struct Surroundings(Option<Arc<Link>>);

pub(super) struct Link {
    pub(super) fact: Fact,
    pub(super) outer: Surroundings,
}

impl Surroundings {
    /// Nothing.
    pub const EMPTY: Surroundings = Surroundings(None);

    pub(super) fn new(link: Link) -> Self {
        Surroundings(Some(Arc::new(link)))
    }

    /// These, and `fact` closer than all of them.
    pub fn with(&self, fact: Fact) -> Self {
        Surroundings::new(Link { fact, outer: self.clone() })
    }

    /// All but the innermost; `None` when there are none at all.
    pub(super) fn outer(&self) -> Option<&Surroundings> {
        self.0.as_deref().map(|link| &link.outer)
    }

    /// Whether they are the very same, not only alike.
    pub(super) fn is(&self, other: &Surroundings) -> bool {
        self.0.as_ref().map(Arc::as_ptr) == other.0.as_ref().map(Arc::as_ptr)
    }

    /// Whether they are one fact inside of exactly those.
    pub(super) fn is_right_inside(&self, outer: &Surroundings) -> bool {
        self.outer().is_some_and(|own| own.is(outer))
    }

    /// From the innermost outwards.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        let mut next = self.0.as_deref();
        std::iter::from_fn(move || {
            let link = next?;
            next = link.outer.0.as_deref();
            Some(&link.fact)
        })
    }

    /// The innermost scope.
    pub fn nearest_scope(&self) -> Option<&Arc<dyn Scope>> {
        self.scopes().next()
    }

    /// From the innermost outwards.
    pub fn scopes(&self) -> impl Iterator<Item = &Arc<dyn Scope>> {
        self.facts().filter_map(|fact| match fact {
            Fact::Scope(scope) => Some(scope),
            _ => None,
        })
    }

    /// The earliest deadline, up to the closest shield.
    pub fn deadline(&self) -> Option<Instant> {
        let mut is_behind_shield = false;
        let in_reach =
            self.facts().take_while(|fact| !mem::replace(&mut is_behind_shield, fact.is_shield()));
        in_reach.filter_map(Fact::deadline).min()
    }

    /// The innermost value under this key.
    pub fn value(&self, key: usize) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.facts().find_map(|fact| match fact {
            Fact::Value(other, value) if *other == key => Some(value),
            _ => None,
        })
    }
}

/// What the code that calls is surrounded by, which is what it would hand to a task.
pub fn current() -> Surroundings {
    chain::surroundings()
}

/// What the task in a poll on this thread was spawned in, without a count; nothing outside of a task.
#[inline]
pub fn with_inherited<R>(f: impl FnOnce(&Surroundings) -> R) -> R {
    crate::context::with_inherited(f)
}

/// When the code that calls will be ended: the earliest deadline around it, up to the closest shield. Deadlines of other
/// tasks count as well.
pub fn deadline() -> Option<Instant> {
    let (here, is_shielded) = chain::deadline_of_frames();
    if is_shielded {
        return here;
    }
    here.into_iter().chain(crate::context::inherited().deadline()).min()
}

/// The scope closest around the code that calls.
pub fn nearest_scope() -> Option<Arc<dyn Scope>> {
    current().nearest_scope().cloned()
}

/// The context value under this key.
pub fn value(key: usize) -> Option<Arc<dyn Any + Send + Sync>> {
    current().value(key).cloned()
}

impl Drop for Surroundings {
    // Why: the list may be long, and each link would drop the next one further down the stack.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(mut link) = next.and_then(Arc::into_inner) {
            next = link.outer.0.take();
        }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.facts()).finish()
    }
}

impl fmt::Debug for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Deadline(at) => f.debug_tuple("Deadline").field(at).finish(),
            Fact::Value(key, _) => write!(f, "Value({key:#x})"),
            Fact::Scope(scope) => f.debug_tuple("Scope").field(scope.request()).finish(),
        }
    }
}
