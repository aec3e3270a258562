//! Making a task and handing it to its runtime.

use super::join::JoinHandle;
use super::raw::{Header, Origin, allocate};
use super::registry::Shard;
use super::runnable::Runnable;
use crate::context;
use crate::runtime::RuntimeRef;
use crate::scope::{self, Surroundings};
use crate::seam::Hint;
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
    member_of: Option<Surroundings>,
}

impl Spawn {
    /// A plain task of `runtime`, spawned at the caller's line.
    #[track_caller]
    pub fn on(runtime: RuntimeRef) -> Self {
        Spawn { runtime, name: None, spawned_at: Location::caller(), member_of: None }
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
        self.member_of = Some(surroundings);
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
        let runtime = self.runtime;
        // SAFETY: the call is `Send`.
        let (task, handle) = unsafe { self.make(BlockingCall(Some(call)), false, true) };
        // SAFETY: `make` gave us the runnable.
        let runnable = unsafe { Runnable::from_raw(task) };
        match runtime.access() {
            Some(parts) => parts.blocking.submit(runnable),
            None => drop(runnable),
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
        let shell = self.runtime.shell();
        let id = context::next_id();
        let shard = match (blocking, context::worker_of(shell)) {
            (true, _) => Shard::NONE,
            (false, Some(worker)) => Shard::of(worker),
            // Why: in turn, so that who spawns here and who completes there seldom meet at one lock.
            (false, None) => Shard::in_turn(id),
        };
        let member = self.member_of.is_some();
        let surroundings = self.member_of.unwrap_or_else(scope::current);
        let task = allocate(
            future,
            Origin {
                shell,
                shard,
                id,
                spawned_at: self.spawned_at,
                name: self.name,
                surroundings,
                member,
                local,
            },
        );
        // SAFETY: the one join handle of a task whose output is `F::Output`.
        (task, unsafe { JoinHandle::from_raw(task) })
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
    /// Registers and schedules the task. When the runtime is ending, it is canceled instead.
    pub fn start(self) {
        // Why: one access for both steps, so that the runtime cannot end between them.
        let Some(parts) = self.runtime.access() else { return };
        if self.runtime.shell().registry().insert(self.runnable.task()) {
            parts.scheduler.schedule(self.runnable, Hint::Spawn);
        }
    }

    /// As [`start`](Self::start), for several tasks at once: of those for the runtime of the first one, at most one wakes
    /// a worker.
    pub fn start_all(tasks: Vec<Prepared>) {
        let Some(runtime) = tasks.first().map(|task| task.runtime) else { return };
        let Some(parts) = runtime.access() else { return };
        let mut others = Vec::new();
        let mut refused = Vec::new();
        let mut accepted = tasks.into_iter().filter_map(|task| {
            if task.runtime != runtime {
                others.push(task);
                return None;
            }
            let is_in = runtime.shell().registry().insert(task.runnable.task());
            if is_in { Some(task.runnable) } else { refused.push(task.runnable); None }
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
