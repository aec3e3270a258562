//! A meeting point for a fixed number of tasks, over and over.
//!
//! The queue holds those who wait; the one who completes a *round* is never queued. Rounds are numbered, and a waiter notes
//! the number of the one it joined: when the barrier's is another one, its round has ended. So a round ends at one instant
//! for all, although they are woken in batches, and a task that is early for the next round is never counted for this one.
//!
//! **Invariants**, whenever the queue is unlocked: waiters of an ended round stand before all others; if the barrier is
//! broken, they are those of the round that was broken off, else they have passed. A broken barrier lets nobody in.
//! `n_waiting` counts the waiters of the present round, and maybe one who is about to be dropped.

#[cfg(all(test, filch_loom))]
mod loom_tests;

use crate::blocking::block_on;
use crate::wait_queue::{End, Entry, Grant, Locked, Seat, WaitQueue, Waitable, Waiter};
use filch_core::coop;
use filch_core::sys::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, ready};

/// The round was completed by another one.
const PASSED: Grant = Grant(0);
/// This one completed the round.
const LEADER: Grant = Grant(1);
/// The round was broken off, or never begun.
const BROKEN: Grant = Grant(2);

/// A meeting point: who comes waits until as many as were agreed on are there, then all go on.
///
/// It can be used again at once: the next to come begin the next round. What anybody did before a round is seen by all
/// after it.
///
/// A round can be broken off: [`abort`](Self::abort) says that it will never be complete, so that nobody waits in vain.
///
/// # Examples
///
/// ```
/// use filch_sync::Barrier;
///
/// static START: Barrier = Barrier::new(3);
///
/// let threads = [(); 2].map(|()| std::thread::spawn(|| START.blocking_wait().is_leader()));
/// # futures_lite::future::block_on(async {
/// let is_leader = START.wait().await.is_leader();
/// let n_leaders = threads.map(|thread| thread.join().unwrap()).into_iter().filter(|leader| *leader).count();
/// assert_eq!(n_leaders + usize::from(is_leader), 1);
/// # });
/// ```
pub struct Barrier {
    parties: usize,
    /// The number of the present round. Written under the queue's lock, as all below.
    round: AtomicUsize,
    n_waiting: AtomicUsize,
    is_broken: AtomicBool,
    queue: WaitQueue,
}

impl Barrier {
    filch_core::const_new! {
        /// Makes a meeting point for this many.
        ///
        /// # Panics
        /// If `parties` is 0: nobody would ever complete a round. With 1, each wait is a round of its own.
        ///
        /// ```compile_fail
        /// static NOBODY: filch_sync::Barrier = filch_sync::Barrier::new(0);
        /// ```
        #[track_caller]
        pub const fn new(parties: usize) -> Self {
            assert!(parties != 0, "a barrier has at least 1 party (got 0): use Barrier::new(1) for one that holds nobody up");
            Barrier {
                parties,
                round: AtomicUsize::new(0),
                n_waiting: AtomicUsize::new(0),
                is_broken: AtomicBool::new(false),
                queue: WaitQueue::new(),
            }
        }
    }

    /// Waits until all are there, or until the round is broken off, which the result tells.
    ///
    /// A program that never calls [`abort`](Self::abort) or [`reset`](Self::reset) need not ask. One that does may
    /// prefer [`wait_or_broken`](Self::wait_or_broken).
    ///
    /// # Cancel safety
    /// A dropped call takes itself out of the count, unless all have been there: then it has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let barrier = filch_sync::Barrier::new(2);
    /// let (one, other) = futures_lite::future::zip(barrier.wait(), barrier.wait()).await;
    /// assert_ne!(one.is_leader(), other.is_leader());
    /// # });
    /// ```
    pub async fn wait(&self) -> BarrierWaitResult {
        let grant = self.arrive().await;
        BarrierWaitResult { is_leader: grant == LEADER, is_broken: grant == BROKEN }
    }

    /// As [`wait`](Self::wait), with an error for a round that is broken off.
    ///
    /// # Errors
    /// If the barrier is broken or reset.
    ///
    /// # Cancel safety
    /// A dropped call takes itself out of the count, unless all have been there: then it has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Barrier, BrokenBarrierError};
    ///
    /// # futures_lite::future::block_on(async {
    /// let barrier = Barrier::new(2);
    /// barrier.abort();
    /// assert_eq!(barrier.wait_or_broken().await, Err(BrokenBarrierError));
    /// # });
    /// ```
    pub async fn wait_or_broken(&self) -> Result<BarrierWaitResult, BrokenBarrierError> {
        let result = self.wait().await;
        if result.is_broken { Err(BrokenBarrierError) } else { Ok(result) }
    }

    /// Blocks the thread until all are there, or until the round is broken off. For threads that are not part of a
    /// runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Barrier;
    ///
    /// static BARRIER: Barrier = Barrier::new(2);
    ///
    /// let thread = std::thread::spawn(|| BARRIER.blocking_wait().is_leader());
    /// assert_ne!(BARRIER.blocking_wait().is_leader(), thread.join().unwrap());
    /// ```
    pub fn blocking_wait(&self) -> BarrierWaitResult {
        block_on(self.wait())
    }

    /// Breaks the round off and the barrier with it: those who wait and those who come are told so, until
    /// [`reset`](Self::reset).
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Barrier;
    ///
    /// # futures_lite::future::block_on(async {
    /// let barrier = Barrier::new(2);
    /// let one_who_fails = async { barrier.abort() };
    /// let (waited, ()) = futures_lite::future::zip(barrier.wait(), one_who_fails).await;
    /// assert!(waited.is_broken());
    /// # });
    /// ```
    pub fn abort(&self) {
        drop(self.break_off());
    }

    /// Breaks the round off for those who wait, and begins a new one. Mends a broken barrier.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Barrier;
    ///
    /// let barrier = Barrier::new(1);
    /// barrier.abort();
    /// barrier.reset();
    /// assert!(!barrier.is_broken());
    /// assert!(barrier.blocking_wait().is_leader());
    /// ```
    pub fn reset(&self) {
        let _list = self.break_off();
        self.is_broken.store(false, Relaxed);
    }

    /// Whether the barrier is broken: whoever comes is told so at once.
    pub fn is_broken(&self) -> bool {
        self.is_broken.load(Relaxed) // Relaxed: written under the queue's lock; a look without it is a hint.
    }

    /// How many wait at this moment.
    pub fn n_waiting(&self) -> usize {
        self.n_waiting.load(Relaxed) // Relaxed: as above.
    }

    /// How many make a round complete.
    pub fn parties(&self) -> usize {
        self.parties
    }

    async fn arrive(&self) -> Grant {
        let waiter = pin!(Waiter::new(self, 0));
        let grant = poll_fn(|cx| {
            let budget = ready!(coop::poll_proceed(cx));
            let grant = ready!(waiter.as_ref().poll(Some(cx.waker())));
            budget.made_progress();
            Poll::Ready(grant)
        })
        .await;
        if grant == LEADER {
            self.wake_others();
        }
        grant
    }

    /// Takes one that is out of the queue out of the count. It counts until here: a round that ended between has had it
    /// there.
    fn count_off(&self, seat: Seat) {
        let _list = self.queue.lock();
        if seat.key == self.round.load(Relaxed) {
            self.n_waiting.store(self.n_waiting() - 1, Relaxed);
        }
    }

    /// Wakes those whose round has ended.
    fn wake_others(&self) {
        self.wake_ended(&mut self.queue.lock());
    }

    /// Ends the round as broken, and gives the lock with nobody in the queue.
    fn break_off(&self) -> Locked<'_> {
        let mut list = self.queue.lock();
        self.wake_ended(&mut list);
        self.is_broken.store(true, Relaxed);
        self.end_round(&list);
        self.wake_ended(&mut list);
        list
    }

    fn end_round(&self, _lock: &Locked<'_>) {
        self.round.store(self.round.load(Relaxed).wrapping_add(1), Relaxed);
        self.n_waiting.store(0, Relaxed);
    }

    /// Grants all whose round has ended.
    fn wake_ended(&self, list: &mut Locked<'_>) {
        while let Some(grant) = list.seat(End::Front).and_then(|seat| self.ended(seat)) {
            if list.is_full() {
                list.relieve();
            } else {
                list.grant_front(grant);
            }
        }
    }

    /// Under the queue's lock: how this waiter's round has ended, if it has.
    fn ended(&self, seat: Seat) -> Option<Grant> {
        let how = if self.is_broken() { BROKEN } else { PASSED };
        (seat.key != self.round.load(Relaxed)).then_some(how)
    }
}

// SAFETY: `queue` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl Waitable for Barrier {
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn enter(&self, list: &mut Locked<'_>, _seat: Seat) -> Entry {
        if self.is_broken() {
            return Entry::Granted(BROKEN);
        }
        let n_there = self.n_waiting() + 1;
        if n_there == self.parties {
            self.end_round(list);
            return Entry::Granted(LEADER);
        }
        self.n_waiting.store(n_there, Relaxed);
        Entry::Queue(End::Back, self.round.load(Relaxed))
    }

    fn revisit(&self, seat: Seat) -> Option<Grant> {
        self.ended(seat)
    }

    fn left(&self, _list: &mut Locked<'_>) {}

    fn forward(&self, grant: Option<Grant>, seat: Seat) {
        match grant {
            // It has ended the round, and unwinds before it could wake the others.
            Some(LEADER) => self.wake_others(),
            Some(_passed_or_broken) => {}
            None => self.count_off(seat),
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("parties", &self.parties)
            .field("n_waiting", &self.n_waiting())
            .field("is_broken", &self.is_broken())
            .finish_non_exhaustive()
    }
}

/// How a wait has ended. From [`Barrier::wait`].
///
/// # Examples
///
/// ```
/// use filch_sync::Barrier;
///
/// let barrier = Barrier::new(1);
/// assert!(barrier.blocking_wait().is_leader());
/// barrier.abort();
/// let result = barrier.blocking_wait();
/// assert!(result.is_broken() && !result.is_leader());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult {
    is_leader: bool,
    is_broken: bool,
}

impl BarrierWaitResult {
    /// Whether this one completed the round. Exactly one of each round did.
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }

    /// Whether the round was broken off, so that the others have *not* all been there.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }
}

/// The round was broken off, or the barrier is broken. From [`Barrier::wait_or_broken`].
///
/// # Examples
///
/// ```
/// use filch_sync::{Barrier, BrokenBarrierError};
///
/// /// Two steps, each of which all begin together.
/// async fn work(barrier: &Barrier) -> Result<(), BrokenBarrierError> {
///     barrier.wait_or_broken().await?;
///     // … the first step …
///     barrier.wait_or_broken().await?;
///     // … the second step …
///     Ok(())
/// }
///
/// # futures_lite::future::block_on(async {
/// let barrier = Barrier::new(1);
/// assert_eq!(work(&barrier).await, Ok(()));
/// barrier.abort();
/// assert_eq!(work(&barrier).await.unwrap_err().to_string(), "the barrier is broken");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenBarrierError;

impl fmt::Display for BrokenBarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier is broken")
    }
}

impl std::error::Error for BrokenBarrierError {}
