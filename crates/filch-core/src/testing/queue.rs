//! A scheduler without threads.

use crate::runtime::RuntimeRef;
use crate::seam::{Hint, Park, Scheduler};
use crate::sys::sync::Mutex;
use crate::task::Runnable;
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::Arc;

/// A queue that somebody else has to run. See [`run_all`](Self::run_all).
#[derive(Default)]
pub(crate) struct QueueScheduler {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Runnable>,
    is_shut_down: bool,
}

impl QueueScheduler {
    /// Runs what is queued, and what that schedules, on this thread. Answers how many polls that were.
    pub(crate) fn run_all(&self) -> usize {
        let mut n_polls = 0;
        while self.run_one() {
            n_polls += 1;
        }
        n_polls
    }

    /// Runs the first task of the queue, if there is one.
    pub(crate) fn run_one(&self) -> bool {
        let Some(task) = self.pop() else { return false };
        if let Some(again) = task.run() {
            again.schedule(Hint::Yield);
        }
        true
    }

    /// Takes the first task out of the queue.
    pub(crate) fn pop(&self) -> Option<Runnable> {
        self.queue.lock().tasks.pop_front()
    }

    /// How many tasks are queued.
    pub(crate) fn len(&self) -> usize {
        self.queue.lock().tasks.len()
    }
}

impl Scheduler for QueueScheduler {
    fn start(self: Arc<Self>, _: RuntimeRef, _: Arc<dyn Park>) -> io::Result<()> {
        Ok(())
    }

    fn schedule(&self, task: Runnable, _: Hint) {
        let refused = {
            let mut queue = self.queue.lock();
            let refused = queue.is_shut_down;
            if refused {
                Some(task)
            } else {
                queue.tasks.push_back(task);
                None
            }
        };
        drop(refused); // Unlocked: the drop of its future is user code.
    }

    fn shutdown(&self) {
        let dropped = {
            let mut queue = self.queue.lock();
            queue.is_shut_down = true;
            mem::take(&mut queue.tasks)
        };
        drop(dropped);
    }

    fn n_workers(&self) -> usize {
        1
    }
}
