//! **Property:** no more tokens are borrowed than there are, none is lost, and nobody waits for one that is there.

use super::*;
use crate::model::{Arc as LoomArc, assert_rejected, block_on, check_to, poll, thread};

fn joined<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the thread does not panic")
}

#[test]
fn one_token_excludes() {
    check_to(3, || {
        let shared = LoomArc::new((CapacityLimiter::new(1), loom::cell::UnsafeCell::new(0)));
        let enter = |shared: &(CapacityLimiter, loom::cell::UnsafeCell<i32>)| {
            let _token = block_on(shared.0.acquire());
            // SAFETY: there is one token, and it is held.
            shared.1.with_mut(|count| unsafe { *count += 1 });
        };
        let thread = thread::spawn({
            let shared = shared.clone();
            move || enter(&shared)
        });
        enter(&shared);
        joined(thread);
        assert_eq!(shared.0.borrowed_tokens(), 0);
    });
}

/// One waits and leaves, one waits, and a token is made.
fn one_leaves(add: fn(&CapacityLimiter)) {
    check_to(2, move || {
        let limiter = LoomArc::new(CapacityLimiter::new(0));
        let leaving = thread::spawn({
            let limiter = limiter.clone();
            move || drop(poll(Box::pin(limiter.acquire()).as_mut()))
        });
        let adding = thread::spawn({
            let limiter = limiter.clone();
            move || add(&limiter)
        });
        drop(block_on(limiter.acquire_on_behalf_of(1)));
        joined(leaving);
        joined(adding);
        let statistics = limiter.statistics();
        assert_eq!((statistics.borrowed_tokens, statistics.n_waiting), (0, 0));
        assert!(statistics.borrowers.is_empty());
    });
}

#[test]
fn a_dropped_acquire_passes_its_token_on() {
    one_leaves(|limiter| limiter.set_total_tokens(1));
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_limit_raised_without_the_lock() {
    one_leaves(|limiter| {
        limiter.n_total.store(1, Relaxed);
        if limiter.n_waiting.load(Relaxed) != 0 {
            limiter.grant_free(&mut limiter.queue.lock());
        }
    });
}

#[test]
fn a_limit_raised_without_the_lock_is_rejected() {
    assert_rejected("capacity_limiter::loom_tests::broken_limit_raised_without_the_lock");
}
