//! A semaphore that notices when more is given back than was taken.
//!
//! It is a `Semaphore` that remembers how many of its permits were taken out of circulation; only those can be added.
//!
//! **Invariant:** permits that are free, set aside for waiters, held and missing add up to the bound, or to less while
//! a call moves some from one of these to another.

mod permit;

use crate::blocking::block_on;
use crate::lock::Lock;
use crate::semaphore::{AcquireError, Semaphore, TryAcquireError};
use std::fmt;
use std::sync::Arc;

pub use permit::{BoundedSemaphorePermit, OwnedBoundedSemaphorePermit};

/// A [`Semaphore`] with a fixed number of permits: adding more than are missing is an error.
///
/// A permit that is dropped goes back by itself, and cannot go back twice. The bound is for permits that are given back by
/// hand: one task takes a permit and [forgets](BoundedSemaphorePermit::forget) it, another one
/// [adds](Self::add_permits) it again. Done once too often, this makes a `Semaphore` grow unseen, and is refused here.
///
/// It is fair, as `Semaphore` is.
///
/// # Examples
///
/// ```
/// use filch_sync::BoundedSemaphore;
///
/// static SLOTS: BoundedSemaphore = BoundedSemaphore::new(2);
///
/// # futures_lite::future::block_on(async {
/// SLOTS.acquire().await.unwrap().forget();
/// assert_eq!(SLOTS.available_permits(), 1);
/// SLOTS.add_permits(1).unwrap();
/// assert!(SLOTS.add_permits(1).is_err(), "all are there");
/// # });
/// ```
pub struct BoundedSemaphore {
    semaphore: Semaphore,
    bound: usize,
    /// Permits that were forgotten, and not added again.
    n_missing: Lock<usize>,
}

impl BoundedSemaphore {
    /// The most permits that a semaphore can have.
    pub const MAX_PERMITS: usize = Semaphore::MAX_PERMITS;

    filch_core::const_new! {
        /// Makes a semaphore with this many permits, all of them free.
        ///
        /// # Panics
        /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        #[track_caller]
        pub const fn new(permits: usize) -> Self {
            BoundedSemaphore { semaphore: Semaphore::new(permits), bound: permits, n_missing: Lock::new(0) }
        }
    }

    filch_core::const_new! {
        /// As [`new`](Self::new), by the name that other libraries use in statics.
        ///
        /// # Panics
        /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        #[track_caller]
        pub const fn const_new(permits: usize) -> Self {
            BoundedSemaphore::new(permits)
        }
    }

    /// How many permits there are, wherever they are.
    pub fn bound(&self) -> usize {
        self.bound
    }

    /// The permits that are free at this moment.
    pub fn available_permits(&self) -> usize {
        self.semaphore.available_permits()
    }

    /// Gives back permits that were [forgotten](BoundedSemaphorePermit::forget).
    ///
    /// # Errors
    /// If fewer are missing: then none is added.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::BoundedSemaphore;
    ///
    /// let semaphore = BoundedSemaphore::new(3);
    /// semaphore.try_acquire_many(2).unwrap().forget();
    /// assert_eq!(semaphore.add_permits(2), Ok(()));
    /// let error = semaphore.add_permits(1).unwrap_err();
    /// assert_eq!(error.to_string(), "1 permit was added to a bounded semaphore of 3 that misses 0");
    /// ```
    pub fn add_permits(&self, n: usize) -> Result<(), OverReleaseError> {
        self.take_missing(n)?;
        self.semaphore.add_permits(n);
        Ok(())
    }

    fn take_missing(&self, n: usize) -> Result<(), OverReleaseError> {
        let mut n_missing = self.n_missing.lock();
        let left = n_missing.checked_sub(n);
        *n_missing =
            left.ok_or(OverReleaseError { n, n_missing: *n_missing, bound: self.bound })?;
        Ok(())
    }

    /// Takes up to `n` free permits out of circulation, and says how many those were.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = filch_sync::BoundedSemaphore::new(3);
    /// assert_eq!(semaphore.forget_permits(5), 3);
    /// assert_eq!(semaphore.add_permits(3), Ok(()));
    /// ```
    pub fn forget_permits(&self, n: usize) -> usize {
        let forgotten = self.semaphore.forget_permits(n);
        *self.n_missing.lock() += forgotten;
        forgotten
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Panics
    /// If the bound is 0: there will never be a permit.
    ///
    /// # Cancel safety
    /// A dropped call holds no permit; the place in the queue is lost. What it was granted goes to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = filch_sync::BoundedSemaphore::new(1);
    /// let permit = semaphore.acquire().await.unwrap();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # });
    /// ```
    pub async fn acquire(&self) -> Result<BoundedSemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1).await
    }

    /// Waits for `n` permits, which are given together.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Panics
    /// If `n` is more than the [bound](Self::bound): so many will never be there.
    ///
    /// # Cancel safety
    /// A dropped call holds no permit, also if some were set aside for it; the place in the queue is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = filch_sync::BoundedSemaphore::new(5);
    /// let permits = semaphore.acquire_many(3).await.unwrap();
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (3, 2));
    /// # });
    /// ```
    pub async fn acquire_many(&self, n: u32) -> Result<BoundedSemaphorePermit<'_>, AcquireError> {
        self.wait_for(n).await?;
        Ok(BoundedSemaphorePermit::new(self, n))
    }

    /// Waits for a permit, which keeps the semaphore alive and has no lifetime.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Panics
    /// If the bound is 0: there will never be a permit.
    ///
    /// # Cancel safety
    /// A dropped call holds no permit; the place in the queue is lost. What it was granted goes to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::BoundedSemaphore;
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let semaphore = Arc::new(BoundedSemaphore::new(2));
    /// let permit = semaphore.clone().acquire_owned().await.unwrap();
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// # });
    /// ```
    pub async fn acquire_owned(
        self: Arc<Self>,
    ) -> Result<OwnedBoundedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// Waits for `n` permits, which keep the semaphore alive and have no lifetime.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Panics
    /// If `n` is more than the [bound](Self::bound): so many will never be there.
    ///
    /// # Cancel safety
    /// A dropped call holds no permit, also if some were set aside for it; the place in the queue is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::BoundedSemaphore;
    /// use std::sync::Arc;
    ///
    /// # futures_lite::future::block_on(async {
    /// let semaphore = Arc::new(BoundedSemaphore::new(5));
    /// let permits = semaphore.clone().acquire_many_owned(3).await.unwrap();
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (3, 2));
    /// # });
    /// ```
    pub async fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedBoundedSemaphorePermit, AcquireError> {
        self.wait_for(n).await?;
        Ok(OwnedBoundedSemaphorePermit::new(self, n))
    }

    async fn wait_for(&self, n: u32) -> Result<(), AcquireError> {
        let bound = self.bound;
        assert!(
            n as usize <= bound,
            "{n} permits were asked of a bounded semaphore of {bound}: they would never come; ask for at most its bound"
        );
        self.semaphore.wait_for(n as usize).await
    }

    /// Takes a permit if one is free.
    ///
    /// # Errors
    /// If none is free, or if the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::{BoundedSemaphore, TryAcquireError};
    ///
    /// let semaphore = BoundedSemaphore::new(1);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert_eq!(semaphore.try_acquire().err(), Some(TryAcquireError::NoPermits));
    /// # drop(permit);
    /// ```
    pub fn try_acquire(&self) -> Result<BoundedSemaphorePermit<'_>, TryAcquireError> {
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
    /// let semaphore = filch_sync::BoundedSemaphore::new(3);
    /// let permits = semaphore.try_acquire_many(2).unwrap();
    /// assert!(semaphore.try_acquire_many(2).is_err());
    /// # drop(permits);
    /// ```
    pub fn try_acquire_many(&self, n: u32) -> Result<BoundedSemaphorePermit<'_>, TryAcquireError> {
        self.semaphore.try_take(n as usize)?;
        Ok(BoundedSemaphorePermit::new(self, n))
    }

    /// Takes a permit, which keeps the semaphore alive, if one is free.
    ///
    /// # Errors
    /// If none is free, or if the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::BoundedSemaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(BoundedSemaphore::new(1));
    /// let permit = semaphore.clone().try_acquire_owned().unwrap();
    /// assert!(semaphore.clone().try_acquire_owned().is_err());
    /// # drop(permit);
    /// ```
    pub fn try_acquire_owned(
        self: Arc<Self>,
    ) -> Result<OwnedBoundedSemaphorePermit, TryAcquireError> {
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
    /// use filch_sync::BoundedSemaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(BoundedSemaphore::new(3));
    /// let permits = semaphore.clone().try_acquire_many_owned(2).unwrap();
    /// assert!(semaphore.clone().try_acquire_many_owned(2).is_err());
    /// # drop(permits);
    /// ```
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedBoundedSemaphorePermit, TryAcquireError> {
        self.semaphore.try_take(n as usize)?;
        Ok(OwnedBoundedSemaphorePermit::new(self, n))
    }

    /// Blocks the thread until it has a permit. For threads that are not part of a runtime.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Panics
    /// If the bound is 0: there will never be a permit.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = filch_sync::BoundedSemaphore::new(1);
    /// assert_eq!(semaphore.blocking_acquire().unwrap().num_permits(), 1);
    /// ```
    pub fn blocking_acquire(&self) -> Result<BoundedSemaphorePermit<'_>, AcquireError> {
        match self.try_acquire() {
            Ok(permit) => Ok(permit),
            Err(_) => block_on(self.acquire()),
        }
    }

    /// Blocks the thread until it has a permit, which keeps the semaphore alive.
    ///
    /// # Errors
    /// If the semaphore is or gets closed.
    ///
    /// # Panics
    /// If the bound is 0: there will never be a permit.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::BoundedSemaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(BoundedSemaphore::new(1));
    /// assert_eq!(semaphore.blocking_acquire_owned().unwrap().num_permits(), 1);
    /// ```
    pub fn blocking_acquire_owned(
        self: Arc<Self>,
    ) -> Result<OwnedBoundedSemaphorePermit, AcquireError> {
        match self.semaphore.try_take(1) {
            Ok(()) => Ok(OwnedBoundedSemaphorePermit::new(self, 1)),
            Err(_) => block_on(self.acquire_owned()),
        }
    }

    /// Lets nobody in any more: those who wait and those who come get an error. Permits that are held stay valid.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = filch_sync::BoundedSemaphore::new(1);
    /// semaphore.close();
    /// assert!(semaphore.try_acquire().is_err());
    /// ```
    pub fn close(&self) {
        self.semaphore.close();
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.semaphore.is_closed()
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedSemaphore")
            .field("permits", &self.available_permits())
            .field("bound", &self.bound)
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// More permits were to be added than were missing. From [`BoundedSemaphore::add_permits`].
///
/// # Examples
///
/// ```
/// let semaphore = filch_sync::BoundedSemaphore::new(1);
/// let error = semaphore.add_permits(2).unwrap_err();
/// assert_eq!(error.to_string(), "2 permits were added to a bounded semaphore of 1 that misses 0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverReleaseError {
    n: usize,
    n_missing: usize,
    bound: usize,
}

impl fmt::Display for OverReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OverReleaseError { n, n_missing, bound } = self;
        let were = if *n == 1 { "permit was" } else { "permits were" };
        write!(f, "{n} {were} added to a bounded semaphore of {bound} that misses {n_missing}")
    }
}

impl std::error::Error for OverReleaseError {}
