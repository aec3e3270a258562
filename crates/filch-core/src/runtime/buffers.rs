//! Armed timers on their way to the wheel: one private buffer per worker.
//!
//! A timeout that is canceled while it waits here never touches the wheel. The locks are uncontended: a buffer's worker
//! takes its own, and whoever is about to park looks into all of them, so that a worker stuck in a poll cannot hide a
//! timer.
//!
//! `park_until` says how long the thread that holds the driver is going to wait. A timer due before that is *urgent*: its
//! worker brings it to the wheel at the end of the poll. The parker publishes `park_until` before it looks into the
//! buffers, and the worker reads it under its buffer's lock, so one of the two sees the other.

use crate::seam::Timers;
use crate::sys::sync::Mutex;
use crate::sys::sync::atomic::Ordering::{Relaxed, SeqCst};
use crate::sys::sync::atomic::{AtomicU64, fence};
use crate::timer::{NEVER, TimerCell};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::sync::Arc;

/// At this many timers a buffer is drained.
// Why: a batch amortizes the wheel's lock; 256 pointers are 2 KiB (design 0006).
const FULL: usize = 256;

/// What must follow the arming of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// Nothing: it waits in the buffer.
    Buffered,
    /// The buffer must be brought to the wheel at the end of this poll.
    Urgent,
}

/// Timers that one worker armed, in the order of arming.
type Buffer = Mutex<Vec<Arc<TimerCell>>>;

/// The buffers of all workers of one runtime.
pub struct TimerBuffers {
    buffers: Box<[CachePadded<Buffer>]>,
    /// When the holder of the driver will wake by itself; zero while nobody waits there.
    park_until: CachePadded<AtomicU64>,
}

impl TimerBuffers {
    /// One buffer for each of `n_workers`.
    pub fn new(n_workers: usize) -> Self {
        TimerBuffers {
            buffers: (0..n_workers.max(1))
                .map(|_| CachePadded::new(Mutex::new(Vec::new())))
                .collect(),
            park_until: CachePadded::new(AtomicU64::new(0)),
        }
    }

    /// Buffers a timer of `worker`.
    pub fn push(&self, worker: usize, cell: Arc<TimerCell>, timers: &dyn Timers) -> Armed {
        let deadline = cell.deadline().unwrap_or(0);
        let mut buffer = self.buffers[worker % self.buffers.len()].lock();
        buffer.push(cell);
        let urgent = deadline < self.park_until.load(Relaxed);
        if buffer.len() >= FULL {
            make_room(&mut buffer, timers);
        }
        if urgent { Armed::Urgent } else { Armed::Buffered }
    }

    /// Brings the timers of `worker` to the wheel.
    pub fn drain(&self, worker: usize, timers: &dyn Timers) {
        let mut cells = {
            let mut buffer = self.buffers[worker % self.buffers.len()].lock();
            if buffer.is_empty() {
                return;
            }
            std::mem::take(&mut *buffer)
        };
        cells.retain(|cell| !cell.is_canceled());
        if !cells.is_empty() {
            timers.arm(&mut cells);
        }
        cells.clear();
        self.give_back(worker, cells);
    }

    /// Brings the timers of every worker to the wheel.
    pub fn drain_all(&self, timers: &dyn Timers) {
        (0..self.buffers.len()).for_each(|worker| self.drain(worker, timers));
    }

    /// The holder of the driver waits until `deadline` ([`NEVER`] for good); zero: it does not wait. It looks at the
    /// buffers and the wheel after this call.
    pub fn set_park_until(&self, deadline: u64) {
        self.park_until.store(deadline, Relaxed);
        // ORDERING: [park-until] pairs with the fence in `would_oversleep`: that one sees this deadline, or the holder's
        // look at the timers, which follows, sees what was armed.
        fence(SeqCst);
    }

    /// Whether the holder of the driver would wake too late for `deadline`, which was armed before this call.
    pub fn would_oversleep(&self, deadline: u64) -> bool {
        // ORDERING: [park-until] pairs with the fence in `set_park_until`.
        fence(SeqCst);
        deadline < self.park_until.load(Relaxed)
    }

    /// Keeps the allocation, if nobody filled the buffer meanwhile.
    fn give_back(&self, worker: usize, cells: Vec<Arc<TimerCell>>) {
        let mut buffer = self.buffers[worker % self.buffers.len()].lock();
        if buffer.capacity() == 0 {
            *buffer = cells;
        }
    }
}

/// Canceled timers leave (one holds no waker any more, so no foreign code runs); if too few did, the others go to the
/// wheel.
fn make_room(buffer: &mut Vec<Arc<TimerCell>>, timers: &dyn Timers) {
    buffer.retain(|cell| !cell.is_canceled());
    if buffer.len() > FULL / 2 {
        timers.arm(buffer);
    }
}

impl fmt::Debug for TimerBuffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = self.park_until.load(Relaxed);
        f.debug_struct("TimerBuffers")
            .field("n_workers", &self.buffers.len())
            .field("parked_for_good", &(until == NEVER))
            .finish()
    }
}
