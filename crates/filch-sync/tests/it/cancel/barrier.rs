//! Barrier.

use super::Case;
use crate::tools::{Cut, cut_off, poll, ready};
use filch_sync::Barrier;
use std::pin::pin;

pub(super) const CASES: &[Case] = &[
    ("Barrier::wait", || {
        let wait: fn(&Barrier) -> Cut<'_> = |barrier| Box::pin(async { _ = barrier.wait().await });
        cut_off_wait(wait, |barrier| assert!(ready(pin!(barrier.wait())).is_leader()));
        cut_off_wait(wait, Barrier::abort);
        cut_off_wait(wait, Barrier::reset);
    }),
    ("Barrier::wait_or_broken", || {
        let wait: fn(&Barrier) -> Cut<'_> =
            |barrier| Box::pin(async { _ = barrier.wait_or_broken().await });
        cut_off_wait(wait, |barrier| assert!(ready(pin!(barrier.wait())).is_leader()));
        cut_off_wait(wait, Barrier::abort);
    }),
];

/// One of two waits; `end` ends its round. Whenever it is dropped, it counts for no other one.
fn cut_off_wait(wait: fn(&Barrier) -> Cut<'_>, end: fn(&Barrier)) {
    cut_off(
        || Barrier::new(2),
        wait,
        |barrier, n| {
            if n == 1 {
                end(barrier);
            }
        },
        |barrier| {
            assert_eq!(barrier.n_waiting(), 0);
            barrier.reset();
            let mut first = pin!(barrier.wait());
            assert!(poll(first.as_mut()).is_pending());
            assert!(ready(pin!(barrier.wait())).is_leader());
            assert!(!ready(first).is_broken());
        },
    );
}

#[test]
fn a_wait_dropped_after_its_round_ended_is_not_counted_off_the_next() {
    let barrier = Barrier::new(2);
    let mut passed = Box::pin(barrier.wait());
    assert!(poll(passed.as_mut()).is_pending());
    assert!(ready(pin!(barrier.wait())).is_leader());
    let mut next = pin!(barrier.wait());
    assert!(poll(next.as_mut()).is_pending());
    drop(passed);
    assert_eq!(barrier.n_waiting(), 1);
    assert!(ready(pin!(barrier.wait())).is_leader());
    assert!(!ready(next).is_leader());
}
