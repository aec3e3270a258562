//! The stock timers, on hand-made cells: the time is a number that the test chooses.

use filch_core::seam::Timers;
use filch_core::timer::{TimerCell, TimerState};
use filch_core::wake_batch::WakeBatch;
use filch_timer::WheelTimers;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Poll, Wake, Waker};

const MS: u64 = 1_000_000;

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// A waker whose drop looks at the timers, as a user's could: with the lock held it would never return.
struct LooksAtTimers(Arc<WheelTimers>);

impl Wake for LooksAtTimers {
    fn wake(self: Arc<Self>) {}
}

impl Drop for LooksAtTimers {
    fn drop(&mut self) {
        self.0.n_filed();
    }
}

fn arm(timers: &WheelTimers, deadline: u64) -> Arc<TimerCell> {
    let cell = Arc::new(TimerCell::new(deadline));
    timers.arm(&mut vec![Arc::clone(&cell)]);
    cell
}

fn expire(timers: &WheelTimers, now: u64) -> usize {
    let mut wakes = WakeBatch::default();
    timers.expire(now, &mut wakes);
    wakes.len()
}

#[test]
fn a_cell_is_woken_at_its_deadline_and_not_before() {
    let timers = WheelTimers::new();
    let count = Arc::new(Count::default());
    let cell = arm(&timers, 3 * MS);
    assert!(cell.poll(&Waker::from(Arc::clone(&count))).is_pending());
    assert_eq!(timers.next_deadline(), Some(3 * MS));
    assert_eq!(expire(&timers, 3 * MS - 1), 0);
    assert!(!cell.is_elapsed());
    assert_eq!(expire(&timers, 3 * MS), 1);
    assert_eq!(count.0.load(Relaxed), 1, "dropping the batch woke it");
    assert_eq!(cell.poll(Waker::noop()), Poll::Ready(TimerState::Elapsed));
    assert_eq!((timers.next_deadline(), timers.n_filed()), (None, 0));
}

#[test]
fn a_cell_nobody_polled_yet_fires_silently() {
    let timers = WheelTimers::new();
    let cell = arm(&timers, MS);
    assert_eq!(expire(&timers, MS), 0);
    assert_eq!(cell.poll(Waker::noop()), Poll::Ready(TimerState::Elapsed));
}

#[test]
fn a_cell_reset_to_later_fires_at_its_last_deadline() {
    let timers = WheelTimers::new();
    let cell = arm(&timers, MS);
    assert!(cell.reset_later(2 * MS));
    assert!(cell.reset_later(5 * MS));
    expire(&timers, MS);
    assert_eq!(timers.next_deadline(), Some(5 * MS), "filed again at expiry");
    expire(&timers, 5 * MS - 1);
    assert!(!cell.is_elapsed());
    expire(&timers, 5 * MS);
    assert!(cell.is_elapsed());
}

#[test]
fn a_batch_arms_all_and_leaves_nothing_behind() {
    let timers = WheelTimers::new();
    let cells: Vec<_> = (1..=1000).map(|n| Arc::new(TimerCell::new(n * MS))).collect();
    let mut batch = cells.clone();
    cells[0].cancel();
    timers.arm(&mut batch);
    assert!(batch.is_empty());
    assert_eq!((timers.n_filed(), timers.next_deadline()), (999, Some(2 * MS)));
    expire(&timers, 1000 * MS);
    assert!(cells[1..].iter().all(|cell| cell.is_elapsed()));
    assert_eq!(timers.n_filed(), 0);
}

#[test]
fn wakers_are_dropped_without_the_lock() {
    let timers = Arc::new(WheelTimers::new());
    for fires in [true, false] {
        let cell = arm(&timers, MS);
        let waker = Waker::from(Arc::new(LooksAtTimers(Arc::clone(&timers))));
        assert!(cell.poll(&waker).is_pending());
        drop((cell, waker));
        if fires {
            expire(&timers, MS);
        } else {
            timers.abandon(&mut WakeBatch::default());
        }
        assert_eq!(timers.n_filed(), 0);
    }
}

#[test]
fn canceled_cells_do_not_pile_up() {
    let timers = WheelTimers::new();
    let live: Vec<_> = (0..2000).map(|n| arm(&timers, (3_600_000 + n) * MS)).collect();
    for n in 0..100_000 {
        arm(&timers, (1_800_000 + n) * MS).cancel();
        assert!(timers.n_filed() < 7000, "{} after {n}", timers.n_filed());
    }
    expire(&timers, 7_200_000 * MS);
    assert!(live.iter().all(|cell| cell.is_elapsed()), "a sweep takes only the canceled");
}

#[test]
fn tombstones_wake_an_idle_runtime_once() {
    let timers = WheelTimers::new();
    let live = arm(&timers, 3_600_000 * MS);
    (1..1000).for_each(|n| arm(&timers, n * MS).cancel());
    let mut n_turns = 0;
    while let Some(deadline) = timers.next_deadline() {
        expire(&timers, deadline);
        n_turns += 1;
    }
    assert!(live.is_elapsed());
    assert_eq!(n_turns, 2, "the first tombstone, then the live one");
}

#[test]
fn the_end_of_the_runtime_reaches_every_cell() {
    let timers = WheelTimers::new();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let before: Vec<_> = (1..500).map(|n| arm(&timers, n * 1000 * MS)).collect();
    assert!(before.iter().all(|cell| cell.poll(&waker).is_pending()));
    timers.abandon(&mut WakeBatch::default());
    assert_eq!(count.0.load(Relaxed), before.len());
    assert!(before.iter().all(|cell| cell.poll(&waker) == Poll::Ready(TimerState::Abandoned)));
    assert_eq!(timers.next_deadline(), None);

    let late = Arc::new(TimerCell::new(MS));
    assert!(late.poll(&waker).is_pending());
    timers.arm(&mut vec![Arc::clone(&late)]);
    assert_eq!(
        late.poll(&waker),
        Poll::Ready(TimerState::Abandoned),
        "and those that come too late"
    );
}

#[test]
fn cells_canceled_while_others_expire_fire_or_vanish_but_never_hang() {
    let timers = Arc::new(WheelTimers::new());
    let cells: Vec<_> = (0..5000).map(|n| arm(&timers, 1 + n * 1000)).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| cells.iter().rev().step_by(2).for_each(|cell| cell.cancel()));
        scope.spawn(|| {
            cells.iter().step_by(3).for_each(|cell| {
                cell.reset_later(10 * MS);
            })
        });
        scope.spawn(|| (0..=5000).for_each(|n| _ = expire(&timers, n * 1000)));
    });
    expire(&timers, 20 * MS);
    assert_eq!(timers.n_filed(), 0);
    assert!(cells.iter().all(|cell| cell.is_elapsed() || cell.is_canceled()));
}
