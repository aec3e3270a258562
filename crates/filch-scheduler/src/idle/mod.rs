#![doc = include_str!("README.md")]

use crossbeam_utils::CachePadded;
use filch_core::sys::IN_MODEL;
use filch_core::sys::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};
use filch_core::sys::sync::atomic::{AtomicU64, AtomicUsize, fence};

/// How many workers share a word (design 0010). In a model each has its own, so that the sums over words are explored
/// too.
const PER_WORD: usize = if IN_MODEL { 1 } else { 48 };
/// The count of searching workers lies above the bitmap of parked ones.
const SEARCHING_ONE: u64 = 1 << 48;
const PARKED_MASK: u64 = SEARCHING_ONE - 1;

/// Who is parked and who searches. See the [module page](self).
#[derive(Debug)]
pub struct Idle {
    /// One word for 48 workers: a bit for each that is parked, and how many search.
    words: Box<[CachePadded<AtomicU64>]>,
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

/// One word at one moment.
#[derive(Clone, Copy)]
struct Word(u64);

impl Word {
    fn n_searching(self) -> u64 {
        self.0 / SEARCHING_ONE
    }

    fn parked(self) -> u64 {
        self.0 & PARKED_MASK
    }
}

impl Idle {
    /// All of `n_workers` run.
    pub fn new(n_workers: usize) -> Self {
        let n_words = n_workers.div_ceil(PER_WORD);
        Idle {
            words: (0..n_words).map(|_| CachePadded::new(AtomicU64::new(0))).collect(),
            in_driver: CachePadded::new(AtomicUsize::new(0)),
            n_workers,
        }
    }

    /// Whether some worker is parked. A hint.
    #[inline]
    pub fn has_parked(&self) -> bool {
        self.load().any(|word| word.parked() != 0)
    }

    /// Whether every worker is parked and none was claimed. A hint, but exact for the worker that parked last.
    pub fn all_parked(&self) -> bool {
        let n_parked: u32 = self.load().map(|word| word.parked().count_ones()).sum();
        n_parked as usize == self.n_workers
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
        // ORDERING: [submit] pairs with [park]. Whichever fence is second sees what preceded the other: these loads see
        // the parked bit, or the parker's last look sees the task.
        fence(SeqCst);
        self.invite_one()
    }

    /// As [`notify_one`](Self::notify_one) when nothing depends on it but speed: without the fence.
    #[must_use = "the worker was claimed and must be unparked"]
    pub fn invite_one(&self) -> Option<usize> {
        if self.n_searching() != 0 { None } else { self.claim_any() }
    }

    /// Claims a parked worker whether or not somebody searches: it is not parked but searching from here on.
    #[must_use = "the worker was claimed and must be unparked"]
    pub fn claim_any(&self) -> Option<usize> {
        let in_driver = self.in_driver.load(Relaxed);
        self.words.iter().enumerate().find_map(|(index, word)| {
            // ORDERING: [parked-bit] Acquire takes over how the worker parked.
            let mut current = word.load(Acquire);
            loop {
                let parked = Word(current).parked();
                if parked == 0 {
                    return None;
                }
                let chosen = choose(parked, index, in_driver);
                let next = current - (1 << chosen) + SEARCHING_ONE;
                match word.compare_exchange_weak(current, next, AcqRel, Acquire) {
                    Ok(_) => return Some(index * PER_WORD + chosen as usize),
                    Err(actual) => current = actual,
                }
            }
        })
    }

    /// A running worker that has nothing to do begins to search, unless enough others do.
    #[must_use = "a worker that may not search must park"]
    pub fn running_to_searching(&self, worker: usize) -> bool {
        if 2 * self.n_searching() >= self.n_workers as u64 {
            return false;
        }
        // Why Relaxed: who relies on this search is kept by the fence with which it ends, in `searching_to_running` or
        // in `prepare_park`.
        self.word(worker).fetch_add(SEARCHING_ONE, Relaxed);
        true
    }

    /// A searching worker found a task.
    pub fn searching_to_running(&self, worker: usize) -> Found {
        self.word(worker).fetch_sub(SEARCHING_ONE, Relaxed);
        // ORDERING: [submit] pairs with [park], for the tasks whose submitters relied on this search; and with itself
        // in another worker, so that the later of two sees that it was the last.
        fence(SeqCst);
        if self.n_searching() == 0 { Found::WasLast } else { Found::OthersSearch }
    }

    /// Registers `worker` as parked; `was_searching` says from which state it comes, `in_driver` where it will sleep.
    /// The token is the duty to look at the injector once more.
    pub fn prepare_park(&self, worker: usize, was_searching: bool, in_driver: bool) -> LastLook {
        if in_driver {
            self.in_driver.store(worker + 1, Relaxed);
        }
        let searching = if was_searching { SEARCHING_ONE } else { 0 };
        // ORDERING: [parked-bit] Release hands over how this worker parks.
        self.word(worker).fetch_add(bit(worker).wrapping_sub(searching), AcqRel);
        fence(SeqCst); // ORDERING: [park] pairs with [submit] in `notify_one`.
        LastLook(())
    }

    /// A parked worker comes back. `true`: a claimer has made it a searching one; otherwise it is running.
    pub fn unpark_self(&self, worker: usize, look: LastLook) -> bool {
        let LastLook(()) = look;
        if self.in_driver.load(Relaxed) == worker + 1 {
            // Why not a store: the next holder may have parked already, and it says so in the same word.
            let _ = self.in_driver.compare_exchange(worker + 1, 0, Relaxed, Relaxed);
        }
        // ORDERING: [parked-bit] Acquire: if a claimer was first, what it did before is seen.
        let before = self.word(worker).fetch_and(!bit(worker), AcqRel);
        before & bit(worker) == 0
    }

    fn n_searching(&self) -> u64 {
        self.load().map(Word::n_searching).sum()
    }

    fn load(&self) -> impl Iterator<Item = Word> {
        // ORDERING: [parked-bit] Acquire pairs with `prepare_park`.
        self.words.iter().map(|word| Word(word.load(Acquire)))
    }

    fn word(&self, worker: usize) -> &AtomicU64 {
        &self.words[worker / PER_WORD]
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
            let _ = idle.searching_to_running(worker);
        }
        assert!(!idle.has_parked());
    }

    #[test]
    fn nobody_is_notified_while_somebody_searches() {
        let idle = Idle::new(4);
        let look = idle.prepare_park(0, false, false);
        assert!(idle.running_to_searching(1));
        assert_eq!(idle.notify_one(), None);
        assert_eq!(idle.searching_to_running(1), Found::WasLast);
        assert_eq!(idle.notify_one(), Some(0));
        assert!(idle.unpark_self(0, look));
    }

    #[test]
    fn at_most_half_of_the_workers_search() {
        let idle = Idle::new(4);
        assert!(idle.running_to_searching(0));
        assert!(idle.running_to_searching(1));
        assert!(!idle.running_to_searching(2));
    }
}
