//! Waiting for some of several tasks without ending the others: [`wait`].

use crate::ready::ReadyList;
use filch_core::coop;
use filch_core::task::{JoinError, JoinHandle};
use filch_timer::{Sleep, sleep};
use std::borrow::BorrowMut;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Waits until the tasks have come as far as `until` says, or `timeout` is over, and tells them apart.
///
/// `until` is [`FirstCompleted`], [`FirstError`] or [`All`]; `timeout` is a `Duration` or `None`, and begins with the first
/// poll. Without handles it is ready at once. It ends no task and takes no output.
///
/// The handles may be given by value or as `&mut`, for example by `handles.iter_mut()`.
///
/// # Panics
/// A poll panics when it gave the answer before.
///
/// # Cancel safety
/// The tasks go on when it is dropped. Handles that were given by value are dropped with it, so that their outputs are
/// lost; give `&mut` to keep them.
#[track_caller]
pub fn wait<H, T, U>(
    handles: impl IntoIterator<Item = H>,
    until: U,
    timeout: impl Into<Option<Duration>>,
) -> Wait<H, T, U>
where
    H: BorrowMut<JoinHandle<T>>,
    U: Until<T>,
{
    Wait {
        handles: Some(handles.into_iter().collect()),
        stage: Stage::New(timeout.into()),
        until,
        called_at: Location::caller(),
        output: PhantomData,
    }
}

/// Tasks told apart by [`wait`], both in the order of the input.
#[derive(Debug)]
pub struct Waited<H> {
    /// Those that have ended. Awaiting one does not wait.
    pub done: Vec<H>,
    /// Those that had not when the wait ended.
    pub pending: Vec<H>,
}

/// How far tasks must have come: [`FirstCompleted`], [`FirstError`] or [`All`].
pub trait Until<T>: sealed::Sealed {
    /// Whether the wait is over when a task has ended with this; `None`: its output was taken before.
    #[doc(hidden)]
    fn is_met_by(&self, output: Option<&Result<T, JoinError>>) -> bool;
}

/// [`wait`] until a task has ended.
#[derive(Clone, Copy, Debug)]
pub struct FirstCompleted;

/// [`wait`] until a task has given an error or panicked; without any, until all have ended. A task that was canceled has
/// given no error.
#[derive(Clone, Copy, Debug)]
pub struct FirstError;

/// [`wait`] until all tasks have ended.
#[derive(Clone, Copy, Debug)]
pub struct All;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::FirstCompleted {}
    impl Sealed for super::FirstError {}
    impl Sealed for super::All {}
}

impl<T> Until<T> for FirstCompleted {
    fn is_met_by(&self, _: Option<&Result<T, JoinError>>) -> bool {
        true
    }
}

impl<T, E> Until<Result<T, E>> for FirstError {
    fn is_met_by(&self, output: Option<&Result<Result<T, E>, JoinError>>) -> bool {
        match output {
            Some(Ok(output)) => output.is_err(),
            Some(Err(error)) => error.is_panic(),
            None => false,
        }
    }
}

impl<T> Until<T> for All {
    fn is_met_by(&self, _: Option<&Result<T, JoinError>>) -> bool {
        false
    }
}

/// Future of [`wait`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Wait<H, T, U> {
    /// `None` once they were given back.
    handles: Option<Vec<H>>,
    stage: Stage,
    until: U,
    called_at: &'static Location<'static>,
    output: PhantomData<fn() -> T>,
}

enum Stage {
    New(Option<Duration>),
    Waiting(Waiting),
}

struct Waiting {
    /// The indices of tasks that have ended and were not looked at.
    ended: Arc<ReadyList<usize>>,
    batch: VecDeque<usize>,
    n_left: usize,
    timeout: Option<Sleep>,
}

// Why: the handles are not pinned.
impl<H, T, U> Unpin for Wait<H, T, U> {}

impl Waiting {
    fn begin<T>(handles: &mut [impl BorrowMut<JoinHandle<T>>], timeout: Option<Duration>) -> Self {
        let ended = Arc::default();
        let mut batch = VecDeque::new();
        for (index, handle) in handles.iter_mut().enumerate() {
            if handle.borrow_mut().register(&ReadyList::waker(&ended, index)) {
                batch.push_back(index);
            }
        }
        let timeout = timeout.map(sleep);
        Waiting { ended, batch, n_left: handles.len(), timeout }
    }

    fn poll<T>(
        &mut self,
        handles: &mut [impl BorrowMut<JoinHandle<T>>],
        until: &impl Until<T>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            let mut is_met = false;
            for index in self.batch.drain(..) {
                self.n_left -= 1;
                let handle = handles[index].borrow_mut();
                let is_end = handle.peek(|output| until.is_met_by(Some(output)));
                is_met |= is_end.unwrap_or_else(|| until.is_met_by(None));
            }
            if is_met || self.n_left == 0 {
                return Poll::Ready(());
            }
            self.ended.take(&mut self.batch);
            if self.batch.is_empty() && self.ended.wait(cx.waker()) {
                break;
            }
        }
        match &mut self.timeout {
            Some(timeout) => Pin::new(timeout).poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<H, T, U> Future for Wait<H, T, U>
where
    H: BorrowMut<JoinHandle<T>>,
    U: Until<T>,
{
    type Output = Waited<H>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited<H>> {
        let this = &mut *self;
        let Some(handles) = &mut this.handles else {
            panic!(
                "the wait of {} was polled after it gave its answer; await it once",
                this.called_at
            )
        };
        let unit = ready!(coop::poll_proceed(cx));
        if let Stage::New(timeout) = this.stage {
            this.stage = Stage::Waiting(Waiting::begin(handles, timeout));
        }
        let Stage::Waiting(waiting) = &mut this.stage else { unreachable!("it has begun") };
        ready!(waiting.poll(handles, &this.until, cx));
        unit.made_progress();
        let has_ended = |handle: &H| handle.borrow().is_finished();
        let (done, pending) = this.handles.take().into_iter().flatten().partition(has_ended);
        Poll::Ready(Waited { done, pending })
    }
}

impl<H, T, U> fmt::Debug for Wait<H, T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("n_handles", &self.handles.as_ref().map(Vec::len))
            .field("called_at", &format_args!("{}", self.called_at))
            .finish()
    }
}
