//! What surrounds running code: deadlines, scopes that may end it, context values.
//!
//! There are two views of one chain:
//! - While a future is polled, whatever surrounds it is a [`Frame`] on the stack of polls. [`Frame::enter`] puts it there.
//! - What is spawned inside inherits the chain as [`Surroundings`], a list that is shared and never changes.
//!
//! A frame also knows the [`Scope`]s that were opened inside of it and have not ended. So whoever has to end a future early
//! (a timeout, say) can first end those, awaiting their tasks, and drop the future when nothing is left that a drop would
//! have to wait for.
//!
//! Decides nothing: what a deadline or a request does is up to the scopes.
//! **Invariant:** the chain of a poll is reached from its own thread only, while the poll lasts.

pub(crate) mod chain;
mod enclosed;
mod request;
mod surroundings;
#[cfg(all(test, not(filch_loom)))]
mod tests;

pub use chain::{Frame, is_due_outside, is_innermost, is_inside, is_shielded, register};
pub use enclosed::Enclosed;
pub use request::{Reason, Request, Urgency, Watch};
pub use surroundings::{
    Fact, Surroundings, current, deadline, nearest_scope, value, with_inherited,
};

use std::any::Any;
use std::task::{Context, Poll};
use std::time::Instant;

/// Something that surrounds code and can be asked to end it.
pub trait Scope: Any + Send + Sync {
    /// The scope itself, for who knows its type.
    fn as_any(&self) -> &dyn Any;

    /// When it ends what is inside by itself.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// What it was asked for. Everybody inside may look and wait.
    fn request(&self) -> &Request;

    /// Asks it, and what was opened inside of it, to end. Blocks nobody and drops no future on this thread.
    fn cancel(&self, reason: &Reason, urgency: Urgency);

    /// `Ready` when no task of it lives and none can come any more. The waker of the last call counts.
    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// A task spawned as [a member](crate::task::Spawn::member_of) has ended: its future is dropped and its output stored.
    fn member_ended(&self) {}

    /// Takes on `n` more tasks to wait for, which [`cancel`](Self::cancel) does not reach: all or none. `false`: it has
    /// ended, or takes none. Each task taken on is followed by one [`adoptee_ended`](Self::adoptee_ended).
    fn adopt(&self, _n: usize) -> bool {
        false
    }

    /// A task that was taken on has ended.
    fn adoptee_ended(&self) {}

    /// Whether what is inside goes on, at present, although something further out asks it to end.
    fn is_shield(&self) -> bool {
        false
    }

    /// Whether it has failed, and whoever awaits it has not heard of that. When it is ended from further out, the code that
    /// awaits it is polled once more after its tasks have ended, so that no failure is lost.
    fn has_report(&self) -> bool {
        false
    }

    /// Whether tasks inside go on when their runtime begins to end, for as long as its grace lasts.
    fn has_grace(&self) -> bool {
        false
    }
}
