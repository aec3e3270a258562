//! The first of several: [`race`].

use crate::children::Children;
use crate::group::{Group, Payload, Report, forget_payload};
use filch_core::coop;
use filch_core::scope::{Reason, Scope, Urgency};
use filch_core::sys::sync::Mutex;
use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Why those end that were not the first.
const LOST: Reason = Reason::from_static("another future of its race was the first");

/// Runs futures in parallel, each as a task of its own, and gives the output of the first to end.
///
/// They are spawned together when it is first polled. The first to end ends the others; its output is given once they have
/// ended, and what they give is dropped. `select!` does the same without tasks.
///
/// # Panics
/// - A poll panics when there is no future, so that there can be no first.
/// - With the panic of the first to end, once the others have ended.
/// - When every child was aborted from elsewhere.
/// - When it is polled again after it gave the output.
/// - When no runtime is found and none can be started, because the crate `filch` is not linked.
///
/// # Cancel safety
/// Dropped early, it ends its children before the drop returns; those in a poll on another thread are waited for.
/// A timeout around its first poll, or another scope there, ends them without blocking a thread; also one that polls it by
/// reference only.
#[track_caller]
pub fn race<I>(futures: I) -> Race<I::Item>
where
    I: IntoIterator,
    I::Item: Future + Send + 'static,
    <I::Item as Future>::Output: Send + 'static,
{
    let stage = Stage::New(futures.into_iter().collect(), start);
    Race { stage, called_at: Location::caller() }
}

/// Future of [`race`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Race<F: Future> {
    stage: Stage<F>,
    called_at: &'static Location<'static>,
}

enum Stage<F: Future> {
    New(Vec<F>, Start<F>),
    Running(Children, Arc<Finish<F::Output>>),
    Done,
}

/// Spawns the children. Why a pointer: as for `gather`.
type Start<F> = fn(&Children, Vec<F>, &Arc<Finish<<F as Future>::Output>>);

fn start<F>(children: &Children, futures: Vec<F>, finish: &Arc<Finish<F::Output>>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    children.spawn_all(futures, || Runner(Arc::clone(finish)));
}

// Why: the futures are moved into their tasks, never pinned here.
impl<F: Future> Unpin for Race<F> {}

impl<F: Future> Race<F> {
    fn start(&mut self) {
        let Stage::New(futures, start) = &mut self.stage else { return };
        assert!(
            !futures.is_empty(),
            "the race of {} has no future, so none can be the first; give it at least one",
            self.called_at
        );
        let children = Children::open(self.called_at);
        let first = Mutex::new(None);
        let finish = Arc::new(Finish { first, group: Arc::clone(children.group()) });
        start(&children, std::mem::take(futures), &finish);
        self.stage = Stage::Running(children, finish);
    }
}

impl<F: Future> Future for Race<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        this.start();
        let Stage::Running(children, finish) = &this.stage else {
            panic!(
                "the race of {} was polled after it gave its output; await it once",
                this.called_at
            )
        };
        let unit = ready!(coop::poll_proceed(cx));
        ready!(children.poll_ended(cx));
        let first = finish.first.lock().take();
        if first.is_none() {
            ready!(children.poll_wanted());
        }
        unit.made_progress();
        this.stage = Stage::Done;
        match first {
            Some(Ok(output)) => Poll::Ready(output),
            Some(Err(payload)) => resume_unwind(payload),
            None => panic!(
                "every future of the race of {} was aborted, so none was the first; do not abort what races",
                this.called_at
            ),
        }
    }
}

impl<F: Future> fmt::Debug for Race<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Race");
        match &self.stage {
            Stage::New(futures, _) => shown.field("n_futures", &futures.len()),
            Stage::Running(children, _) => shown.field("children", children),
            Stage::Done => shown.field("done", &true),
        };
        shown.field("called_at", &format_args!("{}", self.called_at)).finish()
    }
}

/// Where the first arrives.
struct Finish<T> {
    first: Mutex<Option<Result<T, Payload>>>,
    group: Arc<Group>,
}

impl<T> Finish<T> {
    /// Answers what is not the first.
    fn arrive(&self, outcome: Result<T, Payload>) -> Option<Result<T, Payload>> {
        let mut first = self.first.lock();
        if first.is_some() {
            return Some(outcome);
        }
        *first = Some(outcome);
        drop(first);
        self.group.cancel(&LOST, Urgency::Now);
        None
    }
}

struct Runner<T>(Arc<Finish<T>>);

impl<T: Send + 'static> Report<T> for Runner<T> {
    type Value = ();

    fn done(&mut self, output: T) {
        drop(self.0.arrive(Ok(output)));
    }

    fn panicked(&mut self, payload: Payload) {
        if let Some(Err(payload)) = self.0.arrive(Err(payload)) {
            forget_payload(payload);
        }
    }

    fn canceled(&mut self) {}
}
