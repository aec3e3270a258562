//! All values, or the first failure: [`try_gather`].

use super::all::fail;
use crate::children::{Children, take_output};
use crate::group::{Group, Payload, Report};
use filch_core::coop;
use filch_core::scope::Reason;
use filch_core::sys::sync::Mutex;
use filch_core::task::JoinHandle;
use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Why the siblings of a child that failed end.
const SIBLING_FAILED: Reason = Reason::from_static("a future gathered with it failed");

/// Runs futures in parallel, each as a task of its own, and gives their values in the order of the input, or the first
/// error.
///
/// They are spawned together when it is first polled, and awaited together. An empty one is ready at once.
/// The error that comes first in time ends the others; it is given once they have ended, and their errors are dropped.
/// With [`keep_going`](TryGather::keep_going) it is given at once and the others go on.
///
/// # Panics
/// - With the first panic of a child, in time. It ends the others like an error, and goes before an error.
/// - When a child was aborted from elsewhere and none failed.
/// - When it is polled again after it gave its result.
/// - When no runtime is found and none can be started, because the crate `filch` is not linked.
///
/// # Errors
/// The first one, in time, that a future gave.
///
/// # Cancel safety
/// Dropped early, it ends its children before the drop returns; those in a poll on another thread are waited for.
/// A timeout around its first poll, or another scope there, ends them without blocking a thread; also one that polls it by
/// reference only.
#[track_caller]
pub fn try_gather<I, T, E>(futures: I) -> TryGather<I::Item, T, E>
where
    I: IntoIterator,
    I::Item: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let stage = Stage::New(futures.into_iter().collect(), start);
    TryGather { stage, keeps_going: false, called_at: Location::caller() }
}

/// Future of [`try_gather`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct TryGather<F, T, E> {
    stage: Stage<F, T, E>,
    keeps_going: bool,
    called_at: &'static Location<'static>,
}

enum Stage<F, T, E> {
    New(Vec<F>, Start<F, T, E>),
    Running(Children, Values<T>, Arc<First<E>>),
    Done,
}

/// A handle per child.
type Values<T> = Vec<JoinHandle<Option<T>>>;

/// Spawns the children. Why a pointer: as for `gather`.
type Start<F, T, E> = fn(&Children, Vec<F>, &Arc<First<E>>) -> Values<T>;

fn start<F, T, E>(children: &Children, futures: Vec<F>, first: &Arc<First<E>>) -> Values<T>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    children.spawn_all(futures, || Attempt(Arc::clone(first)))
}

// Why: the futures are moved into their tasks, never pinned here.
impl<F, T, E> Unpin for TryGather<F, T, E> {}

impl<F, T, E> TryGather<F, T, E> {
    /// Gives the first error, or passes the first panic on, at once; the others go on.
    ///
    /// From then on they are tasks of their own, as if they had been spawned and their handles dropped: nobody awaits
    /// them, and the runtime's end ends them. A future that is dropped before that ends its children all the same.
    pub fn keep_going(mut self) -> Self {
        self.keeps_going = true;
        self
    }

    fn start(&mut self) {
        let Stage::New(futures, start) = &mut self.stage else { return };
        if futures.is_empty() {
            return;
        }
        let children = Children::open(self.called_at);
        let first = Arc::new(First {
            failure: Mutex::new(Slot::Open),
            group: Arc::clone(children.group()),
            keeps_going: self.keeps_going,
        });
        let handles = start(&children, std::mem::take(futures), &first);
        self.stage = Stage::Running(children, handles, first);
    }
}

impl<F, T, E> Future for TryGather<F, T, E> {
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.start();
        if let Stage::Running(children, _, first) = &this.stage {
            // Why free of charge after a failure: when something further out ends it, the poll that hears of it is its last.
            let unit = if first.is_there() { None } else { Some(ready!(coop::poll_proceed(cx))) };
            let ended = children.poll_ended(cx);
            if !first.is_there() {
                ready!(ended);
                ready!(children.poll_wanted());
            } else if !this.keeps_going {
                ready!(ended);
            }
            if let Some(unit) = unit {
                unit.made_progress();
            }
        }
        match std::mem::replace(&mut this.stage, Stage::Done) {
            Stage::New(..) => Poll::Ready(Ok(Vec::new())),
            Stage::Running(children, handles, first) => {
                let failure = first.take();
                if this.keeps_going {
                    children.let_go();
                }
                Poll::Ready(match failure {
                    None => Ok(handles
                        .into_iter()
                        .map(|handle| value_of(handle, this.called_at))
                        .collect()),
                    Some(Failure::Error(error)) => Err(error),
                    Some(Failure::Panic(payload)) => resume_unwind(payload),
                })
            }
            Stage::Done => panic!(
                "the try_gather of {} was polled after it gave its result; await it once",
                this.called_at
            ),
        }
    }
}

fn value_of<T>(mut handle: JoinHandle<Option<T>>, called_at: &Location<'_>) -> T {
    let value = take_output(&mut handle).unwrap_or_else(|error| fail(error, called_at));
    value.expect("without a failure each child has its value")
}

impl<F, T, E> fmt::Debug for TryGather<F, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TryGather");
        match &self.stage {
            Stage::New(futures, _) => shown.field("n_futures", &futures.len()),
            Stage::Running(children, ..) => shown.field("children", children),
            Stage::Done => shown.field("done", &true),
        };
        shown.field("called_at", &format_args!("{}", self.called_at)).finish()
    }
}

enum Failure<E> {
    Error(E),
    Panic(Payload),
}

/// The first failure among the children, and whom it concerns.
struct First<E> {
    failure: Mutex<Slot<E>>,
    group: Arc<Group>,
    keeps_going: bool,
}

enum Slot<E> {
    Open,
    Failed(Failure<E>),
    /// Nobody asks any more.
    Taken,
}

impl<E> First<E> {
    fn is_there(&self) -> bool {
        matches!(*self.failure.lock(), Slot::Failed(_))
    }

    fn take(&self) -> Option<Failure<E>> {
        let slot = std::mem::replace(&mut *self.failure.lock(), Slot::Taken);
        match slot {
            Slot::Failed(failure) => Some(failure),
            Slot::Open | Slot::Taken => None,
        }
    }

    /// Answers the failure that is not the first, or is no longer.
    fn offer(&self, failure: Failure<E>) -> Option<Failure<E>> {
        let mut slot = self.failure.lock();
        let is_first = match (&*slot, &failure) {
            (Slot::Open, _) | (Slot::Failed(Failure::Error(_)), Failure::Panic(_)) => true,
            (Slot::Failed(_) | Slot::Taken, _) => false,
        };
        if !is_first {
            return Some(failure);
        }
        let former = std::mem::replace(&mut *slot, Slot::Failed(failure));
        drop(slot);
        self.group.fail(&SIBLING_FAILED, !self.keeps_going);
        if self.keeps_going {
            self.group.wake_owner();
        }
        match former {
            Slot::Failed(former) => Some(former),
            Slot::Open | Slot::Taken => None,
        }
    }
}

/// One child: its value, or `None` when it has none.
struct Attempt<E>(Arc<First<E>>);

impl<T, E> Report<Result<T, E>> for Attempt<E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    type Value = Option<T>;

    fn done(&mut self, output: Result<T, E>) -> Option<T> {
        match output {
            Ok(value) => Some(value),
            Err(error) => {
                drop(self.0.offer(Failure::Error(error)));
                None
            }
        }
    }

    fn panicked(&mut self, payload: Payload) -> Option<T> {
        if let Some(Failure::Panic(payload)) = self.0.offer(Failure::Panic(payload)) {
            resume_unwind(payload) // It is the task's own.
        }
        None
    }

    fn canceled(&mut self) -> Option<T> {
        None
    }
}
