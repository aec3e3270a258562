//! Outputs in the order in which tasks end: [`as_completed`].

use crate::children::Children;
use crate::group::{Payload, Report};
use crate::ready::ReadyList;
use filch_core::coop;
use futures_core::Stream;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Runs futures in parallel, each as a task of its own, and gives their outputs in the order in which they end.
///
/// They start at the call, since the answer may be awaited under one timeout after another.
/// It belongs to the place of the call: a timeout or another scope around that ends the children.
///
/// # Panics
/// When no runtime is found and none can be started, because the crate `filch` is not linked.
///
/// # Cancel safety
/// Dropped early, it ends its children before the drop returns; those in a poll on another thread are waited for.
#[track_caller]
pub fn as_completed<I>(futures: I) -> AsCompleted<<I::Item as Future>::Output>
where
    I: IntoIterator,
    I::Item: Future + Send + 'static,
    <I::Item as Future>::Output: Send + 'static,
{
    let futures: Vec<_> = futures.into_iter().collect();
    let n_left = futures.len();
    let ready = Arc::<ReadyList<_>>::default();
    let called_at = Location::caller();
    let children = (n_left != 0).then(|| Children::open(called_at));
    if let Some(children) = &children {
        drop(children.spawn_all(futures, || Ended(Arc::clone(&ready))));
    }
    AsCompleted { children, ready, batch: VecDeque::new(), n_left }
}

/// Outputs in the order in which tasks end. From [`as_completed`].
#[must_use = "dropped at once, it ends its children"]
pub struct AsCompleted<T> {
    /// `None` once all have ended.
    children: Option<Children>,
    ready: Arc<ReadyList<Result<T, Payload>>>,
    /// Taken from `ready`, and not given yet.
    batch: VecDeque<Result<T, Payload>>,
    n_left: usize,
}

// Why: nothing in it is pinned.
impl<T> Unpin for AsCompleted<T> {}

impl<T> AsCompleted<T> {
    /// The output of the next child to end; `None` once all have ended and their outputs were given.
    ///
    /// # Panics
    /// With the panic of a child; the others go on.
    ///
    /// # Cancel safety
    /// Safe: an output leaves it only in the poll that gives it.
    pub async fn next(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_output(cx)).await
    }

    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(children) = &self.children else { return Poll::Ready(None) };
        let unit = ready!(coop::poll_proceed(cx));
        loop {
            // Why before the look: whoever has ended has left its output. One that was aborted from elsewhere has none.
            let have_ended = self.batch.is_empty() && children.poll_ended(cx).is_ready();
            if self.batch.is_empty() {
                self.ready.take(&mut self.batch);
            }
            if let Some(outcome) = self.batch.pop_front() {
                unit.made_progress();
                self.n_left -= 1;
                return Poll::Ready(Some(outcome.unwrap_or_else(|payload| resume_unwind(payload))));
            }
            if have_ended {
                ready!(children.poll_wanted()); // Only for outputs that will never come.
                unit.made_progress();
                self.children = None;
                self.n_left = 0;
                return Poll::Ready(None);
            }
            if self.ready.wait(cx.waker()) {
                return Poll::Pending;
            }
        }
    }
}

impl<T> AsCompleted<T> {
    /// How many outputs are still to be given.
    pub fn len(&self) -> usize {
        self.n_left
    }

    /// Whether all outputs were given.
    pub fn is_empty(&self) -> bool {
        self.n_left == 0
    }
}

/// The outputs in the order in which the children end. A poll panics as [`next`](AsCompleted::next) does.
impl<T> Stream for AsCompleted<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_output(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.n_left))
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("len", &self.n_left).finish()
    }
}

/// Where a child leaves its output.
struct Ended<T>(Arc<ReadyList<Result<T, Payload>>>);

impl<T: Send + 'static> Report<T> for Ended<T> {
    type Value = ();

    fn done(&mut self, output: T) {
        self.0.report(Ok(output));
    }

    fn panicked(&mut self, payload: Payload) {
        self.0.report(Err(payload));
    }

    fn canceled(&mut self) {}
}
