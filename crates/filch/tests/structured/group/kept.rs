//! Inner groups that fail and are ended from outside, in either order, step by step.

use super::{HOUR, Oops, settle};
use crate::tools::Hand;
use filch::TaskGroup;
use filch::runtime::{Builder, Runtime};
use filch::task::{CancelScope, GroupError};
use filch::time::sleep;
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;

fn one_thread() -> Runtime {
    Builder::new_current_thread().start_paused(true).build().expect("the system has descriptors")
}

/// Polls to the end.
async fn finish<F: Future + Unpin>(hand: &Hand, mut future: F) -> F::Output {
    loop {
        if let Poll::Ready(output) = hand.poll(&mut future) {
            return output;
        }
        settle().await;
        assert_ne!(hand.wakes(), 0, "it waits for ever");
    }
}

async fn failing() -> Result<(), GroupError<Oops>> {
    let scope = TaskGroup::scope_of::<Oops, (), _>(async |tg| {
        tg.create_task(async { Err::<(), _>(Oops(1)) });
        sleep(HOUR).await;
        Ok(())
    });
    scope.await
}

#[test]
fn an_error_from_before_the_outer_end_is_what_the_ended_code_gives() {
    one_thread().block_on(async {
        let (hand, scope) = (Hand::default(), CancelScope::new());
        let mut run = pin!(scope.run(failing()));
        assert!(hand.poll(&mut run).is_pending());
        settle().await; // The child fails, and nobody polls the scope.
        drop(scope.cancel());
        let output = finish(&hand, run).await.expect("it was done before it could be dropped");
        assert_eq!(output.unwrap_err().errors().collect::<Vec<_>>(), [&Oops(1)]);
    });
}

#[test]
fn the_ended_code_gets_as_far_as_its_next_await_with_it() {
    one_thread().block_on(async {
        let (hand, scope) = (Hand::default(), CancelScope::new());
        let (has_heard, went_on) = (Cell::new(false), Cell::new(false));
        let mut run = pin!(scope.run(async {
            has_heard.set(failing().await.is_err());
            sleep(HOUR).await;
            went_on.set(true);
        }));
        assert!(hand.poll(&mut run).is_pending());
        settle().await;
        drop(scope.cancel());
        assert!(finish(&hand, run).await.is_err());
        assert_eq!((has_heard.get(), went_on.get()), (true, false));
    });
}

#[test]
fn code_that_opens_a_group_again_and_again_is_ended_all_the_same() {
    one_thread().block_on(async {
        let (hand, scope) = (Hand::default(), CancelScope::new());
        let mut run = pin!(scope.run(async {
            loop {
                assert!(failing().await.is_err());
            }
        }));
        assert!(hand.poll(&mut run).is_pending());
        settle().await;
        drop(scope.cancel());
        let never: Result<std::convert::Infallible, _> = finish(&hand, run).await;
        assert!(never.is_err());
    });
}

#[test]
fn a_failed_group_that_nobody_polls_delays_no_end() {
    one_thread().block_on(async {
        let (hand, scope) = (Hand::default(), CancelScope::new());
        let mut run = pin!(scope.run(async {
            let put_aside = Hand::default();
            let mut failed = pin!(failing());
            assert!(put_aside.poll(&mut failed).is_pending());
            sleep(HOUR).await;
        }));
        assert!(hand.poll(&mut run).is_pending());
        settle().await;
        drop(scope.cancel());
        assert!(finish(&hand, run).await.is_err());
    });
}

#[test]
fn when_the_outer_end_comes_first_no_child_fails_any_more() {
    one_thread().block_on(async {
        let (hand, scope) = (Hand::default(), CancelScope::new());
        let mut run = pin!(scope.run(failing()));
        assert!(hand.poll(&mut run).is_pending());
        drop(scope.cancel());
        assert!(finish(&hand, run).await.is_err());
    });
}
