//! A counting semaphore: a number of permits, and a fair queue of those who wait for some.
//!
//! One word holds the count and two bits; taking and giving back permits while nobody waits is one compare-and-swap each.
//! While somebody waits the count in the word is zero: permits that come back go to the first waiter, until it has what
//! it asked for, then to the next one. So a waiter for many permits is not passed over by waiters for few.
//!
//! **Invariants**, whenever the queue is unlocked: `WAITERS` is set exactly when the queue is not empty, and then the
//! count is zero, unless the semaphore was closed. Permits in the word, in partly served waiters, in permits held and
//! those forgotten add up to those that were ever added.

mod error;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod permit;

use crate::blocking::block_on;
use crate::wait_queue::{End, Entry, Grant, Locked, Seat, WaitQueue, Waitable, Waiter};
use filch_core::coop;
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

pub use error::{AcquireError, TryAcquireError};
pub use permit::{OwnedSemaphorePermit, SemaphorePermit};

const CLOSED: usize = 1;
const WAITERS: usize = 2;
const SHIFT: u32 = 2;
const ONE: usize = 1 << SHIFT;

/// The waiter has all its permits.
const ACQUIRED: Grant = Grant(0);
/// The semaphore was closed; what the waiter had of its permits has gone back.
const REFUSED: Grant = Grant(1);

/// A number of permits that tasks take, wait for and give back.
///
/// It is fair: permits are given in the order in which they were asked for, and a call that asks for many holds up those
/// behind it until it has them.
///
/// # Examples
///
/// ```
/// use filch_sync::Semaphore;
///
/// static AT_MOST_TWO: Semaphore = Semaphore::new(2);
///
/// # futures_lite::future::block_on(async {
/// let first = AT_MOST_TWO.acquire().await.unwrap();
/// let second = AT_MOST_TWO.acquire().await.unwrap();
/// assert!(AT_MOST_TWO.try_acquire().is_err());
/// drop(first);
/// assert_eq!(AT_MOST_TWO.available_permits(), 1);
/// # drop(second);
/// # });
/// ```
pub struct Semaphore {
    /// The free permits, shifted, and the bits `CLOSED` and `WAITERS`. `WAITERS` changes under the queue's lock only.
    state: AtomicUsize,
    queue: Apart<WaitQueue>,
}

/// On a cache line of its own.
// Why: in a busy semaphore the queue's lock changes hands all the time, while the word stays as it is. Whoever only looks
// at the word should not have to fetch the lock from another core.
#[repr(align(64))]
struct Apart<T>(T);

impl Semaphore {
    /// The most permits that a semaphore can have.
    pub const MAX_PERMITS: usize = usize::MAX >> 3;

    filch_core::const_new! {
        /// Makes a semaphore with this many free permits.
        ///
        /// # Panics
        /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        #[track_caller]
        pub const fn new(permits: usize) -> Self {
            assert!(permits <= Self::MAX_PERMITS, "a semaphore has at most Semaphore::MAX_PERMITS permits");
            Semaphore { state: AtomicUsize::new(permits << SHIFT), queue: Apart(WaitQueue::new()) }
        }
    }

    filch_core::const_new! {
        /// As [`new`](Self::new), by the name that other libraries use in statics.
        ///
        /// # Panics
        /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        #[track_caller]
        pub const fn const_new(permits: usize) -> Self {
            Semaphore::new(permits)
        }
    }

    /// The permits that are free at this moment.
    pub fn available_permits(&self) -> usize {
        self.state.load(Relaxed) >> SHIFT
    }

    /// Adds permits to those there are.
    ///
    /// # Panics
    /// If that makes more than [`MAX_PERMITS`](Self::MAX_PERMITS) free ones.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = filch_sync::Semaphore::new(0);
    /// semaphore.add_permits(2);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        assert!(n <= Self::MAX_PERMITS, "{n} {TOO_MANY}");
        self.release(n);
    }

    /// Takes up to `n` free permits away for good, and says how many those were.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = filch_sync::Semaphore::new(3);
    /// assert_eq!(semaphore.forget_permits(2), 2);
    /// assert_eq!(semaphore.forget_permits(2), 1);
    /// ```
    pub fn forget_permits(&self, n: usize) -> usize {
        let mut state = self.state.load(Relaxed);
        loop {
            let forgotten = n.min(state >> SHIFT);
            // ORDERING: [permit] as for acquired ones: who forgets a permit sees what was done under it.
            match self.state.compare_exchange_weak(
                state,
                state - (forgotten << SHIFT),
                Acquire,
                Relaxed,
            ) {
                Ok(_) => return forgotten,
                Err(actual) => state = actual,
            }
        }
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Cancel safety
    /// A dropped call holds no permit; the place in the queue is lost. What it was granted goes to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = filch_sync::Semaphore::new(1);
    /// let permit = semaphore.acquire().await.unwrap();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # });
    /// ```
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1).await
    }

    /// Waits for `n` permits, which are given together.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Cancel safety
    /// A dropped call holds no permit, also if some were set aside for it; the place in the queue is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = filch_sync::Semaphore::new(5);
    /// let permits = semaphore.acquire_many(3).await.unwrap();
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (3, 2));
    /// # });
    /// ```
    pub async fn acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.wait_for(n as usize).await?;
        Ok(SemaphorePermit::new(self, n))
    }

    /// Waits for a permit, which keeps the semaphore alive and has no lifetime.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Cancel safety
    /// A dropped call holds no permit; the place in the queue is lost. What it was granted goes to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let semaphore = Arc::new(Semaphore::new(2));
    /// let permit = semaphore.clone().acquire_owned().await.unwrap();
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// # });
    /// ```
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// Waits for `n` permits, which keep the semaphore alive and have no lifetime.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Cancel safety
    /// A dropped call holds no permit, also if some were set aside for it; the place in the queue is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let semaphore = Arc::new(Semaphore::new(5));
    /// let permits = semaphore.clone().acquire_many_owned(3).await.unwrap();
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (3, 2));
    /// # });
    /// ```
    pub async fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.wait_for(n as usize).await?;
        Ok(OwnedSemaphorePermit::new(self, n))
    }

    /// Takes a permit if one is free.
    ///
    /// # Errors
    /// If none is free, or if the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    /// # drop(permit);
    /// ```
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if that many are free.
    ///
    /// # Errors
    /// If fewer are free, or if the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = filch_sync::Semaphore::new(3);
    /// let permits = semaphore.try_acquire_many(2).unwrap();
    /// assert!(semaphore.try_acquire_many(2).is_err());
    /// # drop(permits);
    /// ```
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_take(n as usize)?;
        Ok(SemaphorePermit::new(self, n))
    }

    /// Takes a permit, which keeps the semaphore alive, if one is free.
    ///
    /// # Errors
    /// If none is free, or if the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// let permit = semaphore.clone().try_acquire_owned().unwrap();
    /// assert!(semaphore.clone().try_acquire_owned().is_err());
    /// # drop(permit);
    /// ```
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Takes `n` permits, which keep the semaphore alive, if that many are free.
    ///
    /// # Errors
    /// If fewer are free, or if the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let permits = semaphore.clone().try_acquire_many_owned(2).unwrap();
    /// assert!(semaphore.clone().try_acquire_many_owned(2).is_err());
    /// # drop(permits);
    /// ```
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_take(n as usize)?;
        Ok(OwnedSemaphorePermit::new(self, n))
    }

    /// Blocks the thread until it has a permit. For threads that are not part of a runtime.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Semaphore;
    ///
    /// static SEMAPHORE: Semaphore = Semaphore::new(0);
    ///
    /// let thread = std::thread::spawn(|| SEMAPHORE.add_permits(1));
    /// assert_eq!(SEMAPHORE.blocking_acquire().unwrap().num_permits(), 1);
    /// # thread.join().unwrap();
    /// ```
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire())
    }

    /// Blocks the thread until it has `n` permits. For threads that are not part of a runtime.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = filch_sync::Semaphore::new(3);
    /// assert_eq!(semaphore.blocking_acquire_many(2).unwrap().num_permits(), 2);
    /// ```
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire_many(n))
    }

    /// Blocks the thread until it has a permit, which keeps the semaphore alive.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// assert_eq!(semaphore.blocking_acquire_owned().unwrap().num_permits(), 1);
    /// ```
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_owned())
    }

    /// Blocks the thread until it has `n` permits, which keep the semaphore alive.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// assert_eq!(semaphore.blocking_acquire_many_owned(2).unwrap().num_permits(), 2);
    /// ```
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_many_owned(n))
    }

    /// Lets nobody in any more: those who wait and those who come get an error. Permits that are held stay valid.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = filch_sync::Semaphore::new(0);
    /// let (refused, ()) =
    ///     futures_lite::future::zip(semaphore.acquire(), async { semaphore.close() }).await;
    /// assert!(refused.is_err());
    /// assert!(semaphore.is_closed());
    /// # });
    /// ```
    pub fn close(&self) {
        let mut list = self.queue.0.lock();
        self.state.fetch_or(CLOSED, Relaxed); // Relaxed: it is an answer, and publishes nothing.
        while let Some(seat) = list.seat(End::Front) {
            if list.is_full() {
                list.relieve();
                continue;
            }
            self.put_back(seat.asked - seat.key);
            list.grant_front(REFUSED);
        }
        self.note_waiters(&list);
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.state.load(Relaxed) & CLOSED != 0
    }

    pub(crate) fn wait_for(&self, n: usize) -> Acquire<'_> {
        Acquire { semaphore: self, asked: n, waiter: None }
    }

    #[inline]
    pub(crate) fn try_take(&self, n: usize) -> Result<(), TryAcquireError> {
        let mut state = self.state.load(Relaxed);
        loop {
            if state & CLOSED != 0 {
                return Err(TryAcquireError::Closed);
            }
            if state >> SHIFT < n {
                return Err(TryAcquireError::NoPermits);
            }
            // ORDERING: [permit] who takes a permit sees what was done before it was given back.
            match self.state.compare_exchange_weak(state, state - (n << SHIFT), Acquire, Relaxed) {
                Ok(_) => return Ok(()),
                Err(actual) => state = actual,
            }
        }
    }

    /// Gives `n` permits to those who wait, and what is left to the word.
    #[inline]
    #[track_caller]
    pub(crate) fn release(&self, n: usize) {
        let mut state = self.state.load(Relaxed);
        while state & WAITERS == 0 {
            // ORDERING: [permit] publishes what was done under the permit to whoever takes it next.
            match self.state.compare_exchange_weak(state, plus(state, n), Release, Relaxed) {
                Ok(_) => return,
                Err(actual) => state = actual,
            }
        }
        self.release_to_waiters(n);
    }

    #[cold]
    #[track_caller]
    fn release_to_waiters(&self, mut n: usize) {
        let mut list = self.queue.0.lock();
        while let Some(seat) = list.seat(End::Front) {
            if n == 0 || self.is_closed() {
                break; // Why closed: `close` answers those who wait, in steps, and none of them may still get in.
            }
            if list.is_full() {
                list.relieve();
                continue;
            }
            if n < seat.key {
                list.set_front_key(seat.key - n);
                n = 0;
            } else {
                n -= seat.key;
                list.grant_front(ACQUIRED);
            }
        }
        if n != 0 {
            self.put_back(n);
        }
        self.note_waiters(&list);
    }

    /// Adds `n` to the free permits in the word.
    #[track_caller]
    fn put_back(&self, n: usize) {
        let mut state = self.state.load(Relaxed);
        // ORDERING: [permit] publishes what was done under the permit to whoever takes it next.
        while let Err(actual) =
            self.state.compare_exchange_weak(state, plus(state, n), Release, Relaxed)
        {
            state = actual;
        }
    }

    /// Under the queue's lock: clears `WAITERS` if nobody waits.
    fn note_waiters(&self, list: &Locked<'_>) {
        if list.is_empty() {
            self.state.fetch_and(!WAITERS, Relaxed); // Relaxed: whoever sees it takes nothing by it.
        }
    }
}

const TOO_MANY: &str = "permits are more than a semaphore can hold: the limit is Semaphore::MAX_PERMITS (usize::MAX >> 3)";

/// The state with `n` more free permits.
#[inline]
#[track_caller]
fn plus(state: usize, n: usize) -> usize {
    let free = (state >> SHIFT) + n;
    assert!(free <= Semaphore::MAX_PERMITS, "{free} {TOO_MANY}");
    state + n * ONE
}

// SAFETY: `queue` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl Waitable for Semaphore {
    fn queue(&self) -> &WaitQueue {
        &self.queue.0
    }

    fn enter(&self, _list: &mut Locked<'_>, seat: Seat) -> Entry {
        let mut state = self.state.load(Relaxed);
        loop {
            if state & CLOSED != 0 {
                return Entry::Granted(REFUSED);
            }
            // While others wait there are no free permits, so that nobody is overtaken here.
            if state == WAITERS && seat.asked != 0 {
                return Entry::Queue(End::Back, seat.asked); // Under the lock, nobody else changes this word.
            }
            let taken = seat.asked.min(state >> SHIFT);
            let waits = if taken < seat.asked { WAITERS } else { 0 };
            // ORDERING: [permit] who takes a permit sees what was done before it was given back.
            match self.state.compare_exchange_weak(
                state,
                (state - taken * ONE) | waits,
                Acquire,
                Relaxed,
            ) {
                Ok(_) if taken == seat.asked => return Entry::Granted(ACQUIRED),
                Ok(_) => return Entry::Queue(End::Back, seat.asked - taken),
                Err(actual) => state = actual,
            }
        }
    }

    fn left(&self, list: &mut Locked<'_>) {
        self.note_waiters(list);
    }

    fn forward(&self, grant: Option<Grant>, seat: Seat) {
        match grant {
            Some(ACQUIRED) => self.release(seat.asked),
            Some(_refused) => {}
            // Some permits may have been set aside for it.
            None if seat.key < seat.asked => self.release(seat.asked - seat.key),
            None => {}
        }
    }
}

pin_project_lite::pin_project! {
    /// Waits for permits.
    #[derive(Debug)]
    pub(crate) struct Acquire<'a> {
        semaphore: &'a Semaphore,
        asked: usize,
        // Why an option: permits that are free are taken without making a waiter.
        #[pin]
        waiter: Option<Waiter<&'a Semaphore>>,
    }
}

impl Acquire<'_> {
    #[cold]
    fn poll_waiter(self: Pin<&mut Self>, waker: &Waker) -> Poll<Result<(), AcquireError>> {
        let mut this = self.project();
        if this.waiter.is_none() {
            this.waiter.set(Some(Waiter::new(this.semaphore, *this.asked)));
        }
        let waiter = this.waiter.into_ref().as_pin_ref().expect("set above");
        waiter
            .poll(Some(waker))
            .map(|grant| if grant == ACQUIRED { Ok(()) } else { Err(AcquireError(())) })
    }
}

impl Future for Acquire<'_> {
    type Output = Result<(), AcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let budget = ready!(coop::poll_proceed(cx));
        let acquired = if self.waiter.is_none() && self.semaphore.try_take(self.asked).is_ok() {
            Ok(())
        } else {
            ready!(self.poll_waiter(cx.waker()))
        };
        budget.made_progress();
        Poll::Ready(acquired)
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.available_permits())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
