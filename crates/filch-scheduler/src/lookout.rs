//! The lookout: a thread that notices work behind a worker that is stuck in a poll, and work that lasts
//! (design 0013).
//!
//! It polls no task. It watches only while a worker runs and another one is parked; otherwise it sleeps. While tasks are
//! queued it looks every millisecond, and less often the longer nobody needs its help; and seldom while the only thing to
//! fear is that nobody waits in the driver. A sample reads, per worker, how many polls have begun and whether something is
//! queued:
//!
//! - a poll that lasts from one sample to the next with a task in the LIFO slot: the task moves to the injector;
//! - such a poll with tasks queued here or in the injector, or with nobody in the driver: a parked worker is woken;
//! - a queue that was not empty in two samples in a row is work that lasts, unless so many tasks ended there in
//!   between that they must be tiny, for some time: a parked worker is woken;
//! - a driver that nobody turned for some samples, although no poll lasts that long: a parked worker is woken.

use crate::idle::Idle;
use crate::local::Remote;
use crate::multi_thread::MultiThread;
use crate::signals;
use crossbeam_utils::CachePadded;
use filch_core::sys::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use filch_core::sys::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, fence};
use filch_core::sys::thread::{self, Thread};
use filch_core::sys::{Duration, Instant};
use std::sync::OnceLock;

/// The time between two samples, at first.
// Why: a task behind a stuck worker starts within two periods; a sample costs 16 to 25 µs, a fiftieth of it.
const PERIOD: Duration = Duration::from_millis(1);
/// After each so many samples in which nobody was held up, the time between two samples is one `PERIOD` longer.
const N_CALM_SAMPLES: u32 = 8;
/// So many periods it becomes at most.
// Why: a program whose polls all end soon pays a third, and when one of them does last, what waits behind it starts
// between one and two times this later.
const MAX_PERIODS: u32 = 3;
/// The time between two samples while nothing is queued.
// Why: a worker that leaves the driver seldom gets stuck, and a program that only waits for time does it every time.
const SELDOM: Duration = Duration::from_millis(8);
/// After so many quiet samples the lookout sleeps.
// Why: waking it costs a wake of a thread, so that a busy program should not do it at every turn.
const N_QUIET_SAMPLES: u32 = 8;

/// After a sleep of this length the lookout begins anew.
// Why: what it saw before says little of what was begun since; a program that is busy calls it sooner.
const FORGET: Duration = Duration::from_millis(32);

/// Where tasks end faster than one in this time, they stay.
// Why: a stolen one costs as much again. Batches of a thousand no-ops take 420 ns each on one worker, and on two the same
// time or half as much more, with twice the processor time; trees of tasks that await each other (`fib_27`), 700 ns each,
// gain from the second worker.
const TINY_LIFE: Duration = Duration::from_nanos(500);

/// Tiny tasks that are queued in so many samples in a row last all the same.
// Why: a queue may grow although most of what is in it is tiny. Where it does not, one wake in 168 ms or more is little.
const N_TINY_SAMPLES: u32 = 64;

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
    /// How many turns of the driver have ended. Written by its holder, read by the lookout.
    n_turns: CachePadded<AtomicU32>,
}

/// What the last sample saw of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    n_polls: u32,
    n_ended: u32,
    /// In how many samples in a row, up to this one, something was queued.
    n_waiting: u32,
}

/// What a worker's sample says beside the one before.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// The worker is in the same poll as before.
    is_stuck: bool,
    /// Its queue was not empty then and is not now although its tasks are not tiny, or is not and the worker is stuck.
    lasts: bool,
}

/// What a look at all workers has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outlook {
    /// Nobody is parked who could come for anything.
    NobodyParked,
    /// No worker has anything queued.
    Quiet,
    /// Something is queued, and its worker moves on.
    Waiting,
    /// Something waits behind a worker that is stuck, or nobody is in the driver beside one.
    HeldUp,
}

/// How closely to watch, by what the last samples have found.
#[derive(Debug, Default)]
struct Attention {
    /// In how many samples in a row there was nothing to watch.
    n_quiet: u32,
    /// In how many samples since the last that found somebody held up somebody could have been.
    n_calm: u32,
}

/// Since when nobody has turned the driver.
#[derive(Debug)]
struct Unattended {
    n_turns: u32,
    since: Instant,
}

impl Lookout {
    pub(crate) fn new(n_workers: usize) -> Self {
        Lookout {
            watching: AtomicU8::new(ASLEEP),
            is_stopped: AtomicBool::new(false),
            thread: OnceLock::new(),
            n_workers,
            n_turns: CachePadded::new(AtomicU32::new(0)),
        }
    }

    /// Whether it watches as closely as it can, so that no call would change anything.
    #[inline]
    pub(crate) fn is_watching_closely(&self) -> bool {
        self.watching.load(Relaxed) == CLOSELY
    }

    /// Call when something waits behind a running worker while another one is parked.
    #[inline]
    pub(crate) fn watch(&self) {
        if !self.is_watching_closely() {
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

    /// Holder of the driver: a turn has ended.
    #[inline]
    pub(crate) fn count_turn(&self) {
        self.n_turns.store(self.n_turns.load(Relaxed).wrapping_add(1), Relaxed);
    }

    #[cold]
    fn begin(&self, watching: u8) {
        // ORDERING: [watch] AcqRel: what is queued before is seen by the samples that follow.
        if self.n_workers > 1 && self.watching.fetch_max(watching, AcqRel) < watching {
            self.unpark();
        }
    }

    pub(crate) fn stop(&self) {
        // ORDERING: [lookout-stop] Release pairs with the Acquire in `run`.
        self.is_stopped.store(true, Release);
        self.unpark();
    }

    fn unpark(&self) {
        // ORDERING: [lookout-start] pairs with the fence in `run`: this sees its thread, or it sees what was stored before.
        fence(SeqCst);
        self.thread.get().into_iter().for_each(Thread::unpark);
    }

    /// The thread's life.
    pub(crate) fn run(scheduler: &MultiThread) {
        let lookout = &scheduler.lookout;
        signals::leave_children_to_others();
        let _ = lookout.thread.set(thread::current());
        fence(SeqCst); // ORDERING: [lookout-start] pairs with the fence in `unpark`.
        let mut samples: Vec<_> = scheduler.remotes.iter().map(Sample::first).collect();
        let mut unattended = Unattended::at(lookout.n_turns.load(Relaxed));
        let mut sampled_at = Instant::now();
        let mut attention = Attention::default();
        // ORDERING: [lookout-stop] Acquire pairs with `stop`.
        while !lookout.is_stopped.load(Acquire) {
            if !lookout.wait_for_next_sample(attention.period()) {
                attention.break_off(sampled_at.elapsed());
                // Why now: whoever called and then gets stuck is found by the first sample instead of the second.
                sampled_at = Instant::now();
                samples = scheduler.remotes.iter().map(Sample::first).collect();
                continue;
            }
            let now = Instant::now();
            let elapsed = now.saturating_duration_since(std::mem::replace(&mut sampled_at, now));
            attention.pay(sample_all(scheduler, &mut samples, elapsed, &mut unattended));
            if attention.n_quiet >= N_QUIET_SAMPLES {
                attention.n_quiet = 0;
                lookout.rest(scheduler);
            }
        }
    }

    /// Waits for `period` if it is to watch closely. `false`: somebody called meanwhile.
    fn wait_for_next_sample(&self, period: Duration) -> bool {
        let begin = Instant::now();
        // ORDERING: [watch] Acquire pairs with `begin`.
        match self.watching.load(Acquire) {
            ASLEEP => {
                thread::park();
                return false;
            }
            SELDOMLY => thread::park_timeout(SELDOM),
            _ => thread::park_timeout(period),
        }
        // Why: unparked at once, it would take whatever poll it meets twice for a stuck one.
        begin.elapsed() >= PERIOD / 2
    }

    /// Stops watching. Goes on only if somebody is parked, and either something came to wait meanwhile or nobody waits in
    /// the driver.
    fn rest(&self, scheduler: &MultiThread) {
        self.watching.store(ASLEEP, Relaxed);
        // ORDERING: [watch] whoever queued before this fence and found the lookout watching is seen below.
        fence(SeqCst);
        // Why a period later: a worker has no fence between queueing and its look at `watching`, for that would cost each
        // task some nanoseconds. What it queued is seen long before this is over.
        thread::park_timeout(PERIOD);
        if !scheduler.idle.has_parked() {
            // ORDERING: [park] pairs with the fence in `prepare_park`: who has parked is seen, or sees in `warn_lookout` that
            // the lookout sleeps.
            return;
        }
        let has_waiting = scheduler.remotes.iter().any(Remote::has_waiting);
        if has_waiting || !scheduler.injector.is_empty() {
            self.watching.fetch_max(CLOSELY, Relaxed);
        } else if scheduler.idle.driver_is_free() {
            // Why not asleep: a task that only wakes itself queues nothing that others could see, and may get stuck.
            self.watching.fetch_max(SELDOMLY, Relaxed);
        }
    }
}

impl Sample {
    /// The one to compare the next with. What was queued before it does not count as waiting.
    fn first(remote: &Remote) -> Self {
        Sample { n_polls: remote.n_polls(), n_ended: remote.n_ended(), n_waiting: 0 }
    }

    /// The one that follows this.
    fn next(self, remote: &Remote) -> Self {
        let n_waiting = if remote.has_waiting() { self.n_waiting.saturating_add(1) } else { 0 };
        Sample { n_waiting, ..Sample::first(remote) }
    }

    /// What this sample says that was taken `elapsed` after the one before.
    fn after(self, before: Sample, elapsed: Duration, is_parked: bool) -> Finding {
        let is_stuck = self.n_polls == before.n_polls && !is_parked;
        let is_tiny = elapsed < TINY_LIFE * self.n_ended.wrapping_sub(before.n_ended);
        let lasts = match self.n_waiting {
            0 => false,
            1 => is_stuck,
            n => is_stuck || !is_tiny || n % N_TINY_SAMPLES == 0,
        };
        Finding { is_stuck, lasts }
    }
}

impl Attention {
    fn pay(&mut self, outlook: Outlook) {
        self.n_quiet = if outlook <= Outlook::Quiet { self.n_quiet + 1 } else { 0 };
        self.n_calm = match outlook {
            Outlook::NobodyParked => self.n_calm,
            Outlook::Quiet | Outlook::Waiting => self.n_calm.saturating_add(1),
            Outlook::HeldUp => 0,
        };
    }

    /// No sample was taken for so long.
    fn break_off(&mut self, pause: Duration) {
        if pause > FORGET {
            *self = Attention::default();
        }
    }

    /// The time until the next sample.
    fn period(&self) -> Duration {
        PERIOD * (1 + self.n_calm / N_CALM_SAMPLES).min(MAX_PERIODS)
    }
}

impl Unattended {
    fn at(n_turns: u32) -> Self {
        Unattended { n_turns, since: Instant::now() }
    }

    /// Whether nobody is in the driver, and nobody was for long.
    fn sample(&mut self, n_turns: u32, idle: &Idle) -> bool {
        if n_turns != self.n_turns || !idle.driver_is_free() {
            *self = Unattended::at(n_turns);
        }
        self.since.elapsed() >= SELDOM
    }
}

/// Looks at every worker and at the driver, `elapsed` after the last time, and helps where it must.
fn sample_all(
    scheduler: &MultiThread,
    samples: &mut [Sample],
    elapsed: Duration,
    unattended: &mut Unattended,
) -> Outlook {
    let has_parked = scheduler.idle.has_parked();
    let mut outlook = Outlook::Quiet;
    for (worker, (remote, sample)) in scheduler.remotes.iter().zip(samples).enumerate() {
        let before = std::mem::replace(sample, sample.next(remote));
        let finding = sample.after(before, elapsed, scheduler.idle.is_parked(worker));
        if finding.is_stuck {
            rescue(scheduler, remote);
        }
        let is_left = sample.n_waiting > 0 || !scheduler.injector.is_empty();
        let is_held_up = finding.is_stuck && (is_left || scheduler.idle.driver_is_free());
        if is_held_up || finding.lasts {
            scheduler.unpark(scheduler.idle.notify_one());
        }
        outlook = outlook.max(match sample.n_waiting {
            _ if is_held_up => Outlook::HeldUp,
            0 => Outlook::Quiet,
            _ => Outlook::Waiting,
        });
    }
    if unattended.sample(scheduler.lookout.n_turns.load(Relaxed), &scheduler.idle) {
        scheduler.unpark(scheduler.idle.notify_one());
    }
    if has_parked { outlook } else { Outlook::NobodyParked }
}

/// Brings out what only a stuck worker can reach.
pub(crate) fn rescue(scheduler: &MultiThread, stuck: &Remote) {
    scheduler.park().flush_all_timers(); // What it armed before it got stuck is due all the same.
    if let Some(task) = stuck.take_lifo() {
        scheduler.inject(task);
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::multi_thread::Settings;
    use filch_core::conformance::parts_around;
    use filch_core::coop::Budget;
    use filch_core::runtime::Living;
    use filch_core::task::Spawn;
    use std::sync::Arc;

    fn sample(n_polls: u32, n_waiting: u32) -> Sample {
        Sample { n_polls, n_ended: 0, n_waiting }
    }

    #[test]
    fn a_worker_that_neither_polls_nor_parks_is_stuck() {
        assert!(sample(7, 0).after(sample(7, 0), PERIOD, false).is_stuck);
        assert!(!sample(7, 0).after(sample(7, 0), PERIOD, true).is_stuck, "it is parked");
        assert!(!sample(8, 0).after(sample(7, 0), PERIOD, false).is_stuck, "it polls");
    }

    #[test]
    fn work_lasts_that_is_there_twice_or_behind_a_stuck_worker() {
        assert!(sample(8, 2).after(sample(7, 1), PERIOD, false).lasts);
        assert!(sample(7, 1).after(sample(7, 0), PERIOD, false).lasts);
        assert!(!sample(8, 1).after(sample(7, 0), PERIOD, false).lasts, "it may be gone soon");
        assert!(!sample(8, 0).after(sample(7, 1), PERIOD, false).lasts, "it is gone");
    }

    #[test]
    fn tasks_that_end_faster_than_they_travel_stay_for_some_time() {
        let lasts = |n_ended, n_waiting| {
            let sample = |n_ended, n| Sample { n_ended, ..sample(n_ended, n) };
            sample(n_ended, n_waiting).after(sample(0, n_waiting - 1), PERIOD, false).lasts
        };
        assert!(!lasts(3000, 2));
        assert!(lasts(1000, 2));
        assert!(lasts(3000, N_TINY_SAMPLES), "the queue may be growing");
    }

    #[test]
    fn a_driver_is_unattended_when_nobody_turned_it_for_long() {
        let idle = Idle::new(2);
        let mut unattended = Unattended::at(3);
        assert!(!unattended.sample(3, &idle), "not for long");
        unattended.since -= SELDOM;
        assert!(unattended.sample(3, &idle));
        assert!(!unattended.sample(4, &idle), "somebody turned it");
        unattended.since -= SELDOM;
        let look = idle.prepare_park(1, false, true);
        assert!(!unattended.sample(4, &idle), "somebody is in it");
        let _ = idle.unpark_self(1, look);
    }

    #[test]
    fn who_finds_nobody_held_up_looks_less_often() {
        let mut attention = Attention::default();
        let mut pay = |outlook, times| {
            (0..times).for_each(|_| attention.pay(outlook));
            attention.period()
        };
        assert_eq!(pay(Outlook::Waiting, N_CALM_SAMPLES - 1), PERIOD);
        assert_eq!(pay(Outlook::NobodyParked, 1_000), PERIOD, "nobody would have been found");
        assert_eq!(pay(Outlook::Quiet, 1), PERIOD * 2);
        assert_eq!(pay(Outlook::Waiting, 1_000), PERIOD * MAX_PERIODS);
        assert_eq!(pay(Outlook::HeldUp, 1), PERIOD, "somebody is");
    }

    #[test]
    fn who_slept_for_long_looks_often_again() {
        let mut attention = Attention::default();
        (0..1_000).for_each(|_| attention.pay(Outlook::Waiting));
        attention.break_off(FORGET);
        assert_eq!(attention.period(), PERIOD * MAX_PERIODS, "what was seen still holds");
        attention.break_off(FORGET + PERIOD);
        assert_eq!(attention.period(), PERIOD);
    }

    #[test]
    fn the_lookout_rests_while_nobody_is_parked_or_nothing_can_be_held_up() {
        let scheduler = Arc::new(MultiThread::new(Settings {
            n_workers: 2,
            thread_name: Arc::new(|index| index.to_string()),
            stack_size: None,
            budget: Budget::UNLIMITED,
            event_interval: 1,
            injector_interval: 1,
            seed: None,
            on_start: None,
            on_stop: None,
            starts_lazily: false,
        }));
        let living = Living::open(parts_around(scheduler.clone()));
        let watching_after_rest = || {
            scheduler.lookout.watch();
            scheduler.lookout.rest(&scheduler);
            scheduler.lookout.watching.load(Relaxed)
        };
        assert_eq!(watching_after_rest(), ASLEEP, "nobody is parked");
        let look = scheduler.idle.prepare_park(1, false, false);
        assert_eq!(watching_after_rest(), SELDOMLY, "worker 0 runs, and nobody is in the driver");
        let _ = scheduler.idle.unpark_self(1, look);
        let look = scheduler.idle.prepare_park(1, false, true);
        assert_eq!(watching_after_rest(), ASLEEP, "worker 1 is in the driver");
        let _ = scheduler.idle.unpark_self(1, look);
        let queued = Spawn::on(living.runtime()).spawn(async {});
        assert_eq!(watching_after_rest(), ASLEEP, "nobody is parked who could come for the task");
        let look = scheduler.idle.prepare_park(1, false, true);
        assert_eq!(watching_after_rest(), CLOSELY, "worker 1 sleeps beside the task");
        let _ = scheduler.idle.unpark_self(1, look);
        drop(queued);
        living.end();
    }

    #[test]
    fn an_unparked_lookout_does_not_take_two_samples_at_once() {
        let lookout = Lookout::new(2);
        assert!(lookout.thread.set(thread::current()).is_ok());
        lookout.watch_seldom();
        lookout.watch();
        assert!(!lookout.wait_for_next_sample(PERIOD));
        assert!(lookout.wait_for_next_sample(PERIOD));
    }
}
