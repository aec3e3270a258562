//! A sleeper is woken once or told, a waker is dropped once, and an earlier deadline never wins over a reset.

use super::{Expiry, TimerCell, TimerState, WAKER};
use crate::sys::sync::atomic::Ordering::AcqRel;
use crate::sys::thread;
use crate::testing::model::{Count, assert_rejected, check};
use crate::wake_batch::WakeBatch;
use std::sync::Arc;
use std::task::Poll;

const DEADLINE: u64 = 10;

fn fire(cell: &TimerCell, now: u64) -> Expiry {
    let mut wakes = WakeBatch::default();
    let expiry = cell.fire(now, &mut wakes);
    wakes.wake_all();
    expiry
}

fn abandon(cell: &TimerCell) {
    let mut wakes = WakeBatch::default();
    cell.abandon(&mut wakes);
    wakes.wake_all();
}

fn spawn<T: 'static>(
    cell: &Arc<TimerCell>,
    f: impl FnOnce(&TimerCell) -> T + 'static,
) -> thread::JoinHandle<T> {
    let cell = cell.clone();
    thread::spawn(move || f(&cell))
}

fn join<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the thread does not panic")
}

/// A poll, and another with another waker, meet the firing: the last waker is woken, or the poll is told.
#[test]
fn the_last_waker_is_woken_or_its_poll_is_told() {
    for is_abandoned in [false, true] {
        check(3, move || {
            let cell = Arc::new(TimerCell::new(DEADLINE));
            let firing = spawn(&cell, move |cell| {
                if is_abandoned {
                    abandon(cell);
                } else {
                    assert_eq!(fire(cell, DEADLINE), Expiry::Gone);
                }
            });
            let counts = [Count::new(), Count::new()];
            let first = cell.poll(&counts[0].waker());
            let last = cell.poll(&counts[1].waker());
            join(firing);
            assert!(first.is_pending() || last.is_ready(), "the end was taken back");
            if last.is_pending() {
                assert_eq!(counts[1].n_wakes(), 1, "the sleeper was not woken");
            }
            assert!(counts.iter().all(|count| count.n_wakes() <= 1), "a waker was woken twice");
            let outcome = if is_abandoned { TimerState::Abandoned } else { TimerState::Elapsed };
            assert_eq!(cell.poll(&counts[0].waker()), Poll::Ready(outcome));
            drop(cell);
            assert_eq!(counts.each_ref().map(|count| count.n_wakers()), [0, 0], "a waker leaked");
        });
    }
}

/// A sleeper that gives up meets the firing and the runtime's end: its waker is dropped once and woken at most once.
#[test]
fn a_canceled_sleeper_gets_its_waker_back_once() {
    check(3, || {
        let cell = Arc::new(TimerCell::new(DEADLINE));
        let count = Count::new();
        assert!(cell.poll(&count.waker()).is_pending());
        let timers = spawn(&cell, |cell| {
            if fire(cell, DEADLINE - 1) == Expiry::Later(DEADLINE) {
                fire(cell, DEADLINE);
            }
            abandon(cell);
        });
        cell.cancel();
        join(timers);
        assert!(count.n_wakes() <= 1, "a waker was woken twice");
        assert_eq!(count.n_wakers(), 0, "a waker stays in a cell nobody waits for");
    });
}

/// A sleeper that polls and gives up while the runtime ends.
#[test]
fn a_sleeper_that_polls_and_cancels_during_the_end_leaks_no_waker() {
    check(3, || {
        let cell = Arc::new(TimerCell::new(DEADLINE));
        let count = Count::new();
        let ending = spawn(&cell, abandon);
        let is_told = cell.poll(&count.waker()).is_ready();
        cell.cancel();
        join(ending);
        assert!(!is_told || count.n_wakes() == 0, "a sleeper was told and woken");
        drop(cell);
        assert_eq!(count.n_wakers(), 0, "a waker leaked");
    });
}

/// A reset to a later deadline meets the firing of the earlier one: either it is too late and says so, or the cell fires
/// at the later deadline only.
#[test]
fn a_reset_and_a_firing_agree() {
    check(3, || {
        let cell = Arc::new(TimerCell::new(DEADLINE));
        let count = Count::new();
        assert!(cell.poll(&count.waker()).is_pending());
        let timers = spawn(&cell, |cell| fire(cell, DEADLINE));
        let was_reset = cell.reset_later(2 * DEADLINE);
        let expiry = join(timers);
        if was_reset {
            assert_eq!(expiry, Expiry::Later(2 * DEADLINE));
            assert_eq!(count.n_wakes(), 0, "a reset timer fired at its former deadline");
            assert_eq!(fire(&cell, 2 * DEADLINE), Expiry::Gone);
        } else {
            assert_eq!(expiry, Expiry::Gone);
        }
        assert_eq!(count.n_wakes(), 1);
        assert!(cell.is_elapsed());
    });
}

/// What was done before the firing is seen by the poll that is told of it.
#[test]
fn a_poll_sees_what_came_before_the_firing() {
    check(3, || {
        let cell = Arc::new((TimerCell::new(DEADLINE), crate::sys::cell::UnsafeCell::new(0)));
        let its_cell = cell.clone();
        let firing = thread::spawn(move || {
            // SAFETY: read only by who was told of the firing.
            its_cell.1.with_mut(|data| unsafe { *data = 1 });
            fire(&its_cell.0, DEADLINE);
        });
        let count = Count::new();
        if cell.0.is_elapsed() || cell.0.poll(&count.waker()).is_ready() {
            // SAFETY: told of the firing.
            assert_eq!(cell.1.with(|data| unsafe { *data }), 1);
        }
        join(firing);
    });
}

#[test]
#[ignore = "run by `a_poll_that_writes_a_waker_it_does_not_own_is_rejected`"]
fn broken_poll_writes_a_waker_it_does_not_own() {
    check(3, || {
        let cell = Arc::new(TimerCell::new(DEADLINE));
        let count = Count::new();
        assert!(cell.poll(&count.waker()).is_pending());
        let firing = spawn(&cell, |cell| fire(cell, DEADLINE));
        // The broken step: the waker is replaced while `WAKER` is set.
        // SAFETY: none; this is what the model must notice.
        cell.waker.with_mut(|stored| unsafe { *stored = Some(count.waker()) });
        cell.state.fetch_or(WAKER, AcqRel);
        join(firing);
    });
}

#[test]
fn a_poll_that_writes_a_waker_it_does_not_own_is_rejected() {
    let name = "timer::loom_tests::broken_poll_writes_a_waker_it_does_not_own";
    assert_rejected(name, "Causality violation");
}
