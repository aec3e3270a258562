//! A count of jobs, and a wait for it to be zero.
//!
//! It does not know what the jobs are, and keeps nothing of them: each holds a token, and its end is the token's drop.

use crate::blocking::block_on;
use crate::gate::Gate;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Counts jobs that run, and lets tasks wait until all are done.
///
/// Each job holds a [token](Self::token), and is done when that is dropped: also by a panic, or because the job was dropped
/// halfway. So there is no count to get wrong. Take the token *before* the job starts, where the wait can see it.
///
/// The group can be waited for by many, and used again. It counts anything: threads, requests, callbacks. If the jobs are
/// tasks, a task group waits for them as well, and gives their results and errors.
///
/// # Examples
///
/// ```
/// use filch_sync::WaitGroup;
///
/// static JOBS: WaitGroup = WaitGroup::new();
///
/// for _ in 0..3 {
///     let token = JOBS.token();
///     std::thread::spawn(move || {
///         // … the job …
///         drop(token);
///     });
/// }
/// # futures_lite::future::block_on(async {
/// JOBS.wait().await;
/// assert_eq!(JOBS.n_tokens(), 0);
/// # });
/// ```
pub struct WaitGroup {
    tokens: Gate,
}

impl WaitGroup {
    filch_core::const_new! {
        /// Makes one without jobs.
        pub const fn new() -> Self {
            WaitGroup { tokens: Gate::new(0) }
        }
    }

    /// Counts one more job, until the token is dropped.
    ///
    /// # Panics
    /// If there are `usize::MAX / 2` tokens, which takes a program that leaks them.
    ///
    /// # Examples
    ///
    /// ```
    /// let group = filch_sync::WaitGroup::new();
    /// let token = group.token();
    /// assert_eq!(group.n_tokens(), 1);
    /// drop(token);
    /// assert_eq!(group.n_tokens(), 0);
    /// ```
    #[track_caller]
    pub fn token(&self) -> WaitGroupToken<'_> {
        WaitGroupToken(Counted::new(self))
    }

    /// Counts one more job, until the token is dropped, which keeps the group alive and has no lifetime.
    ///
    /// # Panics
    /// If there are `usize::MAX / 2` tokens, which takes a program that leaks them.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::WaitGroup;
    /// use std::sync::Arc;
    ///
    /// let group = Arc::new(WaitGroup::new());
    /// let token = group.clone().token_owned();
    /// std::thread::spawn(move || drop(token));
    /// group.blocking_wait();
    /// ```
    #[track_caller]
    pub fn token_owned(self: Arc<Self>) -> OwnedWaitGroupToken {
        OwnedWaitGroupToken(Counted::new(self))
    }

    /// How many jobs are not done. Who sees none sees what they did.
    pub fn n_tokens(&self) -> usize {
        self.tokens.count()
    }

    /// Waits until all jobs are done: until there is a moment without a token. Returns at once if there is none.
    ///
    /// # Cancel safety
    /// Nothing is lost: a wait counts for nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::WaitGroup;
    ///
    /// # futures_lite::future::block_on(async {
    /// let group = WaitGroup::new();
    /// group.wait().await;
    /// let token = group.token();
    /// futures_lite::future::zip(group.wait(), async { drop(token) }).await;
    /// # });
    /// ```
    pub async fn wait(&self) {
        self.tokens.pass().await;
    }

    /// Blocks the thread until all jobs are done. For threads that are not part of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::WaitGroup;
    ///
    /// let group = WaitGroup::new();
    /// std::thread::scope(|scope| {
    ///     let token = group.token();
    ///     scope.spawn(move || drop(token));
    ///     group.blocking_wait();
    /// });
    /// ```
    pub fn blocking_wait(&self) {
        if self.n_tokens() != 0 {
            block_on(self.wait());
        }
    }
}

impl Default for WaitGroup {
    fn default() -> Self {
        WaitGroup::new()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup").field("n_tokens", &self.n_tokens()).finish_non_exhaustive()
    }
}

/// One job of a [`WaitGroup`], done when this is dropped. From [`WaitGroup::token`].
///
/// A clone is one more job: a job that starts others gives each of them one.
///
/// # Examples
///
/// ```
/// use filch_sync::WaitGroup;
///
/// let group = WaitGroup::new();
/// let token = group.token();
/// let helper = token.clone();
/// drop(token);
/// assert_eq!(group.n_tokens(), 1);
/// # drop(helper);
/// ```
#[must_use = "a job whose token is dropped at once is done at once"]
#[clippy::has_significant_drop]
#[derive(Clone, Debug)]
pub struct WaitGroupToken<'a>(
    #[allow(dead_code, reason = "kept for its drop")] Counted<&'a WaitGroup>,
);

/// One job of a [`WaitGroup`] that it keeps alive, done when this is dropped. From [`WaitGroup::token_owned`].
///
/// A clone is one more job: a job that starts others gives each of them one.
///
/// # Examples
///
/// ```
/// use filch_sync::WaitGroup;
/// use std::sync::Arc;
///
/// let group = Arc::new(WaitGroup::new());
/// let tokens = vec![group.clone().token_owned(); 3];
/// assert_eq!(group.n_tokens(), 3);
/// # drop(tokens);
/// ```
#[must_use = "a job whose token is dropped at once is done at once"]
#[clippy::has_significant_drop]
#[derive(Clone, Debug)]
pub struct OwnedWaitGroupToken(
    #[allow(dead_code, reason = "kept for its drop")] Counted<Arc<WaitGroup>>,
);

/// What both kinds of token are made of.
#[derive(Debug)]
struct Counted<P: Deref<Target = WaitGroup>>(P);

impl<P: Deref<Target = WaitGroup>> Counted<P> {
    #[track_caller]
    fn new(group: P) -> Self {
        let max = Gate::MAX;
        assert!(
            group.tokens.add_one(),
            "a wait group counts at most {max} tokens: drop them when their jobs are done"
        );
        Counted(group)
    }
}

impl<P: Deref<Target = WaitGroup> + Clone> Clone for Counted<P> {
    #[track_caller]
    fn clone(&self) -> Self {
        Counted::new(self.0.clone())
    }
}

impl<P: Deref<Target = WaitGroup>> Drop for Counted<P> {
    fn drop(&mut self) {
        self.0.tokens.subtract_one();
    }
}
