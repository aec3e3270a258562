//! The lookout: a thread that notices work behind a worker that is stuck in a poll, and work that lasts.
//!
//! It polls no task. It watches only while a worker runs and another one is parked; otherwise it sleeps. It looks every
//! millisecond while tasks are queued, and seldom while the only thing to fear is that nobody waits in the driver. A
//! sample reads, per worker, how many polls have begun and whether something is queued:
//!
//! - a poll that lasts from one sample to the next with a task in the LIFO slot: the task moves to the injector;
//! - such a poll with tasks queued here or in the injector, or with nobody in the driver: a parked worker is woken;
//! - a queue that was not empty in two samples in a row is work that lasts: a parked worker is woken.

use crate::multi_thread::MultiThread;
use filch_core::sys::Duration;
use filch_core::sys::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use filch_core::sys::sync::atomic::{AtomicBool, AtomicU8, fence};
use filch_core::sys::thread::{self, Thread};
use std::sync::OnceLock;

/// The time between two samples.
// Why: a task behind a stuck worker starts within two periods; a sample costs about 10 µs, one hundredth of it
// (design.md §4).
const PERIOD: Duration = Duration::from_millis(1);
/// The time between two samples while nothing is queued.
// Why: a worker that leaves the driver seldom gets stuck, and a program that only waits for time does it every time.
const SELDOM: Duration = Duration::from_millis(8);
/// After so many samples without a finding the lookout sleeps.
// Why: waking it costs a wake of a thread, so that a busy program should not do it at every turn.
const N_QUIET_SAMPLES: u32 = 8;

const ASLEEP: u8 = 0;
const SELDOMLY: u8 = 1;
const CLOSELY: u8 = 2;

/// The lookout's switch, and its thread.
#[derive(Debug)]
pub(crate) struct Lookout {
    /// [`ASLEEP`], [`SELDOMLY`] or [`CLOSELY`].
    watching: AtomicU8,
    is_stopped: AtomicBool,
    thread: OnceLock<Thread>,
    n_workers: usize,
}

/// What the last sample saw of a worker.
#[derive(Clone, Copy, Default)]
struct Sample {
    n_polls: u32,
    had_waiting: bool,
}

impl Lookout {
    pub(crate) fn new(n_workers: usize) -> Self {
        Lookout {
            watching: AtomicU8::new(ASLEEP),
            is_stopped: AtomicBool::new(false),
            thread: OnceLock::new(),
            n_workers,
        }
    }

    /// Call when something waits behind a running worker while another one is parked.
    #[inline]
    pub(crate) fn watch(&self) {
        if self.watching.load(Relaxed) < CLOSELY {
            self.begin(CLOSELY);
        }
    }

    /// Call when a worker runs and nobody waits in the driver while another one is parked.
    #[inline]
    pub(crate) fn watch_seldom(&self) {
        if self.watching.load(Relaxed) < SELDOMLY {
            self.begin(SELDOMLY);
        }
    }

    #[cold]
    fn begin(&self, watching: u8) {
        // ORDERING: [watch] AcqRel: what is queued before is seen by the samples that follow.
        if self.n_workers > 1 && self.watching.fetch_max(watching, AcqRel) < watching {
            self.thread.get().into_iter().for_each(Thread::unpark);
        }
    }

    pub(crate) fn stop(&self) {
        // ORDERING: [lookout-stop] Release pairs with the Acquire in `run`.
        self.is_stopped.store(true, Release);
        self.thread.get().into_iter().for_each(Thread::unpark);
    }

    /// The thread's life.
    pub(crate) fn run(scheduler: &MultiThread) {
        let lookout = &scheduler.lookout;
        let _ = lookout.thread.set(thread::current());
        let mut samples = vec![Sample::default(); scheduler.remotes.len()];
        let mut n_quiet = 0;
        // ORDERING: [lookout-stop] Acquire pairs with `stop`.
        while !lookout.is_stopped.load(Acquire) {
            // ORDERING: [watch] Acquire pairs with `begin`.
            match lookout.watching.load(Acquire) {
                ASLEEP => {
                    thread::park();
                    continue;
                }
                SELDOMLY => thread::park_timeout(SELDOM),
                _ => thread::park_timeout(PERIOD),
            }
            if sample_all(scheduler, &mut samples) {
                n_quiet = 0;
                continue;
            }
            n_quiet += 1;
            if n_quiet > N_QUIET_SAMPLES {
                n_quiet = 0;
                lookout.rest(scheduler);
            }
        }
    }

    /// Stops watching, unless something came to wait meanwhile, or a worker runs while nobody waits in the driver.
    fn rest(&self, scheduler: &MultiThread) {
        self.watching.store(ASLEEP, Relaxed);
        // ORDERING: [watch] whoever queued before this fence and found the lookout watching is seen below.
        fence(SeqCst);
        if scheduler.remotes.iter().any(|remote| remote.has_waiting()) {
            self.watching.store(CLOSELY, Relaxed);
        } else if scheduler.idle.driver_is_free() {
            // Why not asleep: a task that only wakes itself queues nothing that others could see, and may get stuck.
            self.watching.fetch_max(SELDOMLY, Relaxed);
        }
    }
}

/// Looks at every worker. `true`: something was found that needs another look.
fn sample_all(scheduler: &MultiThread, samples: &mut [Sample]) -> bool {
    let mut found = false;
    for (worker, (remote, sample)) in scheduler.remotes.iter().zip(samples).enumerate() {
        let now = Sample { n_polls: remote.n_polls(), had_waiting: remote.has_waiting() };
        let is_stuck = now.n_polls == sample.n_polls && !scheduler.idle.is_parked(worker);
        if is_stuck {
            scheduler.park().flush_all_timers(); // What it armed before it got stuck is due all the same.
        }
        if is_stuck && now.had_waiting {
            if let Some(task) = remote.take_lifo() {
                scheduler.inject(task);
            }
        }
        let is_left = is_stuck && !scheduler.injector.is_empty();
        let lasts = now.had_waiting && (is_stuck || sample.had_waiting);
        if is_left || lasts || is_stuck && scheduler.idle.driver_is_free() {
            scheduler.unpark(scheduler.idle.notify_one());
        }
        found |= now.had_waiting || is_left;
        *sample = now;
    }
    found
}
