//! Work that outlives whoever started it: what awaits it instead.

use crate::runtime::{Root, RuntimeRef};
use crate::scope::{Fact, Reason, Request, Scope, Surroundings, Urgency};
use crate::sys::sync::atomic::AtomicUsize;
use crate::sys::sync::atomic::Ordering::Relaxed;
use std::any::Any;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What surrounds an adopted task: no request and no deadline of anybody reaches it.
///
/// It is counted by its adopter, if one was found, and by its runtime: when that ends, adopted work has a grace.
struct Adoption {
    adopter: Option<Arc<dyn Scope>>,
    /// None when the runtime ended before.
    root: Option<Arc<Root>>,
    /// How many of those that this has taken on are awaited by the root only, because the adopter was gone.
    n_orphans: AtomicUsize,
    /// Nobody makes it.
    request: Request,
}

/// Has the nearest scope that takes it adopt a task of `runtime`, which must be a member of the answer: the values of
/// `around` and the adoption.
pub(super) fn adopted_from(around: &Surroundings, runtime: RuntimeRef) -> Surroundings {
    let root = runtime.root();
    root.iter().for_each(|root| root.wait_for(1));
    let adopter = around.scopes().find(|scope| scope.adopt(1)).cloned();
    let adoption =
        Adoption { adopter, root, n_orphans: AtomicUsize::new(0), request: Request::new() };
    let values: Vec<_> = around.facts().filter(|fact| matches!(fact, Fact::Value(..))).collect();
    let outermost = Surroundings::EMPTY.with(Fact::Scope(Arc::new(adoption)));
    values.into_iter().rev().fold(outermost, |inner, value| inner.with(value.clone()))
}

impl Scope for Adoption {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn request(&self) -> &Request {
        &self.request
    }

    fn cancel(&self, _: &Reason, _: Urgency) {}

    fn poll_ended(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(()) // Nothing is opened by it: no frame knows it.
    }

    fn member_ended(&self) {
        self.adopter.iter().for_each(|adopter| adopter.adoptee_ended());
        self.root.iter().for_each(|root| root.let_go());
    }

    fn adopt(&self, n: usize) -> bool {
        let is_taken = self.adopter.as_ref().is_some_and(|adopter| adopter.adopt(n));
        if !is_taken && self.root.is_none() {
            return false;
        }
        if !is_taken {
            self.n_orphans.fetch_add(n, Relaxed);
        }
        self.root.iter().for_each(|root| root.wait_for(n));
        true
    }

    fn adoptee_ended(&self) {
        // Why any of them, and the orphans first: which task this one is nobody knows, and an adopter, which takes none any
        // more when there is an orphan, may hear of an end too late, but not too early. The root counts all of them.
        // Why Relaxed: a count; each end comes after its own adoption.
        let is_orphan = self.n_orphans.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok();
        if !is_orphan {
            self.adopter.iter().for_each(|adopter| adopter.adoptee_ended());
        }
        self.root.iter().for_each(|root| root.let_go());
    }

    fn is_shield(&self) -> bool {
        true
    }

    fn has_grace(&self) -> bool {
        true
    }
}
