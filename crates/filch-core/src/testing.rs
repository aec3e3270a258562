//! The least that may stand behind each seam: parts for tests that are about something else.

#[cfg(all(test, filch_loom))]
pub(crate) mod model;
#[cfg(test)]
pub(crate) mod queue;
#[cfg(all(test, not(filch_loom)))]
pub(crate) mod toy;

use crate::coop::Budget;
use crate::io::{Interest, SlotKey};
use crate::runtime::{Parts, TimerBuffers};
use crate::seam::{
    Blocking, Capabilities, Clock, Driver, Limit, Park, RawSource, Scheduler, Timers,
};
use crate::sys::sync::{Condvar, Mutex, MutexGuard};
use crate::task::Runnable;
use crate::timer::{Expiry, NEVER, TimerCell};
use crate::wake_batch::WakeBatch;
use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

/// The parts of a runtime that has `scheduler`, and nothing else worth mentioning.
pub(crate) fn parts(scheduler: Arc<dyn Scheduler>) -> Parts {
    let buffers = Arc::new(TimerBuffers::new(scheduler.n_workers()));
    let timers: Arc<dyn Timers> = Arc::new(ListTimers::default());
    Parts {
        scheduler,
        driver: Arc::new(BlindDriver),
        timers: timers.clone(),
        clock: Arc::new(SystemClock),
        blocking: Arc::new(CallerBlocks),
        compute: Arc::new(CallerBlocks),
        calls_elsewhere: Arc::default(),
        park: Arc::new(CondvarPark::new(buffers.clone(), timers)),
        buffers,
        roots: Arc::default(),
        budget: Budget::new(128),
        origin: Instant::now(),
        name: "test".into(),
    }
}

/// Watches nothing and never waits.
pub(crate) struct BlindDriver;

impl Driver for BlindDriver {
    fn turn(&self, _: Limit, _: &mut WakeBatch) -> io::Result<()> {
        Ok(())
    }

    fn unpark(&self) {}

    unsafe fn register(&self, _: RawSource, _: SlotKey, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn rearm(&self, _: RawSource, _: SlotKey, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&self, _: RawSource, _: SlotKey, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().with_edge()
    }
}

/// Timers in a list. What [`Timers`] promises, and no more speed than that takes.
#[derive(Default)]
pub(crate) struct ListTimers(Mutex<Vec<(u64, Arc<TimerCell>)>>);

impl ListTimers {
    fn sorted(&self) -> MutexGuard<'_, Vec<(u64, Arc<TimerCell>)>> {
        let mut list = self.0.lock();
        list.sort_by_key(|(deadline, _)| *deadline);
        list
    }
}

impl Timers for ListTimers {
    fn arm(&self, cells: &mut Vec<Arc<TimerCell>>) {
        let filed = cells.drain(..).filter_map(|cell| Some((cell.deadline()?, cell)));
        self.0.lock().extend(filed);
    }

    fn next_deadline(&self) -> Option<u64> {
        self.sorted().iter().map(|(deadline, _)| *deadline).find(|deadline| *deadline != NEVER)
    }

    fn expire(&self, now: u64, wakes: &mut WakeBatch) {
        let mut list = self.sorted();
        let n_due = list.partition_point(|(deadline, _)| *deadline <= now);
        let due: Vec<_> = list.drain(..n_due).collect();
        for (_, cell) in due {
            if let Expiry::Later(deadline) = cell.fire(now, wakes) {
                list.push((deadline, cell));
            }
        }
    }

    fn abandon(&self, wakes: &mut WakeBatch) {
        let list = mem::take(&mut *self.0.lock());
        list.iter().for_each(|(_, cell)| cell.abandon(wakes));
    }
}

/// The system's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// Runs a blocking call on the thread that submits it.
pub(crate) struct CallerBlocks;

impl Blocking for CallerBlocks {
    fn submit(&self, task: Runnable) -> Result<(), Runnable> {
        let again = task.run();
        debug_assert!(again.is_none(), "a blocking call ends with its first poll");
        Ok(())
    }

    fn n_busy(&self) -> usize {
        0
    }
}

/// Waits on a condition variable, and fires no timers.
pub(crate) struct CondvarPark {
    state: Mutex<ParkState>,
    unparked: Condvar,
    buffers: Arc<TimerBuffers>,
    timers: Arc<dyn Timers>,
}

#[derive(Default)]
struct ParkState {
    is_held: bool,
    is_unparked: bool,
}

impl CondvarPark {
    pub(crate) fn new(buffers: Arc<TimerBuffers>, timers: Arc<dyn Timers>) -> Self {
        CondvarPark { state: Mutex::default(), unparked: Condvar::new(), buffers, timers }
    }
}

impl Park for CondvarPark {
    fn try_hold(&self) -> bool {
        !mem::replace(&mut self.state.lock().is_held, true)
    }

    fn release(&self) {
        self.state.lock().is_held = false;
    }

    fn turn(&self, limit: Limit, _: &dyn Fn() -> bool, _: &mut WakeBatch) {
        let mut state = self.state.lock();
        assert!(state.is_held, "only who holds the driver may turn it");
        if !state.is_unparked {
            state = match limit {
                Limit::Zero => state,
                Limit::For(limit) => self.unparked.wait_timeout(state, limit).0,
                Limit::Forever => self.unparked.wait(state),
            };
        }
        state.is_unparked = false;
    }

    fn unpark(&self) {
        self.state.lock().is_unparked = true;
        self.unparked.notify_all();
    }

    fn flush_timers(&self, worker: usize) {
        self.buffers.drain(worker, &*self.timers);
    }

    fn flush_all_timers(&self) {
        self.buffers.drain_all(&*self.timers);
    }
}
