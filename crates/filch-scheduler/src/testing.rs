//! A runtime with nothing in it but a scheduler that never runs and a blocking pool.

use crate::blocking::BlockingPool;
use crate::current_thread::CurrentThread;
use filch_core::WakeBatch;
use filch_core::coop::Budget;
use filch_core::io::{Interest, SlotKey};
use filch_core::runtime::{Living, Parts, TimerBuffers};
use filch_core::seam::{Capabilities, Clock, Driver, Limit, Park, RawSource, Scheduler, Timers};
use filch_core::timer::TimerCell;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// Watches nothing, waits for nothing and knows no time but the system's.
struct Nothing;

/// A living runtime whose blocking calls run on `pool`.
pub(crate) fn runtime_around(pool: &BlockingPool) -> Living {
    let living = Living::open(Parts {
        scheduler: Arc::new(CurrentThread::new(Budget::UNLIMITED, 1)) as Arc<dyn Scheduler>,
        driver: Arc::new(Nothing),
        timers: Arc::new(Nothing),
        clock: Arc::new(Nothing),
        blocking: Arc::new(pool.clone()),
        park: Arc::new(Nothing),
        buffers: Arc::new(TimerBuffers::new(1)),
        roots: Arc::default(),
        budget: Budget::UNLIMITED,
        origin: Instant::now(),
        name: "test".into(),
    });
    pool.start(living.runtime());
    living
}

impl Driver for Nothing {
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
        Capabilities::new()
    }
}

impl Timers for Nothing {
    fn arm(&self, cells: &mut Vec<Arc<TimerCell>>) {
        cells.clear();
    }

    fn next_deadline(&self) -> Option<u64> {
        None
    }

    fn expire(&self, _: u64, _: &mut WakeBatch) {}

    fn abandon(&self, _: &mut WakeBatch) {}
}

impl Clock for Nothing {
    fn now(&self) -> Instant {
        Instant::now()
    }
}

impl Park for Nothing {
    fn try_hold(&self) -> bool {
        true
    }

    fn release(&self) {}

    fn turn(&self, _: Limit, _: &dyn Fn() -> bool, _: &mut WakeBatch) {}

    fn unpark(&self) {}

    fn flush_timers(&self, _: usize) {}

    fn flush_all_timers(&self) {}
}
