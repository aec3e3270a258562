//! What the members of one group have in common: its failures and its rules.

use super::TaskGroup;
use super::child::Child;
use super::error::{Cause, Failure, GroupError};
use super::member::{Payload, Report, with_group};
use super::owner::Owner;
use super::state::{End, Group, Opening};
use filch_core::RuntimeRef;
use filch_core::context;
use filch_core::coop::{self, Budget};
use filch_core::scope::{self, Fact, Reason, Surroundings};
use filch_core::sys::sync::Mutex;
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use filch_core::task::{Id, JoinError, Spawn};
use filch_sync::{OwnedSemaphorePermit, Semaphore};
use pin_project_lite::pin_project;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

const CHILD_FAILED: Reason = Reason::from_static("a child failed");
const CHILD_PANICKED: Reason = Reason::from_static("a child panicked");
const BODY_FAILED: Reason = Reason::from_static("the body failed");

/// The place of the body among the children: the last.
const BODY: usize = usize::MAX;

/// What behaves differently from one group to another.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) limit: Option<usize>,
    pub(super) ordered: bool,
    pub(super) fail_fast: bool,
}

/// A group whose children fail with `E`.
pub(super) struct Shared<E> {
    pub(super) group: Arc<Group>,
    /// What the children inherit. The group is the first in it.
    surroundings: Surroundings,
    runtime: RuntimeRef,
    /// One permit for each child that may run at a time.
    limit: Option<Arc<Semaphore>>,
    /// Of an ordered group.
    n_spawned: AtomicUsize,
    error: PhantomData<fn(E)>,
}

/// What the group itself knows of its children's failures.
struct Failures<E> {
    rules: Rules,
    /// With the places of the children among all that were spawned.
    list: Mutex<Vec<(usize, Failure<E>)>>,
}

/// Opens a group, at its first poll, runs its body and waits for its children.
pub(super) async fn run<E, R, F>(
    opening: impl FnOnce() -> Opening,
    rules: Rules,
    body: F,
) -> Result<R, GroupError<E>>
where
    F: AsyncFnOnce(TaskGroup<E>) -> Result<R, E>,
    E: Send + 'static,
{
    let outer = scope::current();
    let shared = Arc::new(Shared::new(opening(), &outer, rules));
    let body = {
        let shared = Arc::clone(&shared);
        async move {
            let result = body(TaskGroup(Arc::clone(&shared))).await;
            result.map_err(|error| shared.body_failed(error)).ok()
        }
    };
    let value = Owner::new(Arc::clone(&shared.group), outer, body).await;
    shared.conclude(value.flatten())
}

impl<E: Send + 'static> Shared<E> {
    fn new(opening: Opening, outer: &Surroundings, rules: Rules) -> Self {
        let limit = rules.limit.map(|n| Arc::new(Semaphore::new(n)));
        let failures: Failures<E> = Failures { rules, list: Mutex::default() };
        let group = Group::open(opening, Box::new(failures));
        Shared {
            surroundings: outer.with(Fact::Scope(Arc::clone(&group) as _)),
            group,
            runtime: RuntimeRef::current(),
            limit,
            n_spawned: AtomicUsize::new(0),
            error: PhantomData,
        }
    }

    fn failures(&self) -> &Failures<E> {
        self.group.kind()
    }

    fn body_failed(&self, error: E) {
        fail(&self.group, BODY, Failure::of_body(error), &BODY_FAILED);
    }

    /// What the scope gives.
    fn conclude<R>(&self, value: Option<R>) -> Result<R, GroupError<E>> {
        let mut failures = std::mem::take(&mut *self.failures().list.lock());
        match value {
            Some(value) if failures.is_empty() && self.group.end() != Some(End::Elapsed) => {
                return Ok(value);
            }
            _ => {}
        }
        if self.failures().rules.ordered {
            failures.sort_by_key(|(place, _)| *place);
        }
        let failures = failures.into_iter().map(|(_, failure)| failure).collect();
        Err(GroupError::of(&self.group, failures))
    }
}

/// Notes a failure in a group whose children fail with `E`.
fn fail<E: Send + 'static>(group: &Group, place: usize, failure: Failure<E>, reason: &Reason) {
    let failures: &Failures<E> = group.kind();
    failures.list.lock().push((place, failure));
    group.fail(reason, failures.rules.fail_fast);
}

impl<E: Send + 'static> Shared<E> {
    #[track_caller]
    pub(super) fn spawn<T, F>(
        self: &Arc<Self>,
        name: Option<&str>,
        place: &'static Location<'static>,
        future: F,
    ) -> Child<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.start(name, place, future, Plain(self.report()))
    }

    #[track_caller]
    pub(super) fn try_spawn<T, X, F>(
        self: &Arc<Self>,
        name: Option<&str>,
        place: &'static Location<'static>,
        future: F,
    ) -> Child<T>
    where
        F: Future<Output = Result<T, X>> + Send + 'static,
        T: Send + 'static,
        X: Into<E> + Send + 'static,
    {
        self.start(name, place, future, Fallible(self.report()))
    }

    fn report(&self) -> ChildReport<E> {
        let is_ordered = self.failures().rules.ordered;
        let place = if is_ordered { self.n_spawned.fetch_add(1, Relaxed) } else { 0 };
        ChildReport { place, error: PhantomData }
    }

    #[track_caller]
    fn start<T, F, R>(
        self: &Arc<Self>,
        name: Option<&str>,
        place: &'static Location<'static>,
        future: F,
        report: R,
    ) -> Child<T>
    where
        F: Future + Send + 'static,
        R: Report<F::Output, Value = Result<T, JoinError>>,
        T: Send + 'static,
    {
        let spawn = Spawn::on(self.runtime).name(name).at(place);
        let gate = self.limit.as_ref().map(Gate::queue);
        let future = Gated { future, gate };
        match self.group.spawn(&self.surroundings, spawn, future, report) {
            Ok(task) => Child::new(task),
            Err(_) => panic!(
                "a child was spawned in {}, which has ended; spawn while the scope's body or one of its children runs, \
                 or use filch::spawn for a task of its own",
                self.group.describe()
            ),
        }
    }
}

/// How a child reports to its group.
struct ChildReport<E> {
    place: usize,
    error: PhantomData<fn(E)>,
}

impl<E: Send + 'static> ChildReport<E> {
    #[cold]
    fn failed(&self, error: E) -> JoinError {
        self.fail(Failure::of_child(Cause::Error(error)), &CHILD_FAILED);
        JoinError::failed(this_task())
    }

    fn fail(&self, failure: Failure<E>, reason: &Reason) {
        with_group(|group| {
            if let Some(group) = group {
                fail(group, self.place, failure, reason);
            }
        });
    }

    #[cold]
    fn panicked(&self, payload: Payload) -> JoinError {
        let id = this_task();
        let message = text(&payload).unwrap_or("no message; its payload is in the group's error");
        let told = JoinError::panicked(id, Box::new(message.to_owned()));
        let failure = Failure::of_child(Cause::Panic(JoinError::panicked(id, payload)));
        self.fail(failure, &CHILD_PANICKED);
        told
    }
}

/// Reports are made from the member's own task.
fn this_task() -> Id {
    context::task_id().expect("a member is polled and dropped as a task")
}

fn text(payload: &Payload) -> Option<&str> {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Of a child that cannot fail.
struct Plain<E>(ChildReport<E>);

impl<T: Send + 'static, E: Send + 'static> Report<T> for Plain<E> {
    type Value = Result<T, JoinError>;

    fn done(&mut self, output: T) -> Self::Value {
        Ok(output)
    }

    fn panicked(&mut self, payload: Payload) -> Self::Value {
        Err(self.0.panicked(payload))
    }

    fn canceled(&mut self) -> Self::Value {
        Err(JoinError::canceled(this_task()))
    }
}

/// Of a child that can.
struct Fallible<E>(ChildReport<E>);

impl<T, X, E> Report<Result<T, X>> for Fallible<E>
where
    T: Send + 'static,
    X: Into<E> + Send + 'static,
    E: Send + 'static,
{
    type Value = Result<T, JoinError>;

    fn done(&mut self, output: Result<T, X>) -> Self::Value {
        // Why caught: the conversion is the user's.
        let converted = |error: X| catch_unwind(AssertUnwindSafe(|| error.into()));
        output.map_err(|error| match converted(error) {
            Ok(error) => self.0.failed(error),
            Err(payload) => self.0.panicked(payload),
        })
    }

    fn panicked(&mut self, payload: Payload) -> Self::Value {
        Err(self.0.panicked(payload))
    }

    fn canceled(&mut self) -> Self::Value {
        Err(JoinError::canceled(this_task()))
    }
}

pin_project! {
    /// A future that waits for its turn.
    struct Gated<F> {
        // First: it is gone before the next one's turn comes.
        #[pin]
        future: F,
        gate: Option<Gate>,
    }
}

enum Gate {
    Waiting(Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send>>),
    Open(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit),
}

impl Gate {
    /// A place behind everybody who came before.
    fn queue(limit: &Arc<Semaphore>) -> Self {
        let limit = Arc::clone(limit);
        let permit = limit.acquire_owned();
        let mut turn =
            Box::pin(async { permit.await.expect("the limit of a group is never closed") });
        // Why polled here: in the tasks, the order of their first polls would decide.
        let cx = &mut Context::from_waker(Waker::noop());
        match coop::with_budget(Budget::UNLIMITED, || turn.as_mut().poll(cx)) {
            Poll::Ready(permit) => Gate::Open(permit),
            Poll::Pending => Gate::Waiting(turn),
        }
    }
}

impl<F: Future> Future for Gated<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(Gate::Waiting(turn)) = this.gate {
            let permit = ready!(turn.as_mut().poll(cx));
            *this.gate = Some(Gate::Open(permit));
        }
        this.future.poll(cx)
    }
}
