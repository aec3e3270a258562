#![doc = include_str!("README.md")]

use crossbeam_utils::CachePadded;
use filch_core::sys::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};
use filch_core::sys::sync::atomic::{AtomicU64, AtomicUsize, fence};

/// How many parked workers one word of the bitmap names.
const PER_WORD: usize = 64;
const SEARCHING_ONE: u64 = 1;
const PARKED_ONE: u64 = 1 << 32;

/// Who is parked and who searches. See the [module page](self).
#[derive(Debug)]
pub struct Idle {
    /// Searching workers in the lower half, parked ones in the upper.
    counts: CachePadded<AtomicU64>,
    /// One bit per parked worker.
    parked: Box<[CachePadded<AtomicU64>]>,
    /// One more than the worker that is parked in the driver, or zero. A hint: waking it costs a system call more.
    in_driver: CachePadded<AtomicUsize>,
    n_workers: usize,
}

/// The duty to look at the injector once more before sleeping.
#[derive(Debug)]
#[must_use = "a worker that parks without a last look may sleep beside a task"]
pub struct LastLook(());

/// What a worker that stops searching must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the last searcher must look whether it leaves work behind"]
pub enum Found {
    /// Others still search.
    OthersSearch,
    /// It was the last: look at the injector, and notify if there is more.
    WasLast,
}

#[derive(Clone, Copy)]
struct Counts(u64);

impl Counts {
    fn n_searching(self) -> u64 {
        self.0 & (PARKED_ONE - 1)
    }

    fn n_parked(self) -> u64 {
        self.0 >> 32
    }
}

impl Idle {
    /// All of `n_workers` run.
    pub fn new(n_workers: usize) -> Self {
        let n_words = n_workers.div_ceil(PER_WORD);
        Idle {
            counts: CachePadded::new(AtomicU64::new(0)),
            parked: (0..n_words).map(|_| CachePadded::new(AtomicU64::new(0))).collect(),
            in_driver: CachePadded::new(AtomicUsize::new(0)),
            n_workers,
        }
    }

    /// Whether some worker is parked. A hint.
    #[inline]
    pub fn has_parked(&self) -> bool {
        self.load().n_parked() != 0
    }

    /// Whether every worker is parked. A hint, but exact for the worker that parked last.
    pub fn all_parked(&self) -> bool {
        self.load().n_parked() == self.n_workers as u64
    }

    /// Whether this worker is parked. A hint.
    pub fn is_parked(&self, worker: usize) -> bool {
        self.word(worker).load(Relaxed) & bit(worker) != 0
    }

    /// Whether no parked worker waits in the driver. A hint.
    pub fn driver_is_free(&self) -> bool {
        self.in_driver.load(Relaxed) == 0
    }

    /// Call after queueing a task where a parked worker must find it. Answers whom to unpark.
    #[must_use = "the worker was claimed and must be unparked"]
    pub fn notify_one(&self) -> Option<usize> {
        // ORDERING: [submit] pairs with [park]. Whichever fence is second sees what preceded the other: this load sees
        // the registration, or the parker's last look sees the task.
        fence(SeqCst);
        self.claim_if_nobody_searches()
    }

    /// As [`notify_one`](Self::notify_one) when nothing depends on it but speed: without the fence.
    #[must_use = "the worker was claimed and must be unparked"]
    pub fn invite_one(&self) -> Option<usize> {
        self.claim_if_nobody_searches()
    }

    fn claim_if_nobody_searches(&self) -> Option<usize> {
        let counts = self.load();
        if counts.n_searching() != 0 || counts.n_parked() == 0 {
            return None;
        }
        self.claim_any()
    }

    /// Claims a parked worker whether or not somebody searches.
    #[must_use = "the worker was claimed and must be unparked"]
    pub fn claim_any(&self) -> Option<usize> {
        let in_driver = self.in_driver.load(Relaxed);
        for (index, word) in self.parked.iter().enumerate() {
            // ORDERING: [parked-bit] Acquire takes over how the worker parked.
            let mut bits = word.load(Acquire);
            while bits != 0 {
                let chosen = choose(bits, index, in_driver);
                match word.compare_exchange_weak(bits, bits & !(1 << chosen), AcqRel, Acquire) {
                    Ok(_) => {
                        self.counts.fetch_add(SEARCHING_ONE.wrapping_sub(PARKED_ONE), AcqRel);
                        return Some(index * PER_WORD + chosen as usize);
                    }
                    Err(current) => bits = current,
                }
            }
        }
        None
    }

    /// A running worker that has nothing to do begins to search, unless enough others do.
    #[must_use = "a worker that may not search must park"]
    pub fn running_to_searching(&self) -> bool {
        let counts = self.load();
        if 2 * counts.n_searching() >= self.n_workers as u64 {
            return false;
        }
        self.counts.fetch_add(SEARCHING_ONE, AcqRel);
        true
    }

    /// A searching worker found a task.
    pub fn searching_to_running(&self) -> Found {
        let before = Counts(self.counts.fetch_sub(SEARCHING_ONE, AcqRel));
        if before.n_searching() != 1 {
            return Found::OthersSearch;
        }
        // ORDERING: [submit] pairs with [park], for the tasks whose submitters relied on this search.
        fence(SeqCst);
        Found::WasLast
    }

    /// Registers `worker` as parked; `was_searching` says from which state it comes, `in_driver` where it will sleep.
    /// The token is the duty to look at the injector once more.
    pub fn prepare_park(&self, worker: usize, was_searching: bool, in_driver: bool) -> LastLook {
        if in_driver {
            self.in_driver.store(worker + 1, Relaxed);
        }
        // ORDERING: [parked-bit] Release hands over how this worker parks.
        self.word(worker).fetch_or(bit(worker), AcqRel);
        let searching = if was_searching { SEARCHING_ONE } else { 0 };
        self.counts.fetch_add(PARKED_ONE - searching, AcqRel);
        fence(SeqCst); // ORDERING: [park] pairs with [submit] in `notify_one`.
        LastLook(())
    }

    /// A parked worker comes back. `true`: a claimer has made it a searching one; otherwise it is running.
    pub fn unpark_self(&self, worker: usize, look: LastLook) -> bool {
        let LastLook(()) = look;
        if self.in_driver.load(Relaxed) == worker + 1 {
            self.in_driver.store(0, Relaxed);
        }
        // ORDERING: [parked-bit] Acquire: if a claimer was first, what it did before is seen.
        let before = self.word(worker).fetch_and(!bit(worker), AcqRel);
        if before & bit(worker) == 0 {
            return true;
        }
        self.counts.fetch_sub(PARKED_ONE, AcqRel);
        false
    }

    fn load(&self) -> Counts {
        // ORDERING: [parked-bit] Acquire: who counts as parked has its bit set, unless it was claimed.
        Counts(self.counts.load(Acquire))
    }

    fn word(&self, worker: usize) -> &AtomicU64 {
        &self.parked[worker / PER_WORD]
    }
}

fn bit(worker: usize) -> u64 {
    1 << (worker % PER_WORD)
}

/// The lowest bit, so that the same few workers stay warm; the driver's holder last, waking it costs more.
fn choose(bits: u64, word: usize, in_driver: usize) -> u32 {
    let others = match in_driver.checked_sub(word * PER_WORD + 1) {
        Some(holder) if holder < PER_WORD => bits & !(1 << holder),
        _ => bits,
    };
    if others != 0 { others.trailing_zeros() } else { bits.trailing_zeros() }
}

#[cfg(all(test, filch_loom))]
mod loom_tests;

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_worker_is_claimed_first_and_the_drivers_holder_last() {
        let idle = Idle::new(100);
        let looks: Vec<_> = [3, 70, 1]
            .map(|worker| (worker, idle.prepare_park(worker, false, worker == 1)))
            .into_iter()
            .collect();
        assert_eq!(idle.claim_any(), Some(3));
        assert_eq!(idle.claim_any(), Some(1), "in its word the holder is the only one left");
        assert_eq!(idle.claim_any(), Some(70));
        assert_eq!(idle.claim_any(), None);
        for (worker, look) in looks {
            assert!(idle.unpark_self(worker, look), "each was claimed");
            let _ = idle.searching_to_running();
        }
        assert!(!idle.has_parked());
    }

    #[test]
    fn nobody_is_notified_while_somebody_searches() {
        let idle = Idle::new(4);
        let look = idle.prepare_park(0, false, false);
        assert!(idle.running_to_searching());
        assert_eq!(idle.notify_one(), None);
        assert_eq!(idle.searching_to_running(), Found::WasLast);
        assert_eq!(idle.notify_one(), Some(0));
        assert!(idle.unpark_self(0, look));
    }

    #[test]
    fn at_most_half_of_the_workers_search() {
        let idle = Idle::new(4);
        assert!(idle.running_to_searching());
        assert!(idle.running_to_searching());
        assert!(!idle.running_to_searching());
    }
}
