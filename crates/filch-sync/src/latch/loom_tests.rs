//! **Property:** nobody waits for what is set, and who is told that it is set sees the value.

use super::*;
use crate::model::{Arc, assert_rejected, check, check_to, poll, thread};
use std::future::poll_fn;
use std::pin::pin;

async fn wait(latch: &Latch<Box<i32>>) -> i32 {
    let waiter = pin!(Waiter::new(latch, 0));
    let waiter = waiter.into_ref();
    poll_fn(|cx| poll_set(waiter, cx.waker()).map(|value| **value)).await
}

fn set(latch: &Latch<Box<i32>>) {
    // SAFETY: each model sets its latch once.
    if unsafe { latch.set(Box::new(1)) } {
        latch.wake();
    }
}

/// Two wait while `set` is called; one of them changes its waker.
fn a_latch_is_set(set: fn(&Latch<Box<i32>>)) {
    let latch = Arc::new(Latch::new());
    let waiter = thread::spawn({
        let latch = latch.clone();
        move || crate::model::block_on(wait(&latch))
    });
    let setter = thread::spawn({
        let latch = latch.clone();
        move || set(&latch)
    });
    let mut waiting = Box::pin(wait(&latch));
    if poll(waiting.as_mut()).is_pending() {
        assert_eq!(crate::model::block_on(waiting), 1);
    }
    assert_eq!(waiter.join().expect("the waiter does not panic"), 1);
    setter.join().expect("the setter does not panic");
}

#[test]
fn all_who_wait_are_woken() {
    check_to(2, || a_latch_is_set(set));
}

#[test]
fn a_waiter_may_leave_while_the_latch_is_set() {
    check(|| {
        let latch = Arc::new(Latch::new());
        let leaving = thread::spawn({
            let latch = latch.clone();
            move || {
                let _ = poll(Box::pin(wait(&latch)).as_mut());
            }
        });
        let setter = thread::spawn({
            let latch = latch.clone();
            move || set(&latch)
        });
        assert_eq!(crate::model::block_on(wait(&latch)), 1);
        leaving.join().expect("the leaving waiter does not panic");
        setter.join().expect("the setter does not panic");
    });
}

/// Looks for waiters, then sets the flag, by two steps.
fn broken_set(latch: &Latch<Box<i32>>) {
    let has_waiters = latch.state.load(Acquire) & WAITERS != 0;
    // SAFETY: each model sets its latch once.
    let _ = unsafe { latch.set(Box::new(1)) };
    if has_waiters {
        latch.wake();
    }
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_set_in_two_steps() {
    check_to(2, || a_latch_is_set(broken_set));
}

#[test]
fn a_set_in_two_steps_is_rejected() {
    assert_rejected("latch::loom_tests::broken_set_in_two_steps");
}
