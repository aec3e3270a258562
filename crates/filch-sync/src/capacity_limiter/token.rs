//! What a borrower holds: borrowed from its limiter, or keeping it alive.
//!
//! **Invariant:** a token exists only while it is counted as borrowed, and its drop gives it back.

use super::CapacityLimiter;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A token of a [`CapacityLimiter`], given back on drop. From [`CapacityLimiter::acquire`] and its kin.
///
/// # Examples
///
/// ```
/// let limiter = filch_sync::CapacityLimiter::new(1);
/// let token = limiter.try_acquire_on_behalf_of(7).unwrap();
/// assert_eq!(token.borrower(), Some(7));
/// drop(token);
/// assert_eq!(limiter.borrowed_tokens(), 0);
/// ```
#[must_use = "a token that is dropped at once limits nothing"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct CapacityToken<'a>(Token<&'a CapacityLimiter>);

impl<'a> CapacityToken<'a> {
    /// The caller has taken this token, and gives it to the guard.
    pub(super) fn new(limiter: &'a CapacityLimiter, borrower: Option<u64>) -> Self {
        CapacityToken(Token { limiter, borrower })
    }

    /// Who has the token, if that was said.
    pub fn borrower(&self) -> Option<u64> {
        self.0.borrower
    }
}

/// A token of a [`CapacityLimiter`] that it keeps alive, given back on drop. From [`CapacityLimiter::acquire_owned`] and
/// its kin.
///
/// # Examples
///
/// ```
/// use filch_sync::CapacityLimiter;
/// use std::sync::Arc;
///
/// let limiter = Arc::new(CapacityLimiter::new(1));
/// let token = limiter.clone().try_acquire_owned().unwrap();
/// std::thread::spawn(move || drop(token)).join().unwrap();
/// assert_eq!(limiter.borrowed_tokens(), 0);
/// ```
#[must_use = "a token that is dropped at once limits nothing"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct OwnedCapacityToken(Token<Arc<CapacityLimiter>>);

impl OwnedCapacityToken {
    /// The caller has taken this token, and gives it to the guard.
    pub(super) fn new(limiter: Arc<CapacityLimiter>, borrower: Option<u64>) -> Self {
        OwnedCapacityToken(Token { limiter, borrower })
    }

    /// Who has the token, if that was said.
    pub fn borrower(&self) -> Option<u64> {
        self.0.borrower
    }
}

/// What both kinds are made of.
struct Token<P: Deref<Target = CapacityLimiter>> {
    limiter: P,
    borrower: Option<u64>,
}

impl<P: Deref<Target = CapacityLimiter>> Drop for Token<P> {
    fn drop(&mut self) {
        if let Some(borrower) = self.borrower {
            self.limiter.borrowers.remove(borrower);
        }
        self.limiter.give_back_token();
    }
}

impl<P: Deref<Target = CapacityLimiter>> fmt::Debug for Token<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("borrower", &self.borrower).finish_non_exhaustive()
    }
}
