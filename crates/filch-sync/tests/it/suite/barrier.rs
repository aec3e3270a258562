//! Barrier.

use super::{BlockOn, Case, is_pending, on_threads, yield_now};
use filch_sync::{Barrier, BrokenBarrierError};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("barrier_lets_all_go_on_with_one_leader", barrier_lets_all_go_on_with_one_leader),
    ("barrier_of_one_holds_nobody_up", barrier_of_one_holds_nobody_up),
    ("barrier_keeps_rounds_apart", barrier_keeps_rounds_apart),
    ("barrier_keeps_rounds_apart_between_threads", barrier_keeps_rounds_apart_between_threads),
    ("barrier_meets_threads_and_tasks", barrier_meets_threads_and_tasks),
    ("aborted_barrier_tells_all_until_reset", aborted_barrier_tells_all_until_reset),
    ("reset_barrier_begins_a_new_round", reset_barrier_begins_a_new_round),
    ("abort_frees_all_threads", abort_frees_all_threads),
];

fn barrier_lets_all_go_on_with_one_leader(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let barrier = Barrier::new(3);
        let (mut one, mut other) = (pin!(barrier.wait()), pin!(barrier.wait()));
        assert!(is_pending(one.as_mut()));
        assert!(is_pending(other.as_mut()));
        assert_eq!((barrier.n_waiting(), barrier.parties()), (2, 3));
        assert!(barrier.wait().await.is_leader());
        assert_eq!(barrier.n_waiting(), 0);
        assert!(!one.await.is_leader());
        assert!(!other.await.is_leader());
    }));
}

fn barrier_of_one_holds_nobody_up(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let barrier = Barrier::new(1);
        for _ in 0..3 {
            assert!(barrier.wait().await.is_leader());
        }
    }));
}

fn barrier_keeps_rounds_apart(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let barrier = Barrier::new(2);
        let mut first = pin!(barrier.wait());
        assert!(is_pending(first.as_mut()));
        assert!(barrier.wait().await.is_leader());
        // The first round has ended, though `first` does not know yet: it counts for no other one.
        let mut early = pin!(barrier.wait());
        assert!(is_pending(early.as_mut()));
        assert!(!first.await.is_leader());
        assert!(is_pending(early.as_mut()));
        assert!(barrier.wait().await.is_leader());
        assert!(!early.await.is_leader());
    }));
}

fn barrier_keeps_rounds_apart_between_threads(block_on: BlockOn<'_>) {
    const N_PARTIES: usize = 4;
    const N_ROUNDS: usize = 200;
    let barrier = Arc::new(Barrier::new(N_PARTIES));
    let (n_there, n_leaders) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    on_threads(N_PARTIES, block_on, |index| {
        let (barrier, n_there, n_leaders) = (barrier.clone(), n_there.clone(), n_leaders.clone());
        async move {
            for round in 0..N_ROUNDS {
                n_there.fetch_add(1, Relaxed);
                n_leaders.fetch_add(usize::from(barrier.wait().await.is_leader()), Relaxed);
                let n_there = n_there.load(Relaxed);
                assert!(n_there >= (round + 1) * N_PARTIES, "all came before anybody went on");
                assert!(n_there < (round + 2) * N_PARTIES, "nobody goes on without this one");
                if (round + index) % 3 == 0 {
                    yield_now().await;
                }
            }
        }
    });
    assert_eq!(n_leaders.load(Relaxed), N_ROUNDS);
}

fn barrier_meets_threads_and_tasks(block_on: BlockOn<'_>) {
    let barrier = Arc::new(Barrier::new(2));
    let thread = thread::spawn({
        let barrier = barrier.clone();
        move || (0..100).filter(|_| barrier.blocking_wait().is_leader()).count()
    });
    let n_leaders = Arc::new(AtomicUsize::new(0));
    block_on(Box::pin({
        let n_leaders = n_leaders.clone();
        async move {
            for _ in 0..100 {
                n_leaders.fetch_add(usize::from(barrier.wait().await.is_leader()), Relaxed);
            }
        }
    }));
    let n_of_thread = thread.join().expect("the thread does not panic");
    assert_eq!(n_of_thread + n_leaders.load(Relaxed), 100);
}

fn aborted_barrier_tells_all_until_reset(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let barrier = Barrier::new(3);
        let (mut one, mut other) = (pin!(barrier.wait()), pin!(barrier.wait_or_broken()));
        assert!(is_pending(one.as_mut()));
        assert!(is_pending(other.as_mut()));
        barrier.abort();
        assert!(barrier.is_broken());
        assert_eq!(barrier.n_waiting(), 0);
        barrier.abort();
        assert!(barrier.wait().await.is_broken(), "who comes is told too");
        barrier.reset();
        assert!(!barrier.is_broken());
        let one = one.await;
        assert!(one.is_broken() && !one.is_leader(), "told before, found later");
        assert_eq!(other.await, Err(BrokenBarrierError));
        assert!(is_pending(pin!(barrier.wait())));
    }));
}

fn reset_barrier_begins_a_new_round(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let barrier = Barrier::new(2);
        barrier.reset();
        let mut broken_off = pin!(barrier.wait_or_broken());
        assert!(is_pending(broken_off.as_mut()));
        barrier.reset();
        assert!(!barrier.is_broken());
        let mut waiting = pin!(barrier.wait_or_broken());
        assert!(is_pending(waiting.as_mut()), "the one that was broken off counts no more");
        assert!(broken_off.await.is_err());
        assert!(barrier.wait_or_broken().await.is_ok_and(|result| result.is_leader()));
        assert!(waiting.await.is_ok_and(|result| !result.is_leader()));
    }));
}

fn abort_frees_all_threads(block_on: BlockOn<'_>) {
    let barrier = Arc::new(Barrier::new(100));
    on_threads(4, block_on, |index| {
        let barrier = barrier.clone();
        async move {
            if index == 0 {
                // More than are woken in one go.
                let mut waiting: Vec<_> = (0..70).map(|_| Box::pin(barrier.wait())).collect();
                assert!(waiting.iter_mut().all(|wait| is_pending(wait.as_mut())));
                barrier.abort();
                for wait in waiting {
                    assert!(wait.await.is_broken());
                }
            } else {
                assert!(barrier.wait().await.is_broken());
            }
        }
    });
    assert_eq!(barrier.n_waiting(), 0);
}
