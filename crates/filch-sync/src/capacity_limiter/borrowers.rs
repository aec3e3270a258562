//! Who has a token of a limiter, or waits for one, among those who said who they are.
//!
//! Why numbers and not any type that can be compared: comparing is foreign code, and this compares under a lock.

use crate::lock::Lock;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug)]
pub(super) struct Borrowers {
    /// Whether the borrower has its token.
    claims: Lock<BTreeMap<u64, bool>>,
}

impl Borrowers {
    filch_core::const_new! {
        pub(super) const fn new() -> Self {
            Borrowers { claims: Lock::new(BTreeMap::new()) }
        }
    }

    /// Notes that this borrower waits for a token.
    pub(super) fn claim(&self, borrower: u64) -> Result<Claim<'_>, AlreadyBorrowingError> {
        use std::collections::btree_map::Entry::*;
        match self.claims.lock().entry(borrower) {
            Occupied(_) => Err(AlreadyBorrowingError { borrower }),
            Vacant(place) => {
                place.insert(false);
                Ok(Claim { borrowers: self, borrower })
            }
        }
    }

    /// Forgets a borrower, whose token is about to be given back.
    pub(super) fn remove(&self, borrower: u64) {
        self.claims.lock().remove(&borrower);
    }

    /// Those who have a token, in the order of their numbers.
    pub(super) fn list(&self) -> Vec<u64> {
        let claims = self.claims.lock();
        claims.iter().filter(|(_, has_token)| **has_token).map(|(borrower, _)| *borrower).collect()
    }
}

/// A borrower that waits for its token, and is forgotten if it gives up.
#[must_use = "a claim that is dropped at once keeps nobody else out"]
pub(super) struct Claim<'a> {
    borrowers: &'a Borrowers,
    borrower: u64,
}

impl Claim<'_> {
    /// The borrower has its token, which removes it in the end.
    pub(super) fn settle(self) -> u64 {
        self.borrowers.claims.lock().insert(self.borrower, true);
        let borrower = self.borrower;
        std::mem::forget(self);
        borrower
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.borrowers.remove(self.borrower);
    }
}

/// The borrower has a token of this limiter already, or waits for one. From
/// [`CapacityLimiter::acquire_on_behalf_of`](super::CapacityLimiter::acquire_on_behalf_of) and its kin.
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// let limiter = filch_sync::CapacityLimiter::new(5);
/// let token = limiter.acquire_on_behalf_of(7).await.unwrap();
/// let error = limiter.acquire_on_behalf_of(7).await.unwrap_err();
/// assert_eq!(error.borrower(), 7);
/// # drop(token);
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyBorrowingError {
    borrower: u64,
}

impl AlreadyBorrowingError {
    /// The borrower that asked twice.
    pub fn borrower(&self) -> u64 {
        self.borrower
    }
}

impl fmt::Display for AlreadyBorrowingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let borrower = self.borrower;
        write!(
            f,
            "borrower {borrower} has a token of this capacity limiter already, or waits for one"
        )
    }
}

impl std::error::Error for AlreadyBorrowingError {}
