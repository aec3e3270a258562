//! Making a task and handing it to its runtime.

use super::adoption::adopted_from;
use super::join::JoinHandle;
use super::raw::{Header, Origin, allocate};
use super::registry::Shard;
use super::runnable::Runnable;
use crate::context;
use crate::runtime::{Parts, RuntimeRef};
use crate::scope::{self, Surroundings};
use crate::seam::{Blocking, Hint};
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// How a task is to be spawned: its runtime, its name and where the call stands.
#[derive(Debug)]
#[must_use = "nothing is spawned until one of the spawn methods is called"]
pub struct Spawn {
    runtime: RuntimeRef,
    name: Option<Box<str>>,
    spawned_at: &'static Location<'static>,
    ties: Ties,
}

/// Who counts the task, and what it inherits.
#[derive(Debug)]
enum Ties {
    /// Nobody; what surrounds the caller.
    Plain,
    /// The innermost scope of these; these.
    MemberOf(Surroundings),
    /// The nearest scope of these that adopts it; their values.
    AdoptedFrom(Surroundings),
}

impl Spawn {
    /// A plain task of `runtime`, spawned at the caller's line.
    #[track_caller]
    pub fn on(runtime: RuntimeRef) -> Self {
        Spawn { runtime, name: None, spawned_at: Location::caller(), ties: Ties::Plain }
    }

    /// Gives the task a name.
    pub fn name(mut self, name: Option<&str>) -> Self {
        self.name = name.map(Into::into);
        self
    }

    /// Makes the task a member of the innermost scope of `surroundings`, and has it inherit these instead of what
    /// surrounds the caller.
    ///
    /// When it has ended, the scope's [`member_ended`](crate::scope::Scope::member_ended) is called. The holder of an
    /// abort handle may drop its future at once while it is not in a poll; that costs one more atomic step per poll.
    pub fn member_of(mut self, surroundings: Surroundings) -> Self {
        self.ties = Ties::MemberOf(surroundings);
        self
    }

    /// Makes a task that outlives what is around it: the nearest living scope of `surroundings` that
    /// [adopts](crate::scope::Scope::adopt) it awaits it; without one only the runtime does, whose end gives adopted work
    /// a grace.
    ///
    /// The task inherits the context values of `surroundings`, but neither their deadlines nor their requests: no cancel
    /// of a scope reaches it, only its own handle does. What it spawns is not awaited by the adopter, but has the same
    /// grace when the runtime ends. When it has ended, the adopter's
    /// [`adoptee_ended`](crate::scope::Scope::adoptee_ended) is called.
    /// Works until the runtime's end is over; then the task is canceled, as all are. The adopter is chosen when the task
    /// is made, so each `adopt` is followed by one end.
    pub fn adopted(mut self, surroundings: &Surroundings) -> Self {
        self.ties = Ties::AdoptedFrom(surroundings.clone());
        self
    }

    /// Says where the call stands instead.
    pub fn at(mut self, place: &'static Location<'static>) -> Self {
        self.spawned_at = place;
        self
    }

    /// Makes a task that nobody knows yet: [`Prepared::start`] hands it to its runtime. Calls no foreign code.
    pub fn prepare<F>(self, future: F) -> (Prepared, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let runtime = self.runtime;
        // SAFETY: the future is `Send`.
        let (task, handle) = unsafe { self.make(future, false, false) };
        // SAFETY: `make` gave us the runnable.
        (Prepared { runtime, runnable: unsafe { Runnable::from_raw(task) } }, handle)
    }

    /// Spawns a future that may run on any worker. When the runtime is ending, the handle answers "canceled".
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, handle) = self.prepare(future);
        task.start();
        handle
    }

    /// Spawns a future that is polled and dropped on this thread only.
    ///
    /// # Panics
    /// When this thread is not the home of the runtime: the thread that runs its `LocalRuntime`.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        assert!(
            self.runtime.shell().is_home(),
            "spawn_local was called outside of a LocalRuntime, so nothing keeps the task on this thread; \
             call it inside LocalRuntime::block_on, or use spawn with a future that is Send"
        );
        let runtime = self.runtime;
        // SAFETY: marked local, and this thread is the runtime's home.
        let (task, handle) = unsafe { self.make(future, true, false) };
        // SAFETY: `make` gave us the runnable.
        Prepared { runtime, runnable: unsafe { Runnable::from_raw(task) } }.start();
        handle
    }

    /// Runs a call that blocks on a thread made for that. When the runtime is ending, the handle answers "canceled".
    pub fn spawn_blocking<F, R>(self, call: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.submit(call, |parts, task| parts.blocking.submit(task))
    }

    /// As [`spawn_blocking`](Self::spawn_blocking) for a call that computes: on the runtime's threads for that.
    pub fn spawn_compute<F, R>(self, call: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.submit(call, |parts, task| parts.compute.submit(task))
    }

    /// As [`spawn_blocking`](Self::spawn_blocking), on the threads of `pool`.
    pub fn spawn_blocking_on<F, R>(self, pool: &dyn Blocking, call: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.submit(call, |_, task| pool.submit(task))
    }

    /// Makes a task of a call and hands it to the pool that `to` chooses.
    fn submit<F, R>(
        self,
        call: F,
        to: impl FnOnce(&Parts, Runnable) -> Result<(), Runnable>,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let runtime = self.runtime;
        // SAFETY: the call is `Send`.
        let (task, handle) = unsafe { self.make(BlockingCall(Some(call)), false, true) };
        // SAFETY: `make` gave us the runnable.
        let runnable = unsafe { Runnable::from_raw(task) };
        let refused = match runtime.access() {
            Some(parts) => to(&parts, runnable).err(),
            None => Some(runnable),
        };
        if refused.is_some() {
            drop(refused); // After the access: what the call captured may wait for the runtime's end.
            runtime.check_process();
        }
        handle
    }

    /// # Safety
    /// - The future is `Send`, or `local` is set and this thread is the runtime's home.
    unsafe fn make<F: Future>(
        self,
        future: F,
        local: bool,
        blocking: bool,
    ) -> (NonNull<Header>, JoinHandle<F::Output>) {
        let task = allocate(future, self.origin(local, blocking));
        // SAFETY: the one join handle of a task whose output is `F::Output`.
        (task, unsafe { JoinHandle::from_raw(task) })
    }

    // Why not a part of `make`: that is compiled for each type of future.
    #[inline]
    fn origin(self, local: bool, blocking: bool) -> Origin {
        let shell = self.runtime.shell();
        let id = context::next_id();
        let parent = context::task_id();
        let shard = match (blocking, context::worker_of(shell)) {
            (true, _) => Shard::NONE,
            (false, Some(worker)) => Shard::of(worker),
            // Why: in turn, so that who spawns here and who completes there seldom meet at one lock.
            (false, None) => Shard::in_turn(id),
        };
        let (surroundings, member) = match self.ties {
            Ties::Plain => (scope::current(), false),
            Ties::MemberOf(surroundings) => (surroundings, true),
            Ties::AdoptedFrom(around) => (adopted_from(&around, self.runtime), true),
        };
        let Spawn { spawned_at, name, .. } = self;
        Origin { shell, shard, id, parent, spawned_at, name, surroundings, member, local }
    }
}

/// A task that nobody knows yet. Dropped, it is canceled.
#[derive(Debug)]
#[must_use = "dropped, it cancels the task"]
pub struct Prepared {
    runtime: RuntimeRef,
    runnable: Runnable,
}

impl Prepared {
    /// Makes the task a member of nothing, so that no scope hears of its end.
    pub fn disown(&mut self) {
        // SAFETY: nobody else knows the task.
        drop(unsafe { Header::take_surroundings(self.runnable.task()) });
    }

    /// Registers and schedules the task. When the runtime is ending, it is canceled instead.
    pub fn start(self) {
        // Why: one access for both steps, so that the runtime cannot end between them.
        let Some(parts) = self.runtime.access() else { return self.runtime.check_process() };
        if self.runtime.shell().registry().insert(self.runnable.task()) {
            parts.scheduler.schedule(self.runnable, Hint::Spawn);
        }
    }

    /// As [`start`](Self::start), for several tasks at once: of those for the runtime of the first one, at most one wakes
    /// a worker.
    pub fn start_all(tasks: Vec<Prepared>) {
        let Some(runtime) = tasks.first().map(|task| task.runtime) else { return };
        let Some(parts) = runtime.access() else { return runtime.check_process() };
        let mut others = Vec::new();
        let mut refused = Vec::new();
        let mut accepted = tasks.into_iter().filter_map(|task| {
            if task.runtime != runtime {
                others.push(task);
                return None;
            }
            let is_in = runtime.shell().registry().insert(task.runnable.task());
            if is_in {
                Some(task.runnable)
            } else {
                refused.push(task.runnable);
                None
            }
        });
        parts.scheduler.schedule_batch(&mut accepted);
        drop(accepted);
        drop(parts); // Unheld before futures are dropped, which may wait for the runtime's end.
        drop(refused);
        others.into_iter().for_each(Prepared::start);
    }
}

/// A call as a future that is done at its first poll.
struct BlockingCall<F>(Option<F>);

// Why: the call is moved out by the poll, never pinned.
impl<F> Unpin for BlockingCall<F> {}

impl<F: FnOnce() -> R, R> Future for BlockingCall<F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        let call = self.0.take().expect("a blocking call is polled once");
        Poll::Ready(call())
    }
}
