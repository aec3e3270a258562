//! Work that outlives whoever started it: what awaits it instead.

use crate::runtime::{Root, RuntimeRef};
use crate::scope::{Fact, Reason, Request, Scope, Surroundings, Urgency};
use std::sync::Arc;
use std::task::{Context, Poll};

/// What surrounds an adopted task: no request and no deadline of anybody reaches it.
///
/// It is counted by its adopter, if one was found, and by its runtime: when that ends, adopted work has a grace.
struct Adoption {
    adopter: Option<Arc<dyn Scope>>,
    /// None when the runtime ended before.
    root: Option<Arc<Root>>,
    /// Nobody makes it.
    request: Request,
}

/// Has the nearest scope that takes it adopt a task of `runtime`, which must be a member of the answer: the values of
/// `around` and the adoption.
pub(super) fn adopted_from(around: &Surroundings, runtime: RuntimeRef) -> Surroundings {
    let root = runtime.root();
    root.iter().for_each(|root| root.await_one());
    let adopter = around.scopes().find(|scope| scope.adopt()).cloned();
    let adoption = Adoption { adopter, root, request: Request::new() };
    let values: Vec<_> = around.facts().filter(|fact| matches!(fact, Fact::Value(..))).collect();
    let outermost = Surroundings::EMPTY.with(Fact::Scope(Arc::new(adoption)));
    values.into_iter().rev().fold(outermost, |inner, value| inner.with(value.clone()))
}

impl Scope for Adoption {
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

    fn adopt(&self) -> bool {
        match (&self.adopter, &self.root) {
            (Some(adopter), _) => adopter.adopt(),
            (None, Some(root)) => {
                root.await_one();
                true
            }
            (None, None) => false,
        }
    }

    fn adoptee_ended(&self) {
        match (&self.adopter, &self.root) {
            (Some(adopter), _) => adopter.adoptee_ended(),
            (None, root) => root.iter().for_each(|root| root.let_go()),
        }
    }

    fn is_shield(&self) -> bool {
        true
    }

    fn has_grace(&self) -> bool {
        true
    }
}
