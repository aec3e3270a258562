//! What a busy worker does for the others: it looks after one of them at a time (design 0013).
//!
//! For what waits behind a worker that is stuck the lookout wakes one that is parked. With nobody parked nobody searches,
//! and a queue whose worker the system has taken off its processor waits for a whole time slice. So whoever visits the
//! driver in its turn looks now and then whether its neighbor still polls, and takes some of the queue of one that does
//! not.

use filch_core::sys::{Duration, Instant};

/// The time between two looks, and the age of a poll that counts as stuck.
// Why: a look takes a cache line away that the neighbor writes with each poll; and nothing shorter than a time slice of
// the system, some milliseconds, is worth it.
const PERIOD: Duration = Duration::from_millis(1);

/// The worker that is looked after at present.
#[derive(Debug)]
pub(crate) struct Neighbor {
    /// The one that looks.
    index: usize,
    n_workers: usize,
    worker: usize,
    /// What it had polled at the first look.
    n_polls: u32,
    look_at: Instant,
}

impl Neighbor {
    /// The first neighbor of the worker with this index.
    pub(crate) fn of(index: usize, n_workers: usize) -> Self {
        Neighbor { index, n_workers, worker: index, n_polls: 0, look_at: Instant::now() }
    }

    /// The neighbor, if it is in the same poll as a period ago. Else it is the next one's turn. The functions tell how many
    /// polls a worker has begun, and whether it is parked.
    pub(crate) fn look(
        &mut self,
        now: Instant,
        n_polls: impl Fn(usize) -> u32,
        is_parked: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        if now < self.look_at {
            return None;
        }
        let worker = self.worker;
        if worker != self.index && n_polls(worker) == self.n_polls && !is_parked(worker) {
            return Some(worker); // Why no later look: whoever needs help may need more of it.
        }
        self.worker = self.after(worker);
        self.n_polls = n_polls(self.worker);
        self.look_at = now + PERIOD;
        None
    }

    fn after(&self, worker: usize) -> usize {
        let next = (worker + 1) % self.n_workers;
        if next == self.index { (next + 1) % self.n_workers } else { next }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    const NOBODY: fn(usize) -> bool = |_worker| false;

    #[test]
    fn a_neighbor_that_stays_in_its_poll_is_found_after_a_period() {
        let mut neighbor = Neighbor::of(0, 2);
        let now = neighbor.look_at;
        assert_eq!(neighbor.look(now, |_| 7, NOBODY), None, "the first look");
        assert_eq!(neighbor.look(now + PERIOD / 2, |_| 7, NOBODY), None, "too early");
        assert_eq!(neighbor.look(now + PERIOD, |_| 7, NOBODY), Some(1));
        assert_eq!(neighbor.look(now + PERIOD, |_| 7, NOBODY), Some(1), "it needs more help");
        assert_eq!(neighbor.look(now + PERIOD, |_| 8, NOBODY), None, "it polls");
        assert_eq!(neighbor.look(now + PERIOD, |_| 8, NOBODY), None, "too early again");
        assert_eq!(
            neighbor.look(now + 2 * PERIOD, |_| 8, |worker| worker == 1),
            None,
            "it is parked"
        );
    }

    #[test]
    fn all_others_get_their_turn() {
        let mut neighbor = Neighbor::of(1, 4);
        let mut now = neighbor.look_at;
        let mut seen = Vec::new();
        for round in 0..6 {
            neighbor.look(now, |_| round, NOBODY);
            seen.push(neighbor.worker);
            now += PERIOD;
        }
        assert_eq!(seen, [2, 3, 0, 2, 3, 0]);
    }

    #[test]
    fn a_single_worker_has_no_neighbor() {
        let mut neighbor = Neighbor::of(0, 1);
        let now = neighbor.look_at;
        assert_eq!(neighbor.look(now, |_| 7, NOBODY), None);
        assert_eq!(neighbor.look(now + PERIOD, |_| 7, NOBODY), None);
    }
}
