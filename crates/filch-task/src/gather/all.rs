//! All outputs in the order of the input: [`gather`].

use crate::children::{Children, take_output};
use crate::group::{Payload, Report};
use filch_core::coop;
use filch_core::task::{JoinError, JoinHandle};
use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Runs futures in parallel, each as a task of its own, and gives their outputs in the order of the input.
///
/// They are spawned together when it is first polled, and awaited together. An empty one is ready at once.
/// The outputs may be `Result`s; [`try_gather`](crate::try_gather()) ends early at the first error.
/// A panic ends no sibling: it goes on once all have ended, and [`settled`](Gather::settled) gives it as an error instead.
///
/// # Panics
/// - With the panic of a child, once all have ended: of several, with that of the first in the order of the input.
/// - When a child was aborted from elsewhere, so that there is no output of it.
/// - When it is polled again after it gave the outputs.
/// - When no runtime is found and none can be started, because the crate `filch` is not linked.
///
/// # Cancel safety
/// Dropped early, it ends its children before the drop returns; those in a poll on another thread are waited for.
/// A timeout around its first poll, or another scope there, ends them without blocking a thread; also one that polls it by
/// reference only.
#[track_caller]
pub fn gather<I>(futures: I) -> Gather<I::Item>
where
    I: IntoIterator,
    I::Item: Future + Send + 'static,
    <I::Item as Future>::Output: Send + 'static,
{
    let stage = Stage::New(futures.into_iter().collect(), start);
    Gather { stage, called_at: Location::caller() }
}

/// Future of [`gather`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Gather<F: Future> {
    stage: Stage<F>,
    called_at: &'static Location<'static>,
}

enum Stage<F: Future> {
    New(Vec<F>, Start<F>),
    Running(Children, Outcomes<F>),
    Done,
}

/// A handle per child.
type Outcomes<F> = Vec<JoinHandle<Option<<F as Future>::Output>>>;

/// Spawns the children.
// Why a pointer: only the call knows that the futures can be spawned. A bound on the future's poll would have to be proven
// again wherever it is awaited, and inside of another future the compiler cannot prove that a `dyn Future` is `'static`.
type Start<F> = fn(&Children, Vec<F>) -> Outcomes<F>;

fn start<F>(children: &Children, futures: Vec<F>) -> Outcomes<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    children.spawn_all(futures, || Outcome)
}

// Why: the futures are moved into their tasks, never pinned here.
impl<F: Future> Unpin for Gather<F> {}

impl<F: Future> Gather<F> {
    /// Gives each output or the error of its task: a panic, or that it was aborted.
    ///
    /// # Cancel safety
    /// As [`gather`].
    pub fn settled(self) -> Settled<F> {
        Settled(self)
    }

    /// `Ready` with a handle per child when all have ended.
    fn poll_ended(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<impl Iterator<Item = Result<F::Output, JoinError>> + use<F>> {
        match &mut self.stage {
            Stage::New(futures, start) if !futures.is_empty() => {
                let children = Children::open(self.called_at);
                let handles = start(&children, std::mem::take(futures));
                self.stage = Stage::Running(children, handles);
            }
            _ => {}
        }
        let mut handles = Vec::new();
        if let Stage::Running(children, running) = &mut self.stage {
            let unit = ready!(coop::poll_proceed(cx));
            ready!(children.poll_ended(cx));
            ready!(children.poll_wanted());
            unit.made_progress();
            handles = std::mem::take(running);
        } else if let Stage::Done = self.stage {
            panic!(
                "the gather of {} was polled after it gave its outputs; await it once",
                self.called_at
            );
        }
        self.stage = Stage::Done;
        Poll::Ready(handles.into_iter().map(|mut handle| {
            let output = take_output(&mut handle)?;
            Ok(output.expect("a child that nobody ended is done"))
        }))
    }
}

impl<F: Future> Future for Gather<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let called_at = self.called_at;
        let outputs = ready!(self.poll_ended(cx));
        Poll::Ready(
            outputs.map(|output| output.unwrap_or_else(|error| fail(error, called_at))).collect(),
        )
    }
}

/// Future of [`Gather::settled`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Settled<F: Future>(Gather<F>);

impl<F: Future> Future for Settled<F> {
    type Output = Vec<Result<F::Output, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_ended(cx).map(Iterator::collect)
    }
}

impl<F: Future> fmt::Debug for Gather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Gather");
        match &self.stage {
            Stage::New(futures, _) => shown.field("n_futures", &futures.len()),
            Stage::Running(children, _) => shown.field("children", children),
            Stage::Done => shown.field("done", &true),
        };
        shown.field("called_at", &format_args!("{}", self.called_at)).finish()
    }
}

impl<F: Future> fmt::Debug for Settled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Settled").field(&self.0).finish()
    }
}

/// What becomes of a child: its output. `None`: it was ended with the others.
pub(super) struct Outcome;

impl<T: Send + 'static> Report<T> for Outcome {
    type Value = Option<T>;

    fn done(&mut self, output: T) -> Option<T> {
        Some(output)
    }

    fn panicked(&mut self, payload: Payload) -> Option<T> {
        resume_unwind(payload) // The task's join handle gives it.
    }

    fn canceled(&mut self) -> Option<T> {
        None
    }
}

/// Passes a child's panic on.
pub(crate) fn fail(error: JoinError, called_at: &Location<'_>) -> ! {
    match error.try_into_panic() {
        Ok(payload) => resume_unwind(payload),
        Err(error) => panic!(
            "{error}, so the gather of {called_at} has no output of it to give; \
             do not abort what is gathered, or use gather(..).settled()"
        ),
    }
}
