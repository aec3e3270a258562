//! Tasks as a user sees them: spawning, joining, listing.
//!
//! Read on in this order:
//! - [`spawn`], [`spawn_local`], [`spawn_blocking`]: start something, get a [`JoinHandle`].
//! - [`to_thread`]: await a call that blocks.
//! - [`Builder`]: the same with a name.
//! - [`yield_now`] and [`coop`]: let others run.
//! - [`JoinSet`]: tasks that are joined in the order in which they end.
//! - [`AbortOnDropHandle`]: a task that ends with its handle.
//! - [`all_tasks`], [`current_task`], [`id`]: which tasks there are, and which one this is.
//!
//! The task cell is `filch-core`'s, and a scheduler runs it; nothing here queues a runnable or polls a user's future.
//! **Invariant:** whatever a function here starts, it starts on the runtime that `RuntimeRef::current` names at the call.

mod abort_on_drop;
mod builder;
mod cancel_scope;
mod cancelled;
mod compute;
mod context_value;
pub mod coop;
mod deferred;
mod group;
mod info;
pub mod join_set;
mod local_scope;
mod scope_blocking;
mod shield;
mod spawn;
mod task_local;
mod to_thread;
mod yield_now;

pub use abort_on_drop::AbortOnDropHandle;
pub use builder::Builder;
pub use coop::{consume_budget, unconstrained};
pub use filch_core::task::{AbortHandle, Id, JoinError, JoinHandle};
pub use info::{TaskInfo, all_tasks, current_task, id, try_id};
pub use join_set::JoinSet;
pub use spawn::{create_task, spawn, spawn_blocking, spawn_local};
pub use to_thread::to_thread;
pub use yield_now::{YieldNow, yield_now};
