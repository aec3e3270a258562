//! A worker's own queue, with the one-task shortcut in front, and the side of it that other workers see.

use crossbeam_deque::{Steal, Stealer, Worker as Deque};
use crossbeam_utils::CachePadded;
use filch_core::sys::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use filch_core::sys::sync::atomic::{AtomicPtr, AtomicU32};
use filch_core::task::Runnable;
use std::fmt;
use std::ptr::{self, NonNull};

/// How many polls in a row may come from the LIFO slot.
// Why: two tasks that wake each other would otherwise keep everybody else out; three keeps most of the locality
// (design 0004).
pub(crate) const MAX_LIFO_RUN: u32 = 3;

/// What other workers and the lookout see of a worker.
pub(crate) struct Remote {
    stealer: Stealer<Runnable>,
    /// The task the worker runs next, or null. Swapped in by the worker, swapped out by it or by a rescuer.
    lifo: CachePadded<AtomicPtr<()>>,
    /// What the worker has done. Written by it, read by the lookout.
    tally: CachePadded<Tally>,
}

/// Counts that wrap around.
#[derive(Default)]
struct Tally {
    /// Polls begun.
    n_polls: AtomicU32,
    /// Tasks that ended there, up to the worker's last look at its pace.
    n_ended: AtomicU32,
}

impl Remote {
    /// A worker's queue and the side of it that others see.
    pub(crate) fn new() -> (Deque<Runnable>, Remote) {
        let queue = Deque::new_fifo();
        let remote = Remote {
            stealer: queue.stealer(),
            lifo: CachePadded::new(AtomicPtr::new(ptr::null_mut())),
            tally: CachePadded::default(),
        };
        (queue, remote)
    }

    /// Worker: puts a task into the LIFO slot; answers the one it displaced.
    #[inline]
    pub(crate) fn replace_lifo(&self, task: Runnable) -> Option<Runnable> {
        let task = task.into_ptr().as_ptr();
        if self.lifo.load(Relaxed).is_null() {
            // Why no swap: only the worker fills the slot, so an empty one stays empty until it does.
            // ORDERING: [lifo] Release: the task comes with all that was written to it.
            self.lifo.store(task, Release);
            return None;
        }
        // ORDERING: [lifo] AcqRel pairs with the other swaps of this word, as above.
        from_slot(self.lifo.swap(task, AcqRel))
    }

    /// Worker or rescuer: takes the task out of the LIFO slot.
    #[inline]
    pub(crate) fn take_lifo(&self) -> Option<Runnable> {
        if self.lifo.load(Relaxed).is_null() {
            return None;
        }
        // ORDERING: [lifo] Acquire pairs with `replace_lifo`.
        from_slot(self.lifo.swap(ptr::null_mut(), Acquire))
    }

    /// Worker: a poll begins.
    #[inline]
    pub(crate) fn count_poll(&self) {
        let n_polls = &self.tally.n_polls;
        n_polls.store(n_polls.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Worker: so many tasks have ended on its thread.
    pub(crate) fn set_ended(&self, n_ended: u32) {
        self.tally.n_ended.store(n_ended, Relaxed);
    }

    /// How many polls have begun.
    pub(crate) fn n_polls(&self) -> u32 {
        self.tally.n_polls.load(Relaxed)
    }

    /// How many tasks have ended on the worker's thread.
    pub(crate) fn n_ended(&self) -> u32 {
        self.tally.n_ended.load(Relaxed)
    }

    /// Whether something waits behind the poll in progress.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.lifo.load(Relaxed).is_null() || !self.stealer.is_empty()
    }

    /// How many tasks are queued; the LIFO slot is not counted.
    pub(crate) fn len(&self) -> usize {
        self.stealer.len()
    }

    /// Thief: moves up to half of the queue to `local` and takes one task.
    pub(crate) fn steal(&self, local: &Deque<Runnable>) -> Option<Runnable> {
        loop {
            match self.stealer.steal_batch_and_pop(local) {
                Steal::Success(task) => return Some(task),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }
}

fn from_slot(pointer: *mut ()) -> Option<Runnable> {
    // SAFETY: the slot holds pointers of `into_ptr` only, and the swap made this the only copy.
    NonNull::new(pointer).map(|pointer| unsafe { Runnable::from_ptr(pointer) })
}

impl Drop for Remote {
    fn drop(&mut self) {
        drop(self.take_lifo());
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("len", &self.len())
            .field("n_polls", &self.n_polls())
            .finish()
    }
}
