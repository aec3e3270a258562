//! Where threads that are no workers leave tasks: a few queues, one per group of threads (design 0005).

use crossbeam_deque::{Injector as Queue, Steal, Worker as Deque};
use crossbeam_utils::CachePadded;
use filch_core::context;
use filch_core::task::Runnable;

/// How many tasks a worker takes along at once.
// Why: half a batch of crossbeam-deque's limit; a longer one would delay what is queued behind it.
const BATCH: usize = 16;
/// More queues than this cost more to look through than they save.
const MAX_SHARDS: usize = 8;

/// Tasks for any worker.
#[derive(Debug)]
pub(crate) struct Injector {
    shards: Box<[CachePadded<Queue<Runnable>>]>,
}

impl Injector {
    pub(crate) fn new(n_workers: usize) -> Self {
        let n_shards = (n_workers / 2).next_power_of_two().clamp(1, MAX_SHARDS);
        Injector { shards: (0..n_shards).map(|_| CachePadded::new(Queue::new())).collect() }
    }

    /// Queues a task in this thread's shard, so that tasks of one thread keep their order.
    pub(crate) fn push(&self, task: Runnable) {
        self.shards[context::thread_number() % self.shards.len()].push(task);
    }

    /// Whether a task waits. Read after a `SeqCst` fence by a worker that is about to park.
    pub(crate) fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.is_empty())
    }

    /// Takes a task and moves a few more to `local`. Begins at another shard each time.
    pub(crate) fn take(&self, local: &Deque<Runnable>) -> Option<Runnable> {
        let n_shards = self.shards.len();
        let start = context::random_below(n_shards as u32) as usize;
        (0..n_shards).find_map(|offset| take_from(&self.shards[(start + offset) % n_shards], local))
    }

    /// Takes one task. For the end, when no worker is left.
    pub(crate) fn take_one(&self) -> Option<Runnable> {
        self.shards.iter().find_map(|shard| {
            loop {
                match shard.steal() {
                    Steal::Success(task) => return Some(task),
                    Steal::Empty => return None,
                    Steal::Retry => {}
                }
            }
        })
    }
}

fn take_from(shard: &Queue<Runnable>, local: &Deque<Runnable>) -> Option<Runnable> {
    loop {
        match shard.steal_batch_with_limit_and_pop(local, BATCH) {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}
