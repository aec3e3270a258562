//! Locks, semaphores, events and channels for tasks, on any executor.
//!
//! Nothing here knows a runtime: the futures need only be polled, and the `blocking_…` methods need not even that. Beside
//! std there is `filch-core`, of which this crate uses the atomics, and the budget that makes a task yield when what it
//! awaits is always ready; under a foreign executor that budget is unlimited.
//!
//! | to | use |
//! |---|---|
//! | let one task at a time use a value, across an `await` | [`Mutex`] |
//! | let at most *n* tasks do something | [`Semaphore`] |
//! | wake one task, or all | [`Notify`] |
//! | let tasks wait until something has happened | [`Event`] |
//! | hand over one value | [`oneshot`] |
//! | hand over many values | [`mpsc`] |
//!
//! **Invariants:** waiting allocates nothing. A future that was granted something and is dropped before it could take it
//! passes it on. Wakers, and drops of values, run while no lock of this crate is held. A waker that panics does not keep
//! others from being woken.

mod blocking;
#[cfg(all(test, filch_loom))]
mod model;
#[cfg(all(test, filch_shuttle))]
mod shuttle_tests;
mod wait_queue;

mod notify;

mod event;
mod mutex;
mod semaphore;

pub mod mpsc;
pub mod oneshot;

pub use event::Event;
pub use mutex::{Mutex, MutexGuard, OwnedMutexGuard, TryLockError};
pub use notify::Notify;
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};

/// The futures behind the methods, for those who need to name them.
pub mod futures {
    pub use crate::notify::{Notified, OwnedNotified};
}
