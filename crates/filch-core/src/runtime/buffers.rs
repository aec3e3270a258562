//! Armed timers on their way to the wheel: one private buffer per worker.
//!
//! A timeout that is canceled while it waits here never touches the wheel. The locks are uncontended: a buffer's worker
//! takes its own, and whoever is about to park looks into all of them, so that a worker stuck in a poll cannot hide a
//! timer. It asks `filled` first, one word for 64 buffers: a look at each would cost it a lock per worker.
//!
//! `park_until` says how long the thread that holds the driver is going to wait. A timer due before that is *urgent*: its
//! worker brings it to the wheel at the end of the poll. The parker publishes `park_until` before it looks which buffers
//! are filled; the worker marks its buffer before it reads `park_until`. So one of the two sees the other.

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

/// Buffers that share a word of [`TimerBuffers::filled`].
const PER_WORD: usize = u64::BITS as usize;

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
    /// Which buffers may hold something: a bit for each, changed under that buffer's lock.
    // Why it stays when a buffer is drained: most are filled again soon. Who looks at all of them and finds one empty
    // takes its bit back.
    filled: Box<[CachePadded<AtomicU64>]>,
    /// When the holder of the driver will wake by itself; zero while nobody waits there.
    park_until: CachePadded<AtomicU64>,
}

impl TimerBuffers {
    /// One buffer for each of `n_workers`.
    pub fn new(n_workers: usize) -> Self {
        let n_buffers = n_workers.max(1);
        TimerBuffers {
            buffers: (0..n_buffers).map(|_| CachePadded::new(Mutex::new(Vec::new()))).collect(),
            filled: (0..n_buffers.div_ceil(PER_WORD))
                .map(|_| CachePadded::new(AtomicU64::new(0)))
                .collect(),
            park_until: CachePadded::new(AtomicU64::new(0)),
        }
    }

    /// Buffers a timer of `worker`.
    pub fn push(&self, worker: usize, cell: Arc<TimerCell>, timers: &dyn Timers) -> Armed {
        self.push_with(worker, cell, timers, Self::mark_filled)
    }

    /// As [`push`](Self::push), without the fence between the mark and the look.
    #[cfg(all(test, filch_loom))]
    pub(super) fn push_without_fence(
        &self,
        worker: usize,
        cell: Arc<TimerCell>,
        timers: &dyn Timers,
    ) -> Armed {
        self.push_with(worker, cell, timers, |buffers, place| {
            buffers.filled[place / PER_WORD].fetch_or(bit(place), Relaxed);
        })
    }

    #[inline]
    fn push_with(
        &self,
        worker: usize,
        cell: Arc<TimerCell>,
        timers: &dyn Timers,
        mark_filled: impl FnOnce(&Self, usize),
    ) -> Armed {
        let deadline = cell.deadline().unwrap_or(0);
        let place = worker % self.buffers.len();
        let mut buffer = self.buffers[place].lock();
        buffer.push(cell);
        mark_filled(self, place);
        let urgent = deadline < self.park_until.load(Relaxed);
        if buffer.len() >= FULL {
            make_room(&mut buffer, timers);
        }
        if urgent { Armed::Urgent } else { Armed::Buffered }
    }

    /// Brings the timers of `worker` to the wheel.
    pub fn drain(&self, worker: usize, timers: &dyn Timers) {
        let place = worker % self.buffers.len();
        if self.is_marked(place) {
            self.drain_marked(place, timers, || {});
        }
    }

    /// Brings the timers of every worker to the wheel.
    pub fn drain_all(&self, timers: &dyn Timers) {
        for (index, word) in self.filled.iter().enumerate() {
            let mut filled = word.load(Relaxed);
            while filled != 0 {
                let place = index * PER_WORD + filled.trailing_zeros() as usize;
                self.drain_marked(place, timers, || {
                    word.fetch_and(!bit(place), Relaxed);
                });
                filled &= filled - 1;
            }
        }
    }

    /// `if_empty` is called under the buffer's lock.
    fn drain_marked(&self, place: usize, timers: &dyn Timers, if_empty: impl FnOnce()) {
        let mut cells = {
            let mut buffer = self.buffers[place].lock();
            if buffer.is_empty() {
                return if_empty();
            }
            std::mem::take(&mut *buffer)
        };
        cells.retain(|cell| !cell.is_canceled());
        if !cells.is_empty() {
            timers.arm(&mut cells);
        }
        cells.clear();
        self.give_back(place, cells);
    }

    /// Keeps the allocation, if nobody filled the buffer meanwhile.
    fn give_back(&self, place: usize, cells: Vec<Arc<TimerCell>>) {
        let mut buffer = self.buffers[place].lock();
        if buffer.capacity() == 0 {
            *buffer = cells;
        }
    }

    fn is_marked(&self, place: usize) -> bool {
        self.filled[place / PER_WORD].load(Relaxed) & bit(place) != 0
    }

    /// Call under the buffer's lock, with something in it.
    fn mark_filled(&self, place: usize) {
        if self.is_marked(place) {
            return;
        }
        self.filled[place / PER_WORD].fetch_or(bit(place), Relaxed);
        // ORDERING: [park-until] pairs with the fence in `set_park_until`: the holder of the driver sees the mark, or this
        // thread sees how long the holder waits, now and at each push until the mark is taken back.
        fence(SeqCst);
    }

    /// The holder of the driver waits until `deadline` ([`NEVER`] for good); zero: it does not wait. It looks at the
    /// buffers and the wheel after this call.
    pub fn set_park_until(&self, deadline: u64) {
        self.park_until.store(deadline, Relaxed);
        // ORDERING: [park-until] pairs with the fences in `mark_filled` and `would_oversleep`: those see this deadline, or
        // the holder's look at the buffers and the timers, which follows, sees what was armed.
        fence(SeqCst);
    }

    /// Whether the holder of the driver would wake too late for `deadline`, which was armed before this call.
    pub fn would_oversleep(&self, deadline: u64) -> bool {
        // ORDERING: [park-until] pairs with the fence in `set_park_until`.
        fence(SeqCst);
        deadline < self.park_until.load(Relaxed)
    }
}

fn bit(place: usize) -> u64 {
    1 << (place % PER_WORD)
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

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::testing::ListTimers;
    use crate::wake_batch::WakeBatch;

    #[test]
    fn timers_of_every_worker_reach_the_wheel() {
        let (buffers, timers) = (TimerBuffers::new(130), ListTimers::default());
        let arm = |worker| {
            let cell = Arc::new(TimerCell::new(5));
            assert_eq!(buffers.push(worker, cell.clone(), &timers), Armed::Buffered);
            cell
        };
        let fired = |cells: &[Arc<TimerCell>]| {
            timers.expire(5, &mut WakeBatch::default());
            cells.iter().map(|cell| cell.is_elapsed()).collect::<Vec<_>>()
        };
        let mut cells = [129, 64, 0].map(arm).to_vec();
        buffers.drain(64, &timers);
        assert_eq!(fired(&cells), [false, true, false]);
        for round in 0..2 {
            buffers.drain_all(&timers);
            assert!(fired(&cells).into_iter().all(|fired| fired), "round {round}");
            buffers.drain_all(&timers); // Takes the marks back.
            cells.push(arm(129));
        }
    }
}
