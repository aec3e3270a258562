//! Locks, semaphores, events and channels for tasks, on any executor.
//!
//! Nothing here knows a runtime: the futures need only be polled, and the `blocking_…` methods need not even that. Beside
//! std there is `filch-core`, of which this crate uses the atomics, and the budget that makes a task yield when what it
//! awaits is always ready; under a foreign executor that budget is unlimited.
//!
//! | to | use |
//! |---|---|
//! | let one task at a time use a value, across an `await` | [`Mutex`] |
//! | let many tasks read a value, or one write it | [`RwLock`] |
//! | let at most *n* tasks do something | [`Semaphore`] |
//! | as above, and refuse permits that are given back twice | [`BoundedSemaphore`] |
//! | as above, with an *n* that changes, and know who they are | [`CapacityLimiter`] |
//! | wake one task, or all | [`Notify`] |
//! | let tasks wait until something has happened | [`Event`] |
//! | let tasks wait until a locked value has changed | [`Condition`] |
//! | let *n* tasks wait for each other | [`Barrier`] |
//! | wait until all jobs are done | [`WaitGroup`] |
//! | make a value once, when it is first asked for | [`OnceCell`] |
//! | set a value once, and wait for it | [`SetOnce`] |
//! | promise a value to many, who may call it off | [`Promise`] |
//! | tell a tree of tasks to end, and why | [`CancellationToken`] |
//! | hand over one value | [`oneshot`] |
//! | hand over many values | [`mpsc`] |
//! | hand over many values, each to one of many receivers | [`mpmc`] |
//! | hand over values without a buffer | [`rendezvous`] |
//! | hand over many values, each to every receiver | [`broadcast`] |
//! | tell many of the latest value | [`watch`] |
//! | queue work, and wait until all of it is done | [`Queue`], [`PriorityQueue`], [`LifoQueue`] |
//!
//! **Invariants:** a future that waits allocates nothing. (A `blocking_…` method does, for its thread; and a receiver of
//! [`mpmc`] or [`rendezvous`], once, when it is first polled without a future, as a stream.) A future that was granted
//! something and is dropped before it could take it passes it on. Wakers, and drops of values, run while no lock of this
//! crate is held. A waker that panics does not keep others from being woken.

mod blocking;
mod budget;
mod gate;
mod latch;
mod lock;
#[cfg(all(test, filch_loom))]
mod model;
#[cfg(all(test, filch_shuttle))]
mod shuttle_tests;
#[cfg(doctest)]
#[path = "../tests/it/compile_fail.rs"]
mod variance_tests;
mod wait_queue;

mod notify;

mod barrier;
mod bounded_semaphore;
mod cancellation;
mod capacity_limiter;
mod condition;
mod event;
mod mutex;
mod once_cell;
mod promise;
mod rwlock;
mod semaphore;
mod set_once;
mod wait_group;

pub mod broadcast;
pub mod mpmc;
pub mod mpsc;
pub mod oneshot;
pub mod queue;
pub mod rendezvous;
pub mod watch;

pub use barrier::{Barrier, BarrierWaitResult, BrokenBarrierError};
pub use bounded_semaphore::{
    BoundedSemaphore, BoundedSemaphorePermit, OverReleaseError, OwnedBoundedSemaphorePermit,
};
pub use cancellation::{
    CancellationToken, DropGuard, DropGuardRef, Reason, WaitForCancellationFuture,
    WaitForCancellationFutureOwned,
};
pub use capacity_limiter::{
    AlreadyBorrowingError, CapacityLimiter, CapacityLimiterStatistics, CapacityToken,
    OwnedCapacityToken, TryBorrowError,
};
pub use condition::{Condition, ConditionGuard};
pub use event::Event;
pub use mutex::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};
pub use notify::Notify;
pub use once_cell::{OnceCell, SetError};
pub use promise::{CallbackId, Promise, PromiseError, PromiseSetter, TooLate};
pub use queue::{LifoQueue, PriorityQueue, Queue};
pub use rwlock::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockUpgradableReadGuard,
    OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard,
};
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};
pub use set_once::{SetOnce, SetOnceError};
pub use wait_group::{OwnedWaitGroupToken, WaitGroup, WaitGroupToken};

/// The futures behind the methods, for those who need to name them.
pub mod futures {
    pub use crate::notify::{Notified, OwnedNotified};
    pub use crate::promise::{OwnedPromiseFuture, PromiseFuture};
}
