//! The suites accept honest parts and reject broken ones.

use super::{clock, scheduler, timers};
use crate::context;
use crate::runtime::RuntimeRef;
use crate::seam::{Clock, Hint, Park, Scheduler, Timers};
use crate::task::Runnable;
use crate::testing::{ListTimers, SystemClock};
use crate::timer::TimerCell;
use crate::wake_batch::WakeBatch;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

mod honest_timers {
    crate::timers_suite!(super::ListTimers::default);
}

mod honest_clock {
    crate::clock_suite!(|| super::SystemClock);
}

mod honest_scheduler {
    crate::scheduler_suite!(super::ThreadScheduler::honest);
}

#[track_caller]
fn assert_rejects(check: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(check)).is_err(), "a broken part passed");
}

/// Fires what is due within the coming second.
#[derive(Default)]
struct HastyTimers(ListTimers);

impl Timers for HastyTimers {
    fn arm(&self, cells: &mut Vec<Arc<TimerCell>>) {
        self.0.arm(cells);
    }

    fn next_deadline(&self) -> Option<u64> {
        self.0.next_deadline()
    }

    fn expire(&self, now: u64, wakes: &mut WakeBatch) {
        self.0.expire(now + 1_000_000_000, wakes);
    }

    fn abandon(&self, wakes: &mut WakeBatch) {
        self.0.abandon(wakes);
    }
}

#[test]
fn timers_that_fire_early_are_rejected() {
    assert_rejects(|| timers::a_timer_never_fires_early(&HastyTimers::default()));
}

/// Drops cells instead of filing or abandoning them.
struct ForgetfulTimers;

impl Timers for ForgetfulTimers {
    fn arm(&self, cells: &mut Vec<Arc<TimerCell>>) {
        cells.clear();
    }

    fn next_deadline(&self) -> Option<u64> {
        None
    }

    fn expire(&self, _: u64, _: &mut WakeBatch) {}

    fn abandon(&self, _: &mut WakeBatch) {}
}

#[test]
fn timers_that_forget_are_rejected() {
    assert_rejects(|| timers::a_timer_fires_at_its_deadline(&ForgetfulTimers));
    assert_rejects(|| timers::the_end_wakes_every_sleeper(&ForgetfulTimers));
    assert_rejects(|| timers::the_next_deadline_is_never_late(&ForgetfulTimers));
}

/// Every other answer lies a second back.
struct UnsteadyClock(AtomicUsize);

impl Clock for UnsteadyClock {
    fn now(&self) -> Instant {
        let back = self.0.fetch_add(1, SeqCst) % 2;
        Instant::now() + Duration::from_secs(1) - Duration::from_secs(back as u64)
    }
}

#[test]
fn a_clock_that_goes_back_is_rejected() {
    assert_rejects(|| clock::time_never_goes_back(&UnsteadyClock(AtomicUsize::new(0))));
}

/// Claims to stop, and runs on.
struct RestlessClock;

impl Clock for RestlessClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn pause(&self) -> bool {
        true
    }
}

#[test]
fn a_clock_that_does_not_stop_is_rejected() {
    assert_rejects(|| clock::a_stopped_clock_moves_by_advances_only(&RestlessClock));
}

/// One worker thread and one queue.
struct ThreadScheduler {
    queue: Mutex<Queue>,
    queued: Condvar,
    worker: Mutex<Option<JoinHandle<()>>>,
    flaw: Flaw,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// `shutdown` does not wait for the worker.
    LeavesTheWorker,
    /// Drops every hundredth task.
    DropsTasks,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Runnable>,
    n_scheduled: usize,
    is_shut_down: bool,
}

impl ThreadScheduler {
    fn honest() -> Self {
        Self::with(Flaw::None)
    }

    fn with(flaw: Flaw) -> Self {
        let (queue, queued, worker) = Default::default();
        ThreadScheduler { queue, queued, worker, flaw }
    }

    /// Waits for a task. `None`: shut down.
    fn next(&self) -> Option<Runnable> {
        let mut queue = self.queue.lock().expect("nobody panics under this lock");
        while queue.tasks.is_empty() && !queue.is_shut_down {
            queue = self.queued.wait(queue).expect("nobody panics under this lock");
        }
        if queue.is_shut_down { None } else { queue.tasks.pop_front() }
    }

    fn work(&self, runtime: RuntimeRef) {
        // SAFETY: `shutdown` joins this thread, and there is no other worker. The broken variant that does not join is
        // ended by its check only after the worker has gone idle.
        let _worker = unsafe { runtime.enter_worker(0) };
        assert_eq!(context::worker_index(), Some(0));
        while let Some(task) = self.next() {
            if let Some(again) = task.run() {
                self.schedule(again, Hint::Yield);
            }
        }
    }
}

impl Scheduler for ThreadScheduler {
    fn start(self: Arc<Self>, runtime: RuntimeRef, _: Arc<dyn Park>) -> io::Result<()> {
        let scheduler = self.clone();
        let worker = thread::Builder::new().spawn(move || scheduler.work(runtime))?;
        *self.worker.lock().expect("nobody panics under this lock") = Some(worker);
        Ok(())
    }

    fn schedule(&self, task: Runnable, _: Hint) {
        let refused = {
            let mut queue = self.queue.lock().expect("nobody panics under this lock");
            queue.n_scheduled += 1;
            let is_hundredth = queue.n_scheduled % 100 == 0;
            if queue.is_shut_down || self.flaw == Flaw::DropsTasks && is_hundredth {
                Some(task)
            } else {
                queue.tasks.push_back(task);
                None
            }
        };
        self.queued.notify_one();
        drop(refused);
    }

    fn shutdown(&self) {
        let tasks = {
            let mut queue = self.queue.lock().expect("nobody panics under this lock");
            queue.is_shut_down = true;
            std::mem::take(&mut queue.tasks)
        };
        self.queued.notify_all();
        let worker = self.worker.lock().expect("nobody panics under this lock").take();
        if self.flaw != Flaw::LeavesTheWorker {
            worker.map(JoinHandle::join).transpose().expect("a worker does not panic");
        }
        drop(tasks);
    }

    fn n_workers(&self) -> usize {
        1
    }
}

#[test]
fn a_scheduler_that_loses_tasks_is_rejected() {
    let scheduler = ThreadScheduler::with(Flaw::DropsTasks);
    assert_rejects(|| scheduler::every_spawned_task_runs(Arc::new(scheduler)));
}

#[test]
fn a_scheduler_that_leaves_a_worker_running_is_rejected() {
    let scheduler = ThreadScheduler::with(Flaw::LeavesTheWorker);
    assert_rejects(|| scheduler::no_task_is_polled_after_the_shutdown(Arc::new(scheduler)));
}
