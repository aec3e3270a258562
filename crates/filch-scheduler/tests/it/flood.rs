//! A driver that always has more events than a worker polls between two visits.

use super::conformance::{INTERVAL, on_the_current_thread, on_workers};
use filch_core::WakeBatch;
use filch_core::conformance::parts_around;
use filch_core::io::{Ready, SlotKey};
use filch_core::runtime::{Living, Parts};
use filch_core::seam::{Limit, Park, Scheduler};
use filch_core::sys::sync::Mutex;
use filch_core::task::Spawn;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::Poll;

#[test]
fn what_a_turn_has_brought_is_polled_before_the_next_turn() {
    for n_events in [INTERVAL as usize + 3, 2 * INTERVAL as usize] {
        assert_turns_every(n_events, n_events);
    }
}

#[test]
fn after_few_events_the_interval_counts() {
    for n_events in [0, 1, INTERVAL as usize] {
        assert_turns_every(INTERVAL as usize, n_events);
    }
}

#[test]
fn however_much_a_turn_has_brought_the_next_one_comes_within_two_intervals() {
    assert_turns_every(2 * INTERVAL as usize, 100 * INTERVAL as usize);
}

/// Looks how many polls lie between two turns that bring `n_events` each, while a task yields all the time.
#[track_caller]
fn assert_turns_every(n_polls: usize, n_events: usize) {
    let schedulers: [Arc<dyn Scheduler>; 2] =
        [Arc::new(on_the_current_thread()), Arc::new(on_workers(1))];
    for scheduler in schedulers {
        let between = polls_between_turns(scheduler, n_events);
        assert!(
            between.iter().all(|n| *n == n_polls),
            "{n_events} events a turn, {between:?} polls between them, {n_polls} are due"
        );
    }
}

fn polls_between_turns(scheduler: Arc<dyn Scheduler>, n_events: usize) -> Vec<usize> {
    let n_polls = Arc::new(AtomicUsize::new(0));
    let flood = Arc::new(Flood {
        n_events,
        is_held: AtomicBool::new(false),
        n_polls: Arc::clone(&n_polls),
        polls_at_turns: Mutex::new(Vec::new()),
    });
    let parts = Parts { park: flood.clone(), ..parts_around(scheduler.clone()) };
    let living = Living::open(parts);
    let runtime = living.runtime();
    scheduler.clone().start(runtime, flood.clone()).expect("it is started once");
    let yields = Spawn::on(runtime).spawn(poll_fn(move |cx| {
        if n_polls.fetch_add(1, Relaxed) == 1_000 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    let _entered = runtime.enter();
    scheduler.block_on(pin!(async { yields.await.expect("it only yields") }));
    living.end();
    let at_turns = flood.polls_at_turns.lock();
    let mut between: Vec<usize> = at_turns.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // The task begins and ends between turns like any other; before and after it, nothing is polled.
    between.retain(|n| *n != 0);
    assert!(between.len() > 5, "turns at {at_turns:?} polls");
    between.remove(0);
    between.pop();
    between
}

/// Brings so many events with each turn, of sources that nobody waits for.
struct Flood {
    n_events: usize,
    is_held: AtomicBool,
    n_polls: Arc<AtomicUsize>,
    /// How many polls there had been at each turn.
    polls_at_turns: Mutex<Vec<usize>>,
}

impl Park for Flood {
    fn try_hold(&self) -> bool {
        !self.is_held.swap(true, Relaxed) // Nothing is handed over with it.
    }

    fn release(&self) {
        self.is_held.store(false, Relaxed);
    }

    fn turn(&self, _: Limit, _: &dyn Fn() -> bool, wakes: &mut WakeBatch) {
        self.polls_at_turns.lock().push(self.n_polls.load(Relaxed));
        (0..self.n_events).for_each(|_| wakes.deliver(SlotKey::from_raw(u64::MAX), Ready::ALL));
    }

    fn unpark(&self) {}

    fn flush_timers(&self, _: usize) {}

    fn flush_all_timers(&self) {}
}
