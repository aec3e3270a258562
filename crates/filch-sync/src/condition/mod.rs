//! Waits for a change of what a mutex protects.
//!
//! It keeps nothing: a notification while nobody waits is gone, for whoever comes later looks at the value first. It does
//! not know which mutex its waiters came from.
//!
//! A waiter is queued *before* it unlocks. So whoever locks next, changes the value and notifies finds it in the queue:
//! there is no moment in which the waiter has decided to wait and cannot be reached.
//!
//! **Invariant:** a notification by number ends with a waiter that returns from `wait`, or with an empty queue. A waiter
//! that was notified owes it until it has its lock again, and passes it on if it is dropped before.

mod guard;
#[cfg(all(test, filch_loom))]
mod loom_tests;

use crate::blocking::block_on;
use crate::budget;
use crate::lock::foreign;
use crate::wait_queue::{End, Entry, Grant, Locked, Seat, WaitQueue, Waitable, Waiter};
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::pin::pin;

pub use guard::ConditionGuard;

/// One of a number of waiters was notified: another one is if this one is gone.
const ONE: Grant = Grant(0);
/// All were notified.
const ALL: Grant = Grant(1);

/// Lets tasks wait until what a [`Mutex`](crate::Mutex) protects has changed.
///
/// A wait takes the guard and gives back another one: while it lasts, there is no guard, and others can lock. The value may
/// be anything when it returns, so wait in a loop or with [`wait_for`](Self::wait_for). Change the value first and notify
/// then, under the lock or after it.
///
/// Waiters are notified in the order in which they came. Several conditions may share a mutex, which tells apart those who
/// wait for different things. One condition may be used with several mutexes at once; then a notification may reach
/// a waiter of another mutex than the notifier had in mind, which [`notify_all`](Self::notify_all) makes up for.
///
/// # Examples
///
/// ```
/// use filch_sync::{Condition, Mutex};
///
/// static JOBS: Mutex<Vec<&str>> = Mutex::new(Vec::new());
/// static ADDED: Condition = Condition::new();
///
/// let thread = std::thread::spawn(|| {
///     JOBS.blocking_lock().push("sweep");
///     ADDED.notify_one();
/// });
/// # futures_lite::future::block_on(async {
/// let mut jobs = ADDED.wait_for(JOBS.lock().await, |jobs| !jobs.is_empty()).await;
/// assert_eq!(jobs.pop(), Some("sweep"));
/// # });
/// # thread.join().unwrap();
/// ```
pub struct Condition {
    /// How many waits have begun. Written under the queue's lock.
    n_begun: AtomicUsize,
    queue: WaitQueue,
}

impl Condition {
    filch_core::const_new! {
        /// Makes one that nobody waits for.
        pub const fn new() -> Self {
            Condition { n_begun: AtomicUsize::new(0), queue: WaitQueue::new() }
        }
    }

    /// Unlocks, waits for a notification, and locks again.
    ///
    /// It counts as waiting before the lock is free. It returns only when it was notified, but another task may have had
    /// the lock between.
    ///
    /// # Cancel safety
    /// The guard is lost, so nobody can use it without its lock. A notification that this wait received, and did not live
    /// to return with, goes to the next waiter. The value is as others left it.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Condition, Mutex};
    ///
    /// # futures_lite::future::block_on(async {
    /// let (ready, changed) = (Mutex::new(false), Condition::new());
    /// let waiter = async {
    ///     let mut guard = ready.lock().await;
    ///     while !*guard {
    ///         guard = changed.wait(guard).await;
    ///     }
    /// };
    /// let notifier = async {
    ///     *ready.lock().await = true;
    ///     changed.notify_one();
    /// };
    /// futures_lite::future::zip(waiter, notifier).await;
    /// # });
    /// ```
    pub async fn wait<G: ConditionGuard>(&self, guard: G) -> G {
        let mutex = guard.mutex();
        let notification = self.notified(guard).await;
        let guard = G::lock(mutex).await;
        notification.arrived();
        guard
    }

    /// Waits until `predicate` holds. Returns at once if it does.
    ///
    /// The predicate is called with the lock held: first, and after each notification.
    ///
    /// # Cancel safety
    /// As for [`wait`](Self::wait). A notification after which the predicate did not hold is used up.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Condition, Mutex};
    ///
    /// # futures_lite::future::block_on(async {
    /// let (level, rising) = (Mutex::new(0), Condition::new());
    /// let waiter = async { *rising.wait_for(level.lock().await, |level| *level >= 3).await };
    /// let riser = async {
    ///     for _ in 0..3 {
    ///         *level.lock().await += 1;
    ///         rising.notify_all();
    ///         futures_lite::future::yield_now().await;
    ///     }
    /// };
    /// assert_eq!(futures_lite::future::zip(waiter, riser).await.0, 3);
    /// # });
    /// ```
    pub async fn wait_for<G, F>(&self, mut guard: G, mut predicate: F) -> G
    where
        G: ConditionGuard,
        F: FnMut(&mut <G as Deref>::Target) -> bool,
    {
        if foreign(|| predicate(&mut guard)) {
            budget::spend().await;
            return guard;
        }
        loop {
            guard = self.wait(guard).await;
            if foreign(|| predicate(&mut guard)) {
                return guard;
            }
        }
    }

    /// Blocks the thread until it is notified and has its lock again. For threads that are not part of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Condition, Mutex};
    ///
    /// static READY: Mutex<bool> = Mutex::new(false);
    /// static CHANGED: Condition = Condition::new();
    ///
    /// let thread = std::thread::spawn(|| {
    ///     *READY.blocking_lock() = true;
    ///     CHANGED.notify_one();
    /// });
    /// let mut ready = READY.blocking_lock();
    /// while !*ready {
    ///     ready = CHANGED.blocking_wait(ready);
    /// }
    /// # thread.join().unwrap();
    /// ```
    pub fn blocking_wait<G: ConditionGuard>(&self, guard: G) -> G {
        block_on(self.wait(guard))
    }

    /// Blocks the thread until `predicate` holds. For threads that are not part of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Condition, Mutex};
    ///
    /// static READY: Mutex<bool> = Mutex::new(false);
    /// static CHANGED: Condition = Condition::new();
    ///
    /// let thread = std::thread::spawn(|| {
    ///     *READY.blocking_lock() = true;
    ///     CHANGED.notify_one();
    /// });
    /// assert!(*CHANGED.blocking_wait_for(READY.blocking_lock(), |ready| *ready));
    /// # thread.join().unwrap();
    /// ```
    pub fn blocking_wait_for<G, F>(&self, guard: G, predicate: F) -> G
    where
        G: ConditionGuard,
        F: FnMut(&mut <G as Deref>::Target) -> bool,
    {
        block_on(self.wait_for(guard, predicate))
    }

    /// Notifies the one who has waited longest, if there is one.
    ///
    /// Enough if whoever is woken can use what has changed; if they wait for different things, use
    /// [`notify_all`](Self::notify_all).
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Condition, Mutex};
    ///
    /// # futures_lite::future::block_on(async {
    /// let (free, freed) = (Mutex::new(0), Condition::new());
    /// let take = async { *freed.wait_for(free.lock().await, |free| *free > 0).await -= 1 };
    /// let give = async {
    ///     *free.lock().await += 1;
    ///     freed.notify_one();
    /// };
    /// futures_lite::future::zip(take, give).await;
    /// assert_eq!(free.into_inner(), 0);
    /// # });
    /// ```
    #[inline]
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Notifies the `n` who have waited longest, or all if there are fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Condition, Mutex};
    ///
    /// # futures_lite::future::block_on(async {
    /// let (free, freed) = (Mutex::new(0), Condition::new());
    /// let take = async || *freed.wait_for(free.lock().await, |free| *free > 0).await -= 1;
    /// let give = async {
    ///     *free.lock().await += 2;
    ///     freed.notify(2);
    /// };
    /// futures_lite::future::zip(futures_lite::future::zip(take(), take()), give).await;
    /// assert_eq!(free.into_inner(), 0);
    /// # });
    /// ```
    pub fn notify(&self, n: usize) {
        self.wake(n, ONE);
    }

    /// Notifies all who wait at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Condition, Mutex};
    ///
    /// # futures_lite::future::block_on(async {
    /// let (open, opened) = (Mutex::new(false), Condition::new());
    /// let enter = async || drop(opened.wait_for(open.lock().await, |open| *open).await);
    /// let porter = async {
    ///     *open.lock().await = true;
    ///     opened.notify_all();
    /// };
    /// futures_lite::future::zip(futures_lite::future::zip(enter(), enter()), porter).await;
    /// # });
    /// ```
    pub fn notify_all(&self) {
        self.wake(usize::MAX, ALL);
    }

    fn wake(&self, n: usize, grant: Grant) {
        let mut list = self.queue.lock();
        // Why: who comes while the lock is free between two batches is not meant.
        let end = self.n_begun.load(Relaxed);
        for _ in 0..n {
            if list.is_full() {
                list.relieve();
            }
            match list.seat(End::Front) {
                Some(seat) if is_before(seat.key, end) => list.grant_front(grant),
                _ => return,
            };
        }
    }

    /// Waits for a notification; unlocks, by the drop of `guard`, when it is queued.
    async fn notified<G>(&self, guard: G) -> Notification<'_> {
        let waiter = pin!(Waiter::new(self, 0));
        let mut guard = Some(guard);
        let grant = poll_fn(|cx| {
            let notified = waiter.as_ref().poll(Some(cx.waker()));
            drop(guard.take());
            notified
        })
        .await;
        Notification { condition: self, grant }
    }
}

/// Whether the wait with this number began before that one. The count may wrap.
fn is_before(one: usize, other: usize) -> bool {
    other.wrapping_sub(one).wrapping_sub(1) < usize::MAX / 2
}

/// A notification that was received, and is owed to the next waiter until its receiver has its lock.
#[must_use = "dropped, it is passed on"]
struct Notification<'a> {
    condition: &'a Condition,
    grant: Grant,
}

impl Notification<'_> {
    fn arrived(self) {
        std::mem::forget(self);
    }
}

impl Drop for Notification<'_> {
    fn drop(&mut self) {
        self.condition.pass_on(self.grant);
    }
}

impl Condition {
    fn pass_on(&self, grant: Grant) {
        if grant == ONE {
            self.notify_one();
        }
    }
}

// SAFETY: `queue` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl Waitable for Condition {
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn enter(&self, _list: &mut Locked<'_>, _seat: Seat) -> Entry {
        let number = self.n_begun.load(Relaxed);
        self.n_begun.store(number.wrapping_add(1), Relaxed);
        Entry::Queue(End::Back, number)
    }

    fn left(&self, _list: &mut Locked<'_>) {}

    fn forward(&self, grant: Option<Grant>, _seat: Seat) {
        if let Some(grant) = grant {
            self.pass_on(grant);
        }
    }
}

impl Default for Condition {
    fn default() -> Self {
        Condition::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").finish_non_exhaustive()
    }
}
