//! A limit on how many do something at once, which can be changed, and which knows who.
//!
//! Tokens are counted here and not in a `Semaphore`, for the limit can fall below what is borrowed. All counts change under
//! the queue's lock; there is no faster path.
//!
//! It has no idea of a current task: borrowers are numbers that the caller chooses.
//!
//! **Invariant**, whenever the queue is unlocked: if somebody waits, as many tokens are borrowed as there are, or more, or
//! a call is about to grant the rest.

mod borrowers;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod token;

use crate::blocking::block_on;
use crate::wait_queue::{End, Entry, Grant, Locked, Seat, WaitQueue, Waitable, Waiter};
use borrowers::Borrowers;
use filch_core::coop;
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::ready;

pub use borrowers::AlreadyBorrowingError;
pub use token::{CapacityToken, OwnedCapacityToken};

/// The waiter has a token.
const TOKEN: Grant = Grant(0);

/// A number of tokens that are borrowed one at a time; the number can be changed while they are.
///
/// A borrower may say who it is, with a number: then it gets only one token at a time, and
/// [`statistics`](Self::statistics) names it. A task's id is such a number.
///
/// It is fair: tokens are given in the order in which they were asked for.
///
/// # Examples
///
/// ```
/// use filch_sync::CapacityLimiter;
///
/// static THREADS: CapacityLimiter = CapacityLimiter::new(2);
///
/// # futures_lite::future::block_on(async {
/// let token = THREADS.acquire().await;
/// assert_eq!(THREADS.available_tokens(), 1);
/// THREADS.set_total_tokens(1);
/// assert!(THREADS.try_acquire().is_err());
/// drop(token);
/// assert!(THREADS.try_acquire().is_ok());
/// # });
/// ```
pub struct CapacityLimiter {
    /// Written under the queue's lock, as all three counts.
    n_total: AtomicUsize,
    n_borrowed: AtomicUsize,
    n_waiting: AtomicUsize,
    queue: WaitQueue,
    borrowers: Borrowers,
}

impl CapacityLimiter {
    filch_core::const_new! {
        /// Makes one with this many tokens. Any number will do: with 0 everybody waits until there are more, and
        /// `usize::MAX` is no limit.
        pub const fn new(total_tokens: usize) -> Self {
            CapacityLimiter {
                n_total: AtomicUsize::new(total_tokens),
                n_borrowed: AtomicUsize::new(0),
                n_waiting: AtomicUsize::new(0),
                queue: WaitQueue::new(),
                borrowers: Borrowers::new(),
            }
        }
    }

    /// How many tokens there are.
    pub fn total_tokens(&self) -> usize {
        self.n_total.load(Relaxed) // Relaxed: written under the queue's lock; a look without it is a hint.
    }

    /// How many tokens are borrowed at this moment. May be more than there are, when their number was lowered.
    pub fn borrowed_tokens(&self) -> usize {
        self.n_borrowed.load(Relaxed) // Relaxed: as above.
    }

    /// How many tokens can be borrowed at this moment.
    pub fn available_tokens(&self) -> usize {
        self.total_tokens().saturating_sub(self.borrowed_tokens())
    }

    /// Changes the number of tokens.
    ///
    /// With more, those who wait get them. With fewer, those that are borrowed stay valid, and nobody gets one until
    /// enough have come back.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CapacityLimiter;
    ///
    /// let limiter = CapacityLimiter::new(2);
    /// let (one, other) = (limiter.try_acquire().unwrap(), limiter.try_acquire().unwrap());
    /// limiter.set_total_tokens(1);
    /// drop(one);
    /// assert!(limiter.try_acquire().is_err());
    /// drop(other);
    /// assert!(limiter.try_acquire().is_ok());
    /// ```
    pub fn set_total_tokens(&self, total_tokens: usize) {
        let mut list = self.queue.lock();
        self.n_total.store(total_tokens, Relaxed);
        self.grant_free(&mut list);
    }

    /// Waits for a token, without saying who borrows it.
    ///
    /// # Cancel safety
    /// A dropped call has no token; the place in the queue is lost. What it was granted goes to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let limiter = filch_sync::CapacityLimiter::new(1);
    /// let token = limiter.acquire().await;
    /// assert_eq!((limiter.borrowed_tokens(), token.borrower()), (1, None));
    /// # });
    /// ```
    pub async fn acquire(&self) -> CapacityToken<'_> {
        self.borrow_token().await;
        CapacityToken::new(self, None)
    }

    /// As [`acquire`](Self::acquire), for a token that keeps the limiter alive and has no lifetime.
    ///
    /// # Cancel safety
    /// A dropped call has no token; the place in the queue is lost. What it was granted goes to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CapacityLimiter;
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let limiter = Arc::new(CapacityLimiter::new(1));
    /// let token = limiter.clone().acquire_owned().await;
    /// std::thread::spawn(move || drop(token)).join().unwrap();
    /// assert_eq!(limiter.available_tokens(), 1);
    /// # });
    /// ```
    pub async fn acquire_owned(self: Arc<Self>) -> OwnedCapacityToken {
        self.borrow_token().await;
        OwnedCapacityToken::new(self, None)
    }

    /// Waits for a token for this borrower.
    ///
    /// # Errors
    /// If the borrower has a token already, or waits for one: with a limit of one it would wait for itself.
    ///
    /// # Cancel safety
    /// A dropped call has no token, and the borrower may ask again; the place in the queue is lost. What it was granted
    /// goes to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CapacityLimiter;
    ///
    /// # futures_lite::future::block_on(async {
    /// let limiter = CapacityLimiter::new(5);
    /// let token = limiter.acquire_on_behalf_of(7).await.unwrap();
    /// assert_eq!(limiter.acquire_on_behalf_of(7).await.unwrap_err().borrower(), 7);
    /// drop(token);
    /// assert!(limiter.acquire_on_behalf_of(7).await.is_ok());
    /// # });
    /// ```
    pub async fn acquire_on_behalf_of(
        &self,
        borrower: u64,
    ) -> Result<CapacityToken<'_>, AlreadyBorrowingError> {
        let claim = self.borrowers.claim(borrower)?;
        self.borrow_token().await;
        Ok(CapacityToken::new(self, Some(claim.settle())))
    }

    /// As [`acquire_on_behalf_of`](Self::acquire_on_behalf_of), for a token that keeps the limiter alive and has no
    /// lifetime.
    ///
    /// # Errors
    /// If the borrower has a token already, or waits for one.
    ///
    /// # Cancel safety
    /// A dropped call has no token, and the borrower may ask again; the place in the queue is lost. What it was granted
    /// goes to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CapacityLimiter;
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let limiter = Arc::new(CapacityLimiter::new(1));
    /// let token = limiter.clone().acquire_on_behalf_of_owned(7).await.unwrap();
    /// assert_eq!(token.borrower(), Some(7));
    /// # });
    /// ```
    pub async fn acquire_on_behalf_of_owned(
        self: Arc<Self>,
        borrower: u64,
    ) -> Result<OwnedCapacityToken, AlreadyBorrowingError> {
        let borrower = {
            let claim = self.borrowers.claim(borrower)?;
            self.borrow_token().await;
            claim.settle()
        };
        Ok(OwnedCapacityToken::new(self, Some(borrower)))
    }

    /// Takes a token if there is one and nobody waits, without saying who borrows it.
    ///
    /// # Errors
    /// [`NoTokens`](TryBorrowError::NoTokens) if all are borrowed.
    ///
    /// # Examples
    ///
    /// ```
    /// let limiter = filch_sync::CapacityLimiter::new(1);
    /// let token = limiter.try_acquire().unwrap();
    /// assert!(limiter.try_acquire().is_err());
    /// # drop(token);
    /// ```
    pub fn try_acquire(&self) -> Result<CapacityToken<'_>, TryBorrowError> {
        self.try_borrow_token()?;
        Ok(CapacityToken::new(self, None))
    }

    /// As [`try_acquire`](Self::try_acquire), for a token that keeps the limiter alive and has no lifetime.
    ///
    /// # Errors
    /// [`NoTokens`](TryBorrowError::NoTokens) if all are borrowed.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CapacityLimiter;
    /// use std::sync::Arc;
    ///
    /// let limiter = Arc::new(CapacityLimiter::new(1));
    /// let token = limiter.clone().try_acquire_owned().unwrap();
    /// assert!(limiter.clone().try_acquire_owned().is_err());
    /// # drop(token);
    /// ```
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedCapacityToken, TryBorrowError> {
        self.try_borrow_token()?;
        Ok(OwnedCapacityToken::new(self, None))
    }

    /// Takes a token for this borrower if there is one and nobody waits.
    ///
    /// # Errors
    /// [`NoTokens`](TryBorrowError::NoTokens) if all are borrowed,
    /// [`AlreadyBorrowing`](TryBorrowError::AlreadyBorrowing) if the borrower has one or waits for one.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{CapacityLimiter, TryBorrowError};
    ///
    /// let limiter = CapacityLimiter::new(1);
    /// let token = limiter.try_acquire_on_behalf_of(7).unwrap();
    /// assert_eq!(limiter.try_acquire_on_behalf_of(8).unwrap_err(), TryBorrowError::NoTokens);
    /// # drop(token);
    /// ```
    pub fn try_acquire_on_behalf_of(
        &self,
        borrower: u64,
    ) -> Result<CapacityToken<'_>, TryBorrowError> {
        let claim = self.borrowers.claim(borrower).map_err(TryBorrowError::AlreadyBorrowing)?;
        self.try_borrow_token()?;
        Ok(CapacityToken::new(self, Some(claim.settle())))
    }

    /// As [`try_acquire_on_behalf_of`](Self::try_acquire_on_behalf_of), for a token that keeps the limiter alive and has
    /// no lifetime.
    ///
    /// # Errors
    /// [`NoTokens`](TryBorrowError::NoTokens) if all are borrowed,
    /// [`AlreadyBorrowing`](TryBorrowError::AlreadyBorrowing) if the borrower has one or waits for one.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CapacityLimiter;
    /// use std::sync::Arc;
    ///
    /// let limiter = Arc::new(CapacityLimiter::new(2));
    /// let token = limiter.clone().try_acquire_on_behalf_of_owned(7).unwrap();
    /// assert!(limiter.clone().try_acquire_on_behalf_of_owned(7).is_err());
    /// # drop(token);
    /// ```
    pub fn try_acquire_on_behalf_of_owned(
        self: Arc<Self>,
        borrower: u64,
    ) -> Result<OwnedCapacityToken, TryBorrowError> {
        let borrower = {
            let claim = self.borrowers.claim(borrower).map_err(TryBorrowError::AlreadyBorrowing)?;
            self.try_borrow_token()?;
            claim.settle()
        };
        Ok(OwnedCapacityToken::new(self, Some(borrower)))
    }

    /// Blocks the thread until it has a token. For threads that are not part of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CapacityLimiter;
    ///
    /// static LIMITER: CapacityLimiter = CapacityLimiter::new(0);
    ///
    /// let thread = std::thread::spawn(|| LIMITER.set_total_tokens(1));
    /// drop(LIMITER.blocking_acquire());
    /// # thread.join().unwrap();
    /// ```
    pub fn blocking_acquire(&self) -> CapacityToken<'_> {
        match self.try_acquire() {
            Ok(token) => token,
            Err(_) => block_on(self.acquire()),
        }
    }

    /// Blocks the thread until it has a token for this borrower. For threads that are not part of a runtime.
    ///
    /// # Errors
    /// If the borrower has a token already, or waits for one.
    ///
    /// # Examples
    ///
    /// ```
    /// let limiter = filch_sync::CapacityLimiter::new(1);
    /// let token = limiter.blocking_acquire_on_behalf_of(7).unwrap();
    /// assert!(limiter.blocking_acquire_on_behalf_of(7).is_err());
    /// # drop(token);
    /// ```
    pub fn blocking_acquire_on_behalf_of(
        &self,
        borrower: u64,
    ) -> Result<CapacityToken<'_>, AlreadyBorrowingError> {
        match self.try_acquire_on_behalf_of(borrower) {
            Ok(token) => Ok(token),
            Err(_) => block_on(self.acquire_on_behalf_of(borrower)),
        }
    }

    /// Who has tokens, how many there are, and how many wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CapacityLimiter;
    ///
    /// let limiter = CapacityLimiter::new(3);
    /// let tokens = [limiter.try_acquire_on_behalf_of(7), limiter.try_acquire()];
    /// let statistics = limiter.statistics();
    /// assert_eq!((statistics.borrowed_tokens, statistics.total_tokens), (2, 3));
    /// assert_eq!(statistics.borrowers, [7]);
    /// # drop(tokens);
    /// ```
    pub fn statistics(&self) -> CapacityLimiterStatistics {
        let (total_tokens, borrowed_tokens, n_waiting) = {
            let _list = self.queue.lock();
            (self.total_tokens(), self.borrowed_tokens(), self.n_waiting.load(Relaxed))
        };
        let borrowers = self.borrowers.list();
        CapacityLimiterStatistics { total_tokens, borrowed_tokens, borrowers, n_waiting }
    }

    async fn borrow_token(&self) {
        let waiter = pin!(Waiter::new(self, 0));
        poll_fn(|cx| {
            let budget = ready!(coop::poll_proceed(cx));
            waiter.as_ref().poll(Some(cx.waker())).map(|_token| budget.made_progress())
        })
        .await;
    }

    fn try_borrow_token(&self) -> Result<(), TryBorrowError> {
        let list = self.queue.lock();
        if self.take_free(&list) { Ok(()) } else { Err(TryBorrowError::NoTokens) }
    }

    /// Takes a token if there is one and nobody has waited for it.
    fn take_free(&self, list: &Locked<'_>) -> bool {
        let n_borrowed = self.borrowed_tokens();
        let takes = list.is_empty() && n_borrowed < self.total_tokens();
        if takes {
            self.n_borrowed.store(n_borrowed + 1, Relaxed);
        }
        takes
    }

    fn give_back_token(&self) {
        let mut list = self.queue.lock();
        self.n_borrowed.store(self.borrowed_tokens() - 1, Relaxed);
        self.grant_free(&mut list);
    }

    /// Gives the tokens that there are to those who wait.
    fn grant_free(&self, list: &mut Locked<'_>) {
        while self.borrowed_tokens() < self.total_tokens() && !list.is_empty() {
            if list.is_full() {
                list.relieve();
                continue;
            }
            list.grant_front(TOKEN);
            self.n_borrowed.store(self.borrowed_tokens() + 1, Relaxed);
            self.note_waiters(-1);
        }
    }

    /// Under the queue's lock.
    fn note_waiters(&self, change: isize) {
        self.n_waiting.store(self.n_waiting.load(Relaxed).wrapping_add_signed(change), Relaxed);
    }
}

// SAFETY: `queue` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl Waitable for CapacityLimiter {
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn enter(&self, list: &mut Locked<'_>, _seat: Seat) -> Entry {
        if self.take_free(list) {
            return Entry::Granted(TOKEN);
        }
        self.note_waiters(1);
        Entry::Queue(End::Back, 0)
    }

    fn left(&self, _list: &mut Locked<'_>) {
        self.note_waiters(-1);
    }

    fn forward(&self, grant: Option<Grant>, _seat: Seat) {
        if grant.is_some() {
            self.give_back_token();
        }
    }
}

impl fmt::Debug for CapacityLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapacityLimiter")
            .field("total_tokens", &self.total_tokens())
            .field("borrowed_tokens", &self.borrowed_tokens())
            .finish_non_exhaustive()
    }
}

/// A look at a [`CapacityLimiter`]. From [`CapacityLimiter::statistics`].
///
/// # Examples
///
/// ```
/// use filch_sync::CapacityLimiter;
///
/// let limiter = CapacityLimiter::new(2);
/// let token = limiter.try_acquire_on_behalf_of(7).unwrap();
/// limiter.set_total_tokens(0);
/// let now = limiter.statistics();
/// assert!(now.borrowed_tokens > now.total_tokens, "borrower {} is still at work", now.borrowers[0]);
/// # drop(token);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapacityLimiterStatistics {
    /// How many tokens there are.
    pub total_tokens: usize,
    /// How many are borrowed, by whomever.
    pub borrowed_tokens: usize,
    /// Those who have a token and said who they are, by their numbers.
    pub borrowers: Vec<u64>,
    /// How many wait for a token.
    pub n_waiting: usize,
}

/// No token at this moment, or not for this borrower. From [`CapacityLimiter::try_acquire`] and its kin.
///
/// # Examples
///
/// ```
/// use filch_sync::{CapacityLimiter, TryBorrowError};
///
/// let limiter = CapacityLimiter::new(1);
/// let token = limiter.try_acquire_on_behalf_of(7).unwrap();
/// assert_eq!(limiter.try_acquire().unwrap_err(), TryBorrowError::NoTokens);
/// let error = limiter.try_acquire_on_behalf_of(7).unwrap_err();
/// assert!(matches!(error, TryBorrowError::AlreadyBorrowing(_)));
/// # drop(token);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryBorrowError {
    /// All tokens are borrowed, or others wait for them.
    NoTokens,
    /// The borrower has a token already, or waits for one.
    AlreadyBorrowing(AlreadyBorrowingError),
}

impl fmt::Display for TryBorrowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryBorrowError::NoTokens => {
                f.write_str("all tokens of the capacity limiter are borrowed")
            }
            TryBorrowError::AlreadyBorrowing(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TryBorrowError {}
