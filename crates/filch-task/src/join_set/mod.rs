//! Tasks of one output type that are joined in the order in which they end: [`JoinSet`].
//!
//! Gives no order of spawning and cancels nobody because a sibling failed.
//!
//! Every member's join handle holds a waker that puts the member's key on a list (`ready.rs`), so that a join looks at
//! complete members only, however many others there are. A key may be reported that nobody waits for any more (a member
//! that was detached while it completed); who takes keys looks at the member itself.
//! **Invariant:** a member that is complete and not yet joined has its key on the list, in the batch taken from it, or on
//! its way there in a wake.

mod builder;

pub use builder::Builder;

use crate::children::take_output;
use crate::ready::ReadyList;
use filch_core::RuntimeRef;
use filch_core::coop;
use filch_core::task::{AbortHandle, Id, JoinError, JoinHandle, Spawn};
use futures_core::Stream;
use slab::Slab;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

/// Tasks of one output type, joined in the order in which they end.
///
/// Dropped, it aborts what is left in it.
#[must_use = "dropped at once, a JoinSet aborts its tasks"]
pub struct JoinSet<T> {
    members: Slab<JoinHandle<T>>,
    /// The waker of each key that was ever used.
    wakers: Vec<Waker>,
    ready: Arc<ReadyList<usize>>,
    /// Keys taken from `ready` and not looked at yet.
    batch: VecDeque<usize>,
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        JoinSet {
            members: Slab::new(),
            wakers: Vec::new(),
            ready: Arc::default(),
            batch: VecDeque::new(),
        }
    }

    /// How many tasks are in the set: those that run and those that wait to be joined.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether no task is left to be joined.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Asks every task to end. They stay in the set; each is joined as "canceled", unless it was complete.
    pub fn abort_all(&mut self) {
        self.members.iter().for_each(|(_, member)| member.abort());
    }

    /// Lets every task go on without the set, which is empty afterwards.
    pub fn detach_all(&mut self) {
        self.members.clear();
    }

    fn insert(&mut self, member: JoinHandle<T>) -> AbortHandle {
        let abort = member.abort_handle();
        let key = self.members.insert(member);
        if key == self.wakers.len() {
            self.wakers.push(ReadyList::waker(&self.ready, key));
        }
        if self.members[key].register(&self.wakers[key]) {
            self.batch.push_back(key);
        }
        abort
    }

    fn take_complete(&mut self) -> Option<(Id, Result<T, JoinError>)> {
        loop {
            if self.batch.is_empty() {
                self.ready.take(&mut self.batch);
            }
            let key = self.batch.pop_front()?;
            if let Some(joined) = self.take_if_complete(key) {
                return Some(joined);
            }
        }
    }

    fn take_if_complete(&mut self, key: usize) -> Option<(Id, Result<T, JoinError>)> {
        let member = self.members.get_mut(key).filter(|member| member.is_finished())?;
        let output = take_output(member);
        Some((self.members.remove(key).id(), output))
    }
}

impl<T: 'static> JoinSet<T> {
    /// Starts `task` on the current runtime, as [`spawn`](crate::spawn()) does, and adds it to the set.
    ///
    /// # Panics
    /// As [`spawn`](crate::spawn()).
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(Spawn::on(RuntimeRef::current()).spawn(task))
    }

    /// Starts `task` on the runtime of `handle` and adds it to the set.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: impl Into<RuntimeRef>) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(Spawn::on(handle.into()).spawn(task))
    }

    /// Starts `task` on this thread, as [`spawn_local`](crate::spawn_local) does, and adds it to the set.
    ///
    /// # Panics
    /// As [`spawn_local`](crate::spawn_local).
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(Spawn::on(RuntimeRef::current()).spawn_local(task))
    }

    /// Runs `call` as [`spawn_blocking`](crate::spawn_blocking) does and adds it to the set.
    ///
    /// # Panics
    /// As [`spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, call: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(Spawn::on(RuntimeRef::current()).spawn_blocking(call))
    }

    /// Runs `call` on a blocking thread of the runtime of `handle` and adds it to the set.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, call: F, handle: impl Into<RuntimeRef>) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(Spawn::on(handle.into()).spawn_blocking(call))
    }

    /// For a task with a name.
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder::new(self)
    }

    /// Waits for the next task to end and gives its output; `None` when the set is empty.
    ///
    /// # Cancel safety
    /// Safe: a task leaves the set only in the poll that gives its output.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// As [`join_next`](Self::join_next), with the task's id. The error names its task itself.
    ///
    /// # Cancel safety
    /// As [`join_next`](Self::join_next).
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// The output of a task that has ended; `None` when there is none at present.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.take_complete().map(|(_, output)| output)
    }

    /// As [`try_join_next`](Self::try_join_next), with the task's id.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        self.take_complete().map(|(id, output)| output.map(|output| (id, output)))
    }

    /// [`join_next`](Self::join_next) for hand-written futures: pending while every task runs. The waker of the last
    /// call counts.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_complete(cx).map(|joined| joined.map(|(_, output)| output))
    }

    /// [`join_next_with_id`](Self::join_next_with_id) for hand-written futures.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        self.poll_complete(cx)
            .map(|joined| joined.map(|(id, output)| output.map(|output| (id, output))))
    }

    /// Asks every task to end and waits until each has. Their outputs and panics are dropped.
    ///
    /// # Cancel safety
    /// Dropped early, the tasks that have not ended stay in the set and end all the same.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Waits for every task and gives the outputs in the order in which the tasks ended.
    ///
    /// # Panics
    /// When a task panicked or was canceled; the other tasks are aborted then.
    ///
    /// # Cancel safety
    /// Not safe: dropped early, it aborts what is left and loses the outputs it has.
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(joined) = self.join_next().await {
            match joined.map_err(JoinError::try_into_panic) {
                Ok(output) => outputs.push(output),
                Err(Ok(payload)) => resume_unwind(payload),
                Err(Err(error)) => panic!(
                    "JoinSet::join_all found that {error}, so there is no output of it to give; \
                     use join_next to see the error of each task"
                ),
            }
        }
        outputs
    }

    fn poll_complete(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Id, Result<T, JoinError>)>> {
        if self.is_empty() {
            return Poll::Ready(None);
        }
        let unit = ready!(coop::poll_proceed(cx));
        loop {
            if let Some(joined) = self.take_complete() {
                unit.made_progress();
                return Poll::Ready(Some(joined));
            }
            if self.ready.wait(cx.waker()) {
                return Poll::Pending;
            }
        }
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.abort_all();
    }
}

/// The outputs in the order in which tasks end, until the set is empty.
impl<T: 'static> Stream for JoinSet<T> {
    type Item = Result<T, JoinError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_join_next(cx)
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

/// Starts each future, as [`JoinSet::spawn`] does.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn from_iter<I: IntoIterator<Item = F>>(tasks: I) -> Self {
        let mut set = Self::new();
        set.extend(tasks);
        set
    }
}

/// Starts each future, as [`JoinSet::spawn`] does.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn extend<I: IntoIterator<Item = F>>(&mut self, tasks: I) {
        for task in tasks {
            self.spawn(task);
        }
    }
}
