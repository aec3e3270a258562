#![doc = include_str!("README.md")]

mod guard;
#[cfg(all(test, filch_loom))]
mod loom_tests;
mod node;
mod reason;
#[cfg(all(test, not(any(filch_loom, filch_shuttle))))]
mod tests;
mod tree;
mod wait;

use node::{Handle, LazyHandle};
use std::fmt;
use std::future::poll_fn;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::task::Poll;

pub use guard::{DropGuard, DropGuardRef};
pub use reason::Reason;
pub use wait::{WaitForCancellationFuture, WaitForCancellationFutureOwned};

/// Says once, to all who look at it or wait for it, that something should end, and why.
///
/// Clones are the same token. A [child](Self::child_token) is canceled with its parent, and can be canceled without it.
/// Whoever sees a token canceled sees all its descendants canceled, with the reason that the token was given, but for those
/// that were canceled before.
///
/// # Examples
///
/// ```
/// use filch_sync::CancellationToken;
///
/// static SHUTDOWN: CancellationToken = CancellationToken::new();
///
/// let connection = SHUTDOWN.child_token();
/// let worker = std::thread::spawn(move || {
///     # futures_lite::future::block_on(async {
///     connection.cancelled().await;
///     # });
///     connection.reason().unwrap().to_string()
/// });
/// SHUTDOWN.cancel_with("the server shuts down");
/// assert_eq!(worker.join().unwrap(), "the server shuts down");
/// ```
pub struct CancellationToken {
    handle: LazyHandle,
}

impl UnwindSafe for CancellationToken {}
impl RefUnwindSafe for CancellationToken {}

impl CancellationToken {
    filch_core::const_new! {
        /// Makes one that is not canceled and has no parent. It allocates when it is first shared, waited for or canceled.
        pub const fn new() -> Self {
            CancellationToken { handle: LazyHandle::new() }
        }
    }

    fn of(handle: Handle) -> Self {
        CancellationToken { handle: LazyHandle::from(handle) }
    }

    /// Makes a token that is canceled when this one is. A child of a canceled token is canceled from the beginning.
    ///
    /// A child that is dropped leaves nothing behind.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CancellationToken;
    ///
    /// let parent = CancellationToken::new();
    /// let (one, other) = (parent.child_token(), parent.child_token());
    /// one.cancel();
    /// assert!(!parent.is_cancelled() && !other.is_cancelled());
    /// parent.cancel();
    /// assert!(other.is_cancelled());
    /// ```
    pub fn child_token(&self) -> CancellationToken {
        CancellationToken::of(tree::child_of(&self.handle.lend()))
    }

    /// Cancels this token and all its descendants, and lets all go on who wait for one of them. Gives no reason.
    ///
    /// When it returns, all of them are canceled, also if another thread was first.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// let clone = token.clone();
    /// clone.cancel();
    /// assert!(token.is_cancelled());
    /// ```
    pub fn cancel(&self) {
        self.cancel_with(Reason::default());
    }

    /// As [`cancel`](Self::cancel), for this reason. A token that is canceled already keeps the reason it has.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// let child = token.child_token();
    /// token.cancel_with("too slow");
    /// token.cancel_with("too late");
    /// assert_eq!(child.reason().unwrap().as_str(), "too slow");
    /// ```
    pub fn cancel_with(&self, reason: impl Into<Reason>) {
        tree::cancel(&self.handle.lend(), reason.into());
    }

    /// Whether the token is canceled. Who sees that sees what was done before.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.handle.get().is_some_and(|node| node.is_canceled())
    }

    /// Why the token was canceled, if it was: the first reason that was given to it or to one of its ancestors.
    pub fn reason(&self) -> Option<Reason> {
        self.handle.get()?.canceled.get().cloned()
    }

    /// Waits until the token is canceled.
    ///
    /// # Cancel safety
    /// Nothing is lost: a token stays canceled.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// token.cancel();
    /// # futures_lite::future::block_on(async {
    /// token.cancelled().await;
    /// # });
    /// ```
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        WaitForCancellationFuture::new(&self.handle.get_or_make().canceled)
    }

    /// As [`cancelled`](Self::cancelled), for a future that keeps the token alive and has no lifetime.
    ///
    /// # Cancel safety
    /// Nothing is lost: a token stays canceled.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// let canceled = token.clone().cancelled_owned();
    /// token.cancel();
    /// drop(token);
    /// # futures_lite::future::block_on(async {
    /// canceled.await;
    /// # });
    /// ```
    pub fn cancelled_owned(self) -> WaitForCancellationFutureOwned {
        WaitForCancellationFutureOwned::new(Handle::clone(&self.handle.lend()))
    }

    /// Runs a future to its end, or until the token is canceled, and then drops it. `None`: it was canceled.
    ///
    /// With a token that is canceled already the future is not polled. Later it is polled before the token is looked at:
    /// when both are ready, the future's output is given.
    ///
    /// # Cancel safety
    /// That of the future, which is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CancellationToken;
    ///
    /// # futures_lite::future::block_on(async {
    /// let token = CancellationToken::new();
    /// assert_eq!(token.run_until_cancelled(async { 5 }).await, Some(5));
    /// token.cancel();
    /// assert_eq!(token.run_until_cancelled(async { 5 }).await, None);
    /// # });
    /// ```
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut canceled = pin!(self.cancelled());
        if self.is_cancelled() {
            canceled.await;
            return None;
        }
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            // Why without budget: a future that uses up all of it in each poll would never be canceled.
            canceled.as_mut().poll_canceled(cx).map(|()| None)
        })
        .await
    }

    /// As [`run_until_cancelled`](Self::run_until_cancelled), for a future that owns the token and has no lifetime.
    ///
    /// # Cancel safety
    /// That of the future, which is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CancellationToken;
    ///
    /// fn assert_static<F: Future + 'static>(future: F) -> F {
    ///     future
    /// }
    ///
    /// let token = CancellationToken::new();
    /// let running = assert_static(token.child_token().run_until_cancelled_owned(std::future::pending::<()>()));
    /// token.cancel();
    /// # futures_lite::future::block_on(async {
    /// assert_eq!(running.await, None);
    /// # });
    /// ```
    pub async fn run_until_cancelled_owned<F: Future>(self, future: F) -> Option<F::Output> {
        self.run_until_cancelled(future).await
    }

    /// A guard that cancels the token when dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// let guard = token.clone().drop_guard();
    /// drop(guard);
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard {
        DropGuard::new(self)
    }

    /// As [`drop_guard`](Self::drop_guard), for a guard that borrows the token.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// drop(token.drop_guard_ref());
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        DropGuardRef::new(self)
    }
}

/// Another handle of the same token.
impl Clone for CancellationToken {
    fn clone(&self) -> Self {
        CancellationToken::of(Handle::clone(&self.handle.lend()))
    }
}

impl Default for CancellationToken {
    fn default() -> Self {
        CancellationToken::new()
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken")
            .field("is_cancelled", &self.is_cancelled())
            .field("reason", &self.reason())
            .finish_non_exhaustive()
    }
}
