//! Checks of [`Timers`].

#![allow(
    clippy::missing_panics_doc,
    reason = "a check panics to say that it failed; see the parent module"
)]

use crate::seam::Timers;
use crate::timer::{NEVER, TimerCell, TimerState};
use crate::wake_batch::WakeBatch;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Poll, Wake, Waker};

/// Makes a test of each check of this module. The expression, when called, makes fresh timers.
#[macro_export]
macro_rules! timers_suite {
    (@tests $factory:tt $($check:ident)*) => {$(
        #[test]
        fn $check() {
            $crate::conformance::timers::$check(&($factory)());
        }
    )*};
    ($factory:expr $(,)?) => {
        $crate::timers_suite! {
            @tests { $factory }
            a_timer_never_fires_early
            a_timer_fires_at_its_deadline
            timers_fire_in_the_order_of_their_deadlines
            a_canceled_timer_never_fires
            a_timer_that_was_reset_fires_at_its_later_deadline
            a_far_deadline_fires_after_years
            a_deadline_of_the_past_fires_at_once
            the_end_wakes_every_sleeper
            the_next_deadline_is_never_late
            arming_leaves_no_cell_behind
        }
    };
}

const SECOND: u64 = 1_000_000_000;
const YEAR: u64 = 365 * 86_400 * SECOND;

/// Deadlines around every power of two up to years: whatever a wheel's levels are, some lie at their edges.
fn deadlines() -> Vec<u64> {
    let edges = (0..56).map(|shift| 1_u64 << shift);
    let mut all: Vec<u64> = edges.flat_map(|edge| [edge - 1, edge, edge + 1]).collect();
    all.sort_unstable();
    all.dedup();
    all.retain(|deadline| *deadline != 0);
    all
}

/// Up to its deadline a timer does not fire, however often `expire` is called before.
pub fn a_timer_never_fires_early(timers: &dyn Timers) {
    let cells = arm_all(timers, &deadlines());
    for (cell, deadline) in &cells {
        expire(timers, deadline - 1);
        assert!(!cell.is_elapsed(), "a timer for {deadline} fired at {}", deadline - 1);
        expire(timers, *deadline);
    }
}

/// Once `expire` was called with its deadline, a timer has fired and its sleeper was woken once.
pub fn a_timer_fires_at_its_deadline(timers: &dyn Timers) {
    for deadline in deadlines() {
        let sleeper = Sleeper::new(deadline);
        arm(timers, &sleeper.cell);
        expire(timers, deadline);
        sleeper.assert_fired(deadline);
    }
}

/// In one `expire`, an earlier timer is woken before a later one.
pub fn timers_fire_in_the_order_of_their_deadlines(timers: &dyn Timers) {
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    // Why: far apart from each other, for a wheel may round deadlines of one tick together.
    let deadlines = [7, 3, 1, 9, 5, 4, 2, 8, 6].map(|n| n * 10 * SECOND);
    let mut cells = deadlines
        .map(|deadline| {
            let cell = Arc::new(TimerCell::new(deadline));
            let waker = Waker::from(Arc::new(Note { deadline, order: Arc::clone(&order) }));
            assert_eq!(cell.poll(&waker), Poll::Pending);
            cell
        })
        .to_vec();
    timers.arm(&mut cells);
    expire(timers, 100 * SECOND);
    let order = order.lock().expect("no note panics").clone();
    assert!(order.is_sorted(), "timers fired in the order {order:?}");
    assert_eq!(order.len(), deadlines.len(), "some timers did not fire");
}

/// A canceled timer is not woken, be it canceled before it is armed or after.
pub fn a_canceled_timer_never_fires(timers: &dyn Timers) {
    let before = Sleeper::new(SECOND);
    before.cell.cancel();
    arm(timers, &before.cell);
    let after = Sleeper::new(SECOND);
    arm(timers, &after.cell);
    after.cell.cancel();
    let other = Sleeper::new(SECOND);
    arm(timers, &other.cell);
    expire(timers, 2 * SECOND);
    assert_eq!(before.n_wakes(), 0, "a timer that was canceled before it was armed fired");
    assert_eq!(after.n_wakes(), 0, "a timer that was canceled while it was armed fired");
    other.assert_fired(SECOND);
}

/// A timer that was reset to a later deadline does not fire at the former one, but at the later one.
pub fn a_timer_that_was_reset_fires_at_its_later_deadline(timers: &dyn Timers) {
    let later = [SECOND + 1, 2 * SECOND, 3 * 3600 * SECOND, YEAR];
    let sleepers = later.map(|deadline| {
        let sleeper = Sleeper::new(SECOND);
        arm(timers, &sleeper.cell);
        assert!(sleeper.cell.reset_later(deadline), "the timer fired before `expire` was called");
        (sleeper, deadline)
    });
    expire(timers, SECOND);
    for (sleeper, deadline) in &sleepers {
        let next = timers.next_deadline();
        assert!(next.is_some_and(|next| next <= *deadline), "the next deadline is {next:?}");
        expire(timers, deadline - 1);
        assert_eq!(sleeper.n_wakes(), 0, "a timer reset to {deadline} fired early");
        expire(timers, *deadline);
        sleeper.assert_fired(*deadline);
    }
}

/// A deadline of decades ahead is kept, also while the clock comes nearer in jumps and others fire.
pub fn a_far_deadline_fires_after_years(timers: &dyn Timers) {
    let far = Sleeper::new(90 * YEAR + 7);
    let never = Sleeper::new(NEVER);
    arm(timers, &far.cell);
    arm(timers, &never.cell);
    for year in 1..=90 {
        let near = Sleeper::new(year * YEAR);
        arm(timers, &near.cell);
        expire(timers, year * YEAR);
        near.assert_fired(year * YEAR);
        assert_eq!(far.n_wakes(), 0, "a timer for 90 years fired after {year}");
    }
    expire(timers, 90 * YEAR + 7);
    far.assert_fired(90 * YEAR + 7);
    assert_eq!(never.n_wakes(), 0, "a timer for NEVER fired after 90 years");
}

/// A timer whose deadline has passed when it is armed fires at the next `expire`, which may come with the same time.
pub fn a_deadline_of_the_past_fires_at_once(timers: &dyn Timers) {
    expire(timers, 10 * SECOND);
    for deadline in [1, SECOND, 10 * SECOND] {
        let sleeper = Sleeper::new(deadline);
        arm(timers, &sleeper.cell);
        let next = timers.next_deadline();
        assert!(next.is_some_and(|next| next <= 10 * SECOND), "the next deadline is {next:?}");
        expire(timers, 10 * SECOND);
        sleeper.assert_fired(deadline);
    }
}

/// `abandon` wakes every sleeper and tells it that the runtime ended, and nothing is due afterwards.
pub fn the_end_wakes_every_sleeper(timers: &dyn Timers) {
    let sleepers: Vec<Sleeper> = deadlines().into_iter().chain([NEVER]).map(Sleeper::new).collect();
    sleepers.iter().for_each(|sleeper| arm(timers, &sleeper.cell));
    let mut wakes = WakeBatch::default();
    timers.abandon(&mut wakes);
    wakes.wake_all();
    for sleeper in &sleepers {
        assert_eq!(sleeper.n_wakes(), 1, "a sleeper was not woken once by the end");
        assert_eq!(sleeper.poll(), Poll::Ready(TimerState::Abandoned), "a sleeper was not told");
    }
    assert_eq!(timers.next_deadline(), None, "something is due after the end");
}

/// Whoever calls `expire` only when `next_deadline` says so misses no deadline, and needs few calls.
pub fn the_next_deadline_is_never_late(timers: &dyn Timers) {
    assert_eq!(timers.next_deadline(), None, "nothing was armed and something is due");
    let cells = arm_all(timers, &deadlines());
    let mut n_calls = 0;
    for (cell, deadline) in &cells {
        while !cell.is_elapsed() {
            let next = timers.next_deadline().expect("a timer is armed, so there is a deadline");
            assert!(next <= *deadline, "the next deadline is {next}, a timer is due at {deadline}");
            expire(timers, next);
            n_calls += 1;
            assert!(n_calls < 100 * cells.len(), "`next_deadline` asks for too many calls");
        }
    }
    assert_eq!(timers.next_deadline(), None, "everything fired and something is due");
}

/// `arm` takes every cell out of the vector, canceled ones too.
pub fn arming_leaves_no_cell_behind(timers: &dyn Timers) {
    let canceled = Arc::new(TimerCell::new(SECOND));
    canceled.cancel();
    let mut cells = vec![Arc::new(TimerCell::new(SECOND)), canceled];
    timers.arm(&mut cells);
    assert!(cells.is_empty(), "`arm` left {} cells behind", cells.len());
    timers.arm(&mut cells);
}

/// A cell and how often its waker was called.
struct Sleeper {
    cell: Arc<TimerCell>,
    count: Arc<Count>,
    waker: Waker,
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

struct Note {
    deadline: u64,
    order: Arc<std::sync::Mutex<Vec<u64>>>,
}

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.order.lock().expect("no note panics").push(self.deadline);
    }
}

impl Sleeper {
    fn new(deadline: u64) -> Self {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let sleeper = Sleeper { cell: Arc::new(TimerCell::new(deadline)), count, waker };
        assert_eq!(sleeper.poll(), Poll::Pending);
        sleeper
    }

    fn poll(&self) -> Poll<TimerState> {
        self.cell.poll(&self.waker)
    }

    fn n_wakes(&self) -> usize {
        self.count.0.load(SeqCst)
    }

    #[track_caller]
    fn assert_fired(&self, deadline: u64) {
        assert_eq!(self.n_wakes(), 1, "a timer for {deadline} was not woken once");
        assert_eq!(self.poll(), Poll::Ready(TimerState::Elapsed));
    }
}

fn arm(timers: &dyn Timers, cell: &Arc<TimerCell>) {
    timers.arm(&mut vec![Arc::clone(cell)]);
}

fn arm_all(timers: &dyn Timers, deadlines: &[u64]) -> Vec<(Arc<TimerCell>, u64)> {
    let cells = deadlines.iter().map(|deadline| (Arc::new(TimerCell::new(*deadline)), *deadline));
    let cells: Vec<_> = cells.collect();
    // Why: in an order unlike that of the deadlines.
    let (even, odd): (Vec<_>, Vec<_>) = cells.iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let mixed = odd.into_iter().rev().chain(even);
    timers.arm(&mut mixed.map(|(_, (cell, _))| Arc::clone(cell)).collect());
    cells
}

fn expire(timers: &dyn Timers, now: u64) {
    let mut wakes = WakeBatch::default();
    timers.expire(now, &mut wakes);
    wakes.wake_all();
}
