//! Where a runtime's parts are found, by its own threads and by all others, and how it ends.
//!
//! Builds no part and decides nothing about tasks: the facade puts the parts together and owns the [`Living`].

mod block_on;
mod buffers;
mod fork;
mod parts;
mod root;
mod roots;
mod shell;

pub use block_on::block_on_thread;
pub use buffers::{Armed, TimerBuffers};
pub use fork::{forked, n_forks};
pub use parts::Parts;
pub(crate) use root::Root;
pub use root::{Remains, Unfinished, UnobservedPanic, UnobservedPanics};
pub use roots::Roots;
pub use shell::{Access, Shell};

use crate::context::{self, EnterGuard};
use crate::io::IoSlots;
use crate::task::AbortHandle;
use crate::timer::TimerCell;
use crate::wake_batch::WakeBatch;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Names a runtime, also after it ended. Two words, free to copy.
#[derive(Clone, Copy)]
pub struct RuntimeRef {
    shell: &'static Shell,
    epoch: u64,
}

impl RuntimeRef {
    pub(crate) fn new(shell: &'static Shell, epoch: u64) -> Self {
        RuntimeRef { shell, epoch }
    }

    pub(crate) fn shell(self) -> &'static Shell {
        self.shell
    }

    /// The runtime this thread works for or has entered; else the process default, which is what `run` started.
    pub fn try_current() -> Option<RuntimeRef> {
        context::try_current()
    }

    /// The runtime this thread works for or has entered; else the process default, which is what `run` started; else
    /// the lazy global one.
    ///
    /// # Panics
    /// When there is none of these because the facade crate is not linked, so that nothing could start one.
    #[track_caller]
    pub fn current() -> RuntimeRef {
        context::current()
    }

    /// The runtime's parts. `None` once it ends. Hold the answer briefly: the end waits for it.
    #[inline]
    pub fn access(self) -> Option<Access> {
        self.shell.access(self.epoch)
    }

    /// Whether the runtime has ended or is ending.
    pub fn has_ended(self) -> bool {
        self.shell.has_ended(self.epoch)
    }

    /// Whether it is the runtime of a process that this one was forked from. None of its threads is here, nobody is let in,
    /// and its end is not ours.
    #[inline]
    pub fn is_inherited(self) -> bool {
        self.shell.is_inherited()
    }

    /// Refuses what would wait for threads that are not here.
    ///
    /// # Panics
    /// When the runtime [is inherited](Self::is_inherited).
    #[track_caller]
    #[inline]
    pub fn check_process(self) {
        assert!(
            !self.is_inherited(),
            "a filch runtime was used after a fork, in the child, which has none of its threads; \
             start another one there with `filch::run`, on a new thread if the fork was inside async code, or call exec"
        );
    }

    /// Makes this the thread's runtime until the guard is dropped.
    pub fn enter(self) -> EnterGuard {
        context::enter(self)
    }

    /// The slots of this runtime's sources.
    pub(crate) fn slots(self) -> &'static IoSlots {
        self.shell.slots()
    }

    /// An empty batch for turns of this runtime's driver.
    pub fn wake_batch(self) -> WakeBatch {
        WakeBatch::for_slots(self.shell.slots())
    }

    /// A handle to each live task, in no order. Blocking calls are not listed.
    pub fn tasks(self) -> Vec<AbortHandle> {
        // Why visited: the shell might be another runtime's before all are listed.
        self.access().map_or_else(Vec::new, |_inside| self.shell.tasks())
    }

    /// As [`tasks`](Self::tasks), without those that the end of the runtime waits for: adopted work and what it spawned.
    pub fn tasks_without_grace(self) -> Vec<AbortHandle> {
        self.access().map_or_else(Vec::new, |_inside| self.shell.registry().all_without_grace())
    }

    /// The panics of its tasks that nobody has looked at.
    pub fn unobserved_panics(self) -> UnobservedPanics {
        UnobservedPanics(self.root().unwrap_or_default())
    }

    /// What the runtime answers for, unless it has ended.
    pub(crate) fn root(self) -> Option<Arc<Root>> {
        self.shell.root_of(self.epoch)
    }

    pub(crate) fn remains(self) -> Remains {
        Remains { runtime: self, root: self.root().unwrap_or_default() }
    }

    pub(crate) fn epoch(self) -> u64 {
        self.epoch
    }

    /// How many sources are registered.
    pub fn n_sources(self) -> usize {
        self.shell.slots().n_used()
    }

    /// Arms a timer. On a worker it stays in the worker's buffer at first. `false` when the runtime has ended.
    pub fn arm(self, cell: Arc<TimerCell>) -> bool {
        let Some(parts) = self.access() else { return false };
        match context::worker_of(self.shell) {
            Some(worker) => {
                if parts.buffers.push(worker, cell, &*parts.timers) == Armed::Urgent {
                    context::request_flush();
                }
            }
            None => {
                let deadline = cell.deadline().unwrap_or(0);
                parts.timers.arm(&mut vec![cell]);
                if parts.buffers.would_oversleep(deadline) {
                    parts.park.unpark();
                }
            }
        }
        true
    }

    /// What the runtime's clock says; the system's clock once the runtime has ended.
    pub fn now(self) -> Instant {
        self.access().map_or_else(Instant::now, |parts| parts.clock.now())
    }

    /// What a [`TimerCell`] must be armed for to fire after `duration`. `None` when the runtime has ended, or that time
    /// never comes.
    pub(crate) fn deadline_after(self, duration: Duration) -> Option<u64> {
        let parts = self.access()?;
        let deadline = parts.clock.now().checked_add(duration)?;
        Some(parts.nanoseconds(deadline))
    }

    /// Marks this thread as the worker of `index` for as long as the guard lives: it may use the parts without being
    /// counted, because the scheduler's shutdown joins it.
    ///
    /// # Safety
    /// - [`Scheduler::shutdown`](crate::seam::Scheduler::shutdown) returns only after the guard is dropped.
    /// - No other thread has the same index meanwhile.
    pub unsafe fn enter_worker(self, index: usize) -> context::WorkerGuard {
        context::enter_worker(self, index)
    }

    /// Makes this thread the only one on which local tasks of this runtime are polled and dropped.
    pub fn set_home(self) {
        self.shell.set_home(context::thread_number() as u64 + 1);
    }

    /// Tasks that were found on a thread that may not touch them. The home fetches them between two turns.
    pub fn take_strays(self) -> Vec<crate::task::Runnable> {
        self.shell.take_strays()
    }
}

impl PartialEq for RuntimeRef {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.shell, other.shell) && self.epoch == other.epoch
    }
}

impl Eq for RuntimeRef {}

impl fmt::Debug for RuntimeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeRef")
            .field("epoch", &self.epoch)
            .field("ended", &self.has_ended())
            .finish()
    }
}

/// A runtime's life: opened with its parts, ended once.
#[derive(Debug)]
#[must_use = "a runtime that nobody ends keeps its threads"]
pub struct Living(RuntimeRef);

impl Living {
    /// Gives the parts a shell. The scheduler is not started by this.
    pub fn open(parts: Parts) -> Living {
        let shell = Shell::take();
        let epoch = shell.open(parts);
        Living(RuntimeRef::new(shell, epoch))
    }

    /// The runtime's name tag.
    pub fn runtime(&self) -> RuntimeRef {
        self.0
    }

    /// The first step of the end, while everything still runs: refuses further tasks, cancels all there are, and drops on
    /// this thread the futures of those that wait. Tasks that were [adopted](crate::task::Spawn::adopted), and what is
    /// spawned inside of those, go on. [`remains`](Self::remains) tells what to wait for before [`end`](Self::end).
    ///
    /// The caller has entered the runtime, so that what is dropped finds it.
    pub fn sweep(&self) {
        self.0.shell.sweep(&self.0.remains().root);
    }

    /// What [`sweep`](Self::sweep) leaves to wait for.
    pub fn remains(&self) -> Remains {
        self.0.remains()
    }

    /// Ends the runtime: lets no visitor in, stops the scheduler, drops every task's future, ends timers and
    /// registrations, drops the parts. Blocking calls that run are not waited for; the pool's owner does that.
    pub fn end(self) {
        let shell = self.0.shell;
        // Why: an access keeps the runtime from ending, so the parts are cloned before the door is closed.
        let Some((scheduler, timers, buffers)) = self.0.access().map(|parts| {
            (Arc::clone(&parts.scheduler), Arc::clone(&parts.timers), Arc::clone(&parts.buffers))
        }) else {
            return;
        };
        shell.close();
        scheduler.shutdown();
        shell.cancel_all();
        // Why: a timer that a worker armed for a task of another runtime may still lie in a buffer.
        buffers.drain_all(&*timers);
        let mut wakes = WakeBatch::default();
        timers.abandon(&mut wakes);
        shell.retire_slots(&mut wakes);
        wakes.wake_all();
        drop(shell.take_parts());
        shell.recycle();
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests;
