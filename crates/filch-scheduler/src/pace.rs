//! Whether queued work is worth another worker: waking one costs about 20 µs, as much as hundreds of tiny polls.
//!
//! A worker estimates how much others could take off it: the length of its queue times the mean duration of its polls,
//! less what a task costs more elsewhere. What a poll queues counts beside it in that mean. The clock is read only while
//! somebody is parked and something is queued, and the rarer the shorter the polls are. Work that outlasts the estimate is
//! the lookout's to notice (design 0004).

use filch_core::sys::Instant;
use std::cell::Cell;

/// A queue of which others could take off more than this is worth a wake.
// Why: five times what a wake costs on the reference machine (20 µs), so that the wake is at most a fifth of the work
// it takes over.
const WORTH_A_WAKE_NS: u64 = 100_000;

/// What a poll costs more on another worker: its task's lines of memory, and those of whoever made it, travel there and
/// back.
// Why: two workers that share the tasks of `spawn_join` take half of that more processor time per task than one.
const STOLEN_NS: u64 = 500;

/// By which part of itself the estimate moves at most with a reading.
// Why: so it follows the median of the readings. Taken for what they are, the few that the system interrupts, or that
// wait for a thief's lock, would have the next dozens of tiny tasks wake somebody each, who then interrupts others.
const INERTIA: u64 = 4;

/// Polls that are shorter on the mean are tiny: the injector's turn comes within 61 of them.
const BRISK_NS: u64 = 500;

/// What a worker knows about the duration of its polls.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// The last reading of the clock, and how many polls and queued tasks ago it was.
    // Why what was queued: a poll that spawns a thousand tasks lasts as long as hundreds of theirs, and taken for one of
    // them it would have each of the next thousand wake somebody.
    last: Cell<Option<Instant>>,
    n_steps: Cell<u32>,
    /// How many polls to let pass before the next reading.
    patience: Cell<u32>,
    /// The median of the mean durations of polls that were read; zero before the first.
    mean_ns: Cell<u64>,
}

impl Pace {
    /// A poll has ended. `true`: it is time to [`measure`](Self::measure), if that matters at all.
    #[inline]
    pub(crate) fn count_poll(&self) -> bool {
        let n_steps = self.n_steps.get().saturating_add(1);
        self.n_steps.set(n_steps);
        n_steps > self.patience.get()
    }

    /// A poll has queued a task.
    #[inline]
    pub(crate) fn count_queued(&self) {
        self.n_steps.set(self.n_steps.get().saturating_add(1));
    }

    /// Nothing was queued or nobody is parked: what was measured up to here says nothing about what comes.
    pub(crate) fn interrupt(&self) {
        self.last.set(None);
        self.n_steps.set(0);
        self.patience.set(patience(self.mean_ns.get()));
    }

    /// Reads the clock and updates the mean.
    pub(crate) fn measure(&self) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(Some(now)) {
            let elapsed =
                u64::try_from(now.saturating_duration_since(last).as_nanos()).unwrap_or(u64::MAX);
            let mean = (elapsed / u64::from(self.n_steps.get().max(1))).max(1);
            let mean = match self.mean_ns.get() {
                0 => mean,
                before => {
                    let step = before.div_ceil(INERTIA);
                    mean.clamp((before - step).max(1), before.saturating_add(step))
                }
            };
            self.mean_ns.set(mean);
            self.patience.set(patience(mean));
        }
        self.n_steps.set(0);
    }

    /// Whether the polls were so short that whatever waits for this worker to look up waits less than a wake takes.
    pub(crate) fn is_brisk(&self) -> bool {
        (1..=BRISK_NS).contains(&self.mean_ns.get())
    }

    /// Whether `n_queued` tasks are work enough to be worth another worker.
    #[inline]
    pub(crate) fn is_worth_a_wake(&self, n_queued: usize) -> bool {
        let spared_ns = self.mean_ns.get().saturating_sub(STOLEN_NS);
        spared_ns.saturating_mul(n_queued as u64) > WORTH_A_WAKE_NS
    }
}

/// How many polls of this mean duration pass before the clock is read again: about 10 µs' worth.
fn patience(mean_ns: u64) -> u32 {
    match mean_ns {
        0 => 3,
        1..=300 => 31,
        301..=1_200 => 7,
        1_201..=5_000 => 1,
        _ => 0,
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use filch_core::sys::Duration;

    #[test]
    fn long_polls_make_a_short_queue_worth_a_wake() {
        let pace = Pace { mean_ns: Cell::new(50_000), ..Pace::default() };
        assert!(!pace.is_worth_a_wake(1));
        assert!(pace.is_worth_a_wake(3));
    }

    #[test]
    fn tiny_polls_keep_any_number_of_tasks_at_home() {
        let pace = Pace { mean_ns: Cell::new(200), ..Pace::default() };
        assert!(!pace.is_worth_a_wake(1_000_000));
    }

    /// Reads the clock after a poll that has lasted for `micros`.
    fn read_after(pace: &Pace, micros: u64) {
        pace.last.set(Instant::now().checked_sub(Duration::from_micros(micros)));
        pace.count_poll();
        pace.measure();
    }

    #[test]
    fn polls_that_were_interrupted_wake_nobody_for_tiny_ones() {
        let pace = Pace { mean_ns: Cell::new(100), ..Pace::default() };
        (0..3).for_each(|_| read_after(&pace, 4000));
        assert!(!pace.is_worth_a_wake(1000), "{pace:?}");
    }

    #[test]
    fn polls_that_become_long_are_worth_a_wake_in_time() {
        let pace = Pace { mean_ns: Cell::new(100), ..Pace::default() };
        (0..30).for_each(|_| read_after(&pace, 50));
        assert!(pace.is_worth_a_wake(10), "{pace:?}");
    }

    #[test]
    fn the_first_reading_is_taken_for_what_it_is() {
        let pace = Pace::default();
        read_after(&pace, 50);
        assert!(pace.is_worth_a_wake(10), "{pace:?}");
    }

    #[test]
    fn a_poll_that_queues_much_is_not_taken_for_one_of_what_it_queues() {
        let ago = Instant::now().checked_sub(Duration::from_micros(250));
        let pace = Pace { last: Cell::new(ago), ..Pace::default() };
        (0..1000).for_each(|_| pace.count_queued());
        pace.count_poll();
        pace.measure();
        assert!((1..2_000).contains(&pace.mean_ns.get()), "{pace:?}");
    }

    #[test]
    fn the_clock_is_read_after_every_poll_once_polls_are_long() {
        let pace = Pace { patience: Cell::new(patience(50_000)), ..Pace::default() };
        assert!(pace.count_poll());
        pace.patience.set(patience(50));
        pace.n_steps.set(0);
        assert_eq!((0..32).filter(|_| pace.count_poll()).count(), 1);
    }
}
