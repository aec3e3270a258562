//! Guards that cancel a token when their scope ends.

use super::CancellationToken;
use std::mem;

/// Cancels its token when dropped, unless disarmed. From [`CancellationToken::drop_guard`].
///
/// # Examples
///
/// ```
/// use filch_sync::CancellationToken;
///
/// let token = CancellationToken::new();
/// {
///     let _guard = token.clone().drop_guard();
///     assert!(!token.is_cancelled());
/// }
/// assert!(token.is_cancelled());
/// ```
#[derive(Debug)]
#[must_use = "a guard that is dropped at once cancels its token at once"]
pub struct DropGuard {
    token: CancellationToken,
    is_armed: bool,
}

impl DropGuard {
    pub(super) fn new(token: CancellationToken) -> Self {
        DropGuard { token, is_armed: true }
    }

    /// Gives the token back, which is not canceled then.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CancellationToken;
    ///
    /// let guard = CancellationToken::new().drop_guard();
    /// let token = guard.disarm();
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn disarm(mut self) -> CancellationToken {
        self.is_armed = false;
        mem::take(&mut self.token)
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if self.is_armed {
            self.token.cancel();
        }
    }
}

/// Cancels a borrowed token when dropped, unless disarmed. From [`CancellationToken::drop_guard_ref`].
///
/// # Examples
///
/// ```
/// use filch_sync::CancellationToken;
///
/// let token = CancellationToken::new();
/// {
///     let _guard = token.drop_guard_ref();
///     assert!(!token.is_cancelled());
/// }
/// assert!(token.is_cancelled());
/// ```
#[derive(Debug)]
#[must_use = "a guard that is dropped at once cancels its token at once"]
pub struct DropGuardRef<'a> {
    token: &'a CancellationToken,
    is_armed: bool,
}

impl<'a> DropGuardRef<'a> {
    pub(super) fn new(token: &'a CancellationToken) -> Self {
        DropGuardRef { token, is_armed: true }
    }

    /// Gives the token back, which is not canceled then.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// token.drop_guard_ref().disarm();
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn disarm(mut self) -> &'a CancellationToken {
        self.is_armed = false;
        self.token
    }
}

impl Drop for DropGuardRef<'_> {
    fn drop(&mut self) {
        if self.is_armed {
            self.token.cancel();
        }
    }
}
