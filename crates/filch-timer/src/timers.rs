//! The stock [`Timers`]: armed cells in one wheel behind one lock.
//!
//! It knows no clock: the time comes in with each call. It wakes nobody itself: wakers go into the caller's batch, and
//! cells are dropped after the lock is released, because with a cell its waker may go.
//!
//! Cells are canceled in place and stay in the wheel as tombstones. When the wheel has grown beyond twice what was alive
//! after the last sweep, each further arming sweeps a few entries, until the whole wheel has been looked at. An expiry
//! that meets nothing but tombstones sweeps too, so that dead timers do not keep an idle runtime waking up.

use crate::wheel::Wheel;
use filch_core::seam::Timers;
use filch_core::sys::sync::Mutex;
use filch_core::sys::sync::atomic::AtomicU64;
use filch_core::sys::sync::atomic::Ordering::Relaxed;
use filch_core::timer::{Expiry, NEVER, TimerCell};
use filch_core::wake_batch::WakeBatch;
use std::fmt;
use std::sync::Arc;

/// Cells fired before the lock is given to others: a few microseconds.
const FIRED_PER_LOCK: usize = 256;

/// A wheel this small is not worth a sweep.
const SWEPT_FROM: usize = 1024;

/// How much an expiry that met only tombstones sweeps: at most about 50 µs, once per needless wake-up.
const SWEPT_PER_IDLE_EXPIRY: usize = 1024;

/// One wheel for all workers.
pub struct WheelTimers {
    filed: Mutex<Filed>,
    /// The wheel's next deadline, or [`NEVER`]. Written under the lock; read without it.
    ///
    /// It publishes nothing, so it is relaxed. Whoever must not miss a deadline armed meanwhile fences between
    /// announcing its wait and reading this; whoever arms fences before looking for such a wait.
    next_deadline: AtomicU64,
}

/// What the lock protects.
struct Filed {
    wheel: Wheel<Arc<TimerCell>>,
    /// The number of entries at which a sweep begins.
    sweep_at: usize,
    /// How many entries the sweep under way has still to look at.
    to_sweep: usize,
    /// The runtime has ended: whatever comes is abandoned at once.
    abandoned: bool,
}

impl WheelTimers {
    /// Timers without a cell.
    pub fn new() -> Self {
        let filed =
            Filed { wheel: Wheel::new(), sweep_at: SWEPT_FROM, to_sweep: 0, abandoned: false };
        WheelTimers { filed: Mutex::new(filed), next_deadline: AtomicU64::new(NEVER) }
    }

    /// Fires up to [`FIRED_PER_LOCK`] cells; `false` when none is left that is due.
    fn expire_some(&self, now: u64, wakes: &mut WakeBatch) -> bool {
        let mut gone = Vec::new();
        let mut filed = self.filed.lock();
        let more = filed.fire_due(now, wakes, &mut gone);
        if gone.iter().all(|cell| !cell.is_elapsed()) && !gone.is_empty() {
            filed.sweep(SWEPT_PER_IDLE_EXPIRY, &mut gone);
        }
        self.publish(&mut filed);
        drop(filed);
        drop(gone); // Unlocked: a waker may go with its cell.
        more
    }

    /// Call after each change of the wheel, before the lock is released.
    fn publish(&self, filed: &mut Filed) {
        self.next_deadline.store(filed.wheel.next_deadline().unwrap_or(NEVER), Relaxed);
    }
}

impl Timers for WheelTimers {
    fn arm(&self, cells: &mut Vec<Arc<TimerCell>>) {
        cells.retain(|cell| !cell.is_canceled());
        if cells.is_empty() {
            return;
        }
        let mut filed = self.filed.lock();
        if filed.abandoned {
            drop(filed);
            let mut wakes = WakeBatch::default();
            cells.drain(..).for_each(|cell| cell.abandon(&mut wakes));
            return;
        }
        let mut gone = Vec::new();
        filed.insert_all(cells, &mut gone);
        self.publish(&mut filed);
        drop(filed);
        drop(gone); // Unlocked: a waker may go with its cell.
    }

    fn next_deadline(&self) -> Option<u64> {
        Some(self.next_deadline.load(Relaxed)).filter(|&deadline| deadline != NEVER)
    }

    fn next_live_deadline(&self) -> Option<u64> {
        let mut gone = Vec::new();
        let mut filed = self.filed.lock();
        filed.wheel.sweep_first(|cell| cell.is_canceled(), &mut gone);
        self.publish(&mut filed);
        drop(filed);
        drop(gone); // Unlocked: a waker may go with its cell.
        self.next_deadline()
    }

    fn expire(&self, now: u64, wakes: &mut WakeBatch) {
        while self.next_deadline.load(Relaxed) <= now && self.expire_some(now, wakes) {}
    }

    /// Tombstones included.
    fn n_filed(&self) -> usize {
        self.filed.lock().wheel.len()
    }

    fn abandon(&self, wakes: &mut WakeBatch) {
        let mut gone = Vec::new();
        let mut filed = self.filed.lock();
        filed.abandoned = true;
        filed.wheel.sweep(usize::MAX, |_| true, &mut gone);
        self.publish(&mut filed);
        drop(filed);
        gone.iter().for_each(|cell| cell.abandon(wakes));
    }
}

impl Filed {
    /// Files all cells, and sweeps if there are too many.
    fn insert_all(&mut self, cells: &mut Vec<Arc<TimerCell>>, gone: &mut Vec<Arc<TimerCell>>) {
        let n_cells = cells.len();
        for cell in cells.drain(..) {
            match cell.deadline() {
                None | Some(NEVER) => gone.push(cell),
                Some(deadline) => {
                    self.wheel.insert(deadline, cell);
                }
            }
        }
        if self.to_sweep == 0 && self.wheel.len() > self.sweep_at {
            self.to_sweep = self.wheel.len();
        }
        if self.to_sweep > 0 {
            // Why 4: a sweep then ends before the wheel has grown by another quarter.
            self.sweep(64 + 4 * n_cells, gone);
        }
    }

    /// Fires what is due by `now`, to a limit; whether the limit was reached.
    fn fire_due(
        &mut self,
        now: u64,
        wakes: &mut WakeBatch,
        gone: &mut Vec<Arc<TimerCell>>,
    ) -> bool {
        for _ in 0..FIRED_PER_LOCK {
            let Some(due) = self.wheel.next_due(now) else { return false };
            match due.value().fire(now, wakes) {
                Expiry::Gone => gone.push(due.take()),
                Expiry::Later(deadline) => due.refile(deadline),
            }
        }
        true
    }

    /// Looks for tombstones among `n_entries` entries.
    fn sweep(&mut self, n_entries: usize, gone: &mut Vec<Arc<TimerCell>>) {
        self.wheel.sweep(n_entries, |cell| cell.is_canceled(), gone);
        if self.to_sweep > 0 {
            self.to_sweep = self.to_sweep.saturating_sub(n_entries);
            if self.to_sweep == 0 {
                self.sweep_at = SWEPT_FROM.max(2 * self.wheel.len());
            }
        }
    }
}

impl Default for WheelTimers {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WheelTimers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WheelTimers")
            .field("next_deadline", &self.next_deadline())
            .finish_non_exhaustive()
    }
}
