//! The budget as a user spends it.

use crate::rig::{Hand, Rig, UNITS};
use filch_core::coop::{Budget, with_budget};
use filch_task::coop::{consume_budget, cooperative, has_budget_remaining, unconstrained};
use filch_task::{spawn, yield_now};
use std::future::ready;
use std::pin::pin;

/// Counts the polls until a task of `N` operations is done.
fn n_polls<F: Future<Output = ()> + Send + 'static>(task: F) -> usize {
    let rig = Rig::new();
    let handle = rig.run(|| spawn(task));
    let mut n_polls = 0;
    while !handle.is_finished() {
        assert!(rig.step());
        n_polls += 1;
    }
    n_polls
}

#[test]
fn a_task_without_budget_yields_before_it_goes_on() {
    let task = async {
        for _ in 0..3 * UNITS {
            consume_budget().await;
        }
    };
    assert_eq!(n_polls(task), 3);
}

#[test]
fn a_cooperative_future_spends_one_unit_each_time_it_is_done() {
    let task = async {
        for _ in 0..2 * UNITS + 1 {
            cooperative(ready(())).await;
        }
    };
    assert_eq!(n_polls(task), 3);
}

#[test]
fn a_cooperative_future_that_is_pending_spends_nothing() {
    with_budget(Budget::new(1), || {
        let hand = Hand::default();
        let mut future = pin!(cooperative(yield_now()));
        assert!(hand.poll(future.as_mut()).is_pending());
        assert!(has_budget_remaining());
        assert!(hand.poll(future.as_mut()).is_ready());
        assert!(!has_budget_remaining());
    });
}

#[test]
fn an_unconstrained_future_never_yields_for_its_budget() {
    let task = unconstrained(async {
        for _ in 0..10 * UNITS {
            consume_budget().await;
            assert!(has_budget_remaining());
        }
    });
    assert_eq!(n_polls(task), 1);
}

#[test]
fn the_budget_outside_of_unconstrained_is_untouched() {
    with_budget(Budget::new(1), || {
        let inner = async { consume_budget().await };
        assert!(Hand::default().poll(pin!(unconstrained(inner))).is_ready());
        assert!(has_budget_remaining());
    });
}

#[test]
fn without_a_budget_nothing_yields() {
    let future = async {
        for _ in 0..10_000 {
            consume_budget().await;
        }
    };
    assert!(Hand::default().poll(pin!(future)).is_ready());
}
