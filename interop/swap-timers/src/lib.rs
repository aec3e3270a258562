//! Timers in an ordered map: exact to the nanosecond, and simple. Slower than the wheel when there are many.

use filch_core::WakeBatch;
use filch_core::seam::Timers;
use filch_core::timer::{Expiry, NEVER, TimerCell};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Armed cells by deadline; what is armed for the same moment fires in the order of arming.
#[derive(Default)]
pub struct MapTimers(Mutex<Filed>);

#[derive(Default)]
struct Filed {
    cells: BTreeMap<(u64, u64), Arc<TimerCell>>,
    n_ever: u64,
    has_ended: bool,
}

impl MapTimers {
    fn filed(&self) -> MutexGuard<'_, Filed> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

impl Filed {
    fn file(&mut self, deadline: u64, cell: Arc<TimerCell>) {
        self.n_ever += 1;
        self.cells.insert((deadline, self.n_ever), cell);
    }
}

impl Timers for MapTimers {
    fn arm(&self, cells: &mut Vec<Arc<TimerCell>>) {
        let mut filed = self.filed();
        for cell in cells.drain(..) {
            match cell.deadline() {
                Some(deadline) if deadline != NEVER && !filed.has_ended => {
                    filed.file(deadline, cell)
                }
                _ if filed.has_ended => cell.abandon(&mut WakeBatch::default()),
                _ => {} // It was canceled meanwhile.
            }
        }
    }

    fn next_deadline(&self) -> Option<u64> {
        self.filed().cells.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    fn expire(&self, now: u64, wakes: &mut WakeBatch) {
        let mut gone = Vec::new(); // Dropped last, unlocked: with a cell its waker may go, which is foreign code.
        let mut filed = self.filed();
        while filed.cells.first_key_value().is_some_and(|((deadline, _), _)| *deadline <= now) {
            let Some((_, cell)) = filed.cells.pop_first() else { break };
            match cell.fire(now, wakes) {
                Expiry::Gone => gone.push(cell),
                Expiry::Later(deadline) => filed.file(deadline, cell), // The sleeper has moved it.
            }
        }
        drop(filed);
    }

    fn abandon(&self, wakes: &mut WakeBatch) {
        let cells = {
            let mut filed = self.filed();
            filed.has_ended = true;
            std::mem::take(&mut filed.cells)
        };
        cells.values().for_each(|cell| cell.abandon(wakes));
    }
}
