//! Tasks as a user sees them: spawning, joining, listing.
//!
//! Read on in this order:
//! - [`spawn`], [`spawn_many`], [`spawn_local`], [`spawn_blocking`]: start something, get a [`JoinHandle`].
//! - [`to_thread`], [`run_in_executor`]: await a call that blocks. [`compute`]: await one that computes.
//! - [`Builder`]: the same with a name.
//! - [`yield_now`] and [`coop`]: let others run.
//! - [`TaskGroup`], its [`Child`]ren and [`GroupError`]: tasks that end together. The heart; `group/mod.rs` leads on.
//! - [`gather`](gather()), [`try_gather`], [`race`](race()), [`as_completed`](as_completed()): groups without a body
//!   (`children.rs`).
//! - [`wait`](wait()): looks at tasks that go on. [`JoinSet`]: tasks that are joined in the order in which they end.
//! - [`AbortOnDropHandle`]: a task that ends with its handle.
//! - [`CancelScope`], [`fail_after`], [`move_on_after`], [`deadline`](deadline()), [`checkpoint`]: end what is inside early.
//! - [`cancelled`](cancelled()), [`is_cancelled`]: hear of that, and say goodbye.
//! - [`shield`], [`defer_async`]: what must be done all the same.
//! - [`scope_blocking`], [`local_scope`]: children that borrow.
//! - [`context!`](crate::context!), [`task_local!`](crate::task_local!): values that surround code.
//! - [`all_tasks`], [`current_task`], [`id`]: which tasks there are, and which one this is.
//!
//! The task cell is `filch-core`'s, and a scheduler runs it; nothing here queues a runnable. Users' futures are polled here
//! only by what wraps them (a group's member, a cancel scope's run), which a task or a `block_on` polls in turn.
//! **Invariant:** whatever a function here starts, it starts on the runtime that `RuntimeRef::current` names at the call.

mod abort_on_drop;
mod as_completed;
mod builder;
mod call;
mod cancel_scope;
mod cancelled;
mod children;
mod compute;
mod context_value;
pub mod coop;
mod deadline;
mod deferred;
mod error;
mod gather;
mod group;
mod info;
pub mod join_set;
mod local_scope;
mod once;
mod race;
mod ready;
mod scope_blocking;
mod shield;
mod spawn;
mod spawn_many;
mod task_local;
mod to_thread;
mod wait;
mod yield_now;

pub use abort_on_drop::AbortOnDropHandle;
pub use as_completed::{AsCompleted, as_completed};
pub use builder::Builder;
pub use call::Call;
pub use cancel_scope::{CancelScope, Cancelled, ScopeCancel};
pub use cancelled::{cancelled, is_cancelled};
pub use compute::compute;
pub use context_value::{ContextFuture, ContextKey};
pub use coop::{consume_budget, unconstrained};
pub use deadline::{MoveOn, checkpoint, deadline, fail_after, fail_at, move_on_after, move_on_at};
pub use deferred::{DeferGuard, defer_async};
pub use error::Error;
pub use filch_core::scope::{Reason, Urgency};
pub use filch_core::task::{AbortHandle, Cancel, Id, JoinError, JoinHandle, Outcome};
pub use gather::{Gather, Settled, TryGather, gather, try_gather};
#[doc(hidden)]
pub use gather::{Gathering, Part};
pub use group::{
    CancelGroup, Cause, Child, ChildBuilder, Failure, GroupBuilder, GroupError, Started, TaskGroup,
};
pub use info::{TaskInfo, all_tasks, current_task, id, try_id};
pub use join_set::JoinSet;
pub use local_scope::{LocalChild, LocalScope, local_scope, try_local_scope};
pub use race::{Race, race};
pub use scope_blocking::{BlockingScope, ScopedHandle, scope_blocking};
pub use shield::{Shield, shield};
pub use spawn::{create_task, spawn, spawn_blocking, spawn_local};
pub use spawn_many::spawn_many;
pub use task_local::{AccessError, LocalKey, TaskLocalFuture};
pub use to_thread::{run_in_executor, to_thread};
pub use wait::{All, FirstCompleted, FirstError, Until, Wait, Waited, wait};
pub use yield_now::{YieldNow, yield_now};

pub mod futures {
    //! Futures by the names that they have in tokio.
    pub use crate::TaskLocalFuture;
}
