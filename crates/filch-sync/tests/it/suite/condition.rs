//! Condition.

use super::{BlockOn, Case, is_pending, on_threads, yield_now};
use filch_sync::{Condition, Mutex};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("condition_wait_unlocks_and_locks_again", condition_wait_unlocks_and_locks_again),
    (
        "condition_wait_for_returns_at_once_if_it_holds",
        condition_wait_for_returns_at_once_if_it_holds,
    ),
    ("condition_notifies_in_order", condition_notifies_in_order),
    ("condition_keeps_no_notification", condition_keeps_no_notification),
    ("condition_takes_owned_guards", condition_takes_owned_guards),
    ("two_conditions_share_a_mutex_between_threads", two_conditions_share_a_mutex_between_threads),
    ("condition_notifies_all_threads", condition_notifies_all_threads),
    ("condition_blocks_threads_too", condition_blocks_threads_too),
    ("condition_serves_two_mutexes_at_once", condition_serves_two_mutexes_at_once),
];

fn condition_wait_unlocks_and_locks_again(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (mutex, condition) = (Mutex::new(0), Condition::new());
        let mut waiting = pin!(condition.wait(mutex.lock().await));
        assert!(mutex.try_lock().is_err(), "not polled, it has its guard");
        assert!(is_pending(waiting.as_mut()));
        let mut held = mutex.try_lock().expect("it has given up the lock");
        *held = 1;
        condition.notify_one();
        assert!(is_pending(waiting.as_mut()), "the lock is held");
        drop(held);
        let guard = waiting.await;
        assert_eq!(*guard, 1);
        assert!(mutex.try_lock().is_err(), "it has the lock again");
    }));
}

fn condition_wait_for_returns_at_once_if_it_holds(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (mutex, condition) = (Mutex::new(1), Condition::new());
        let mut n_calls = 0;
        let guard = condition
            .wait_for(mutex.lock().await, |value| {
                n_calls += 1;
                *value == 1
            })
            .await;
        drop(guard);
        assert_eq!(n_calls, 1);

        let mut waiting = pin!(condition.wait_for(mutex.lock().await, |value| *value == 3));
        for value in [2, 3] {
            assert!(is_pending(waiting.as_mut()));
            *mutex.lock().await = value;
            condition.notify_one();
        }
        assert_eq!(*waiting.await, 3);
    }));
}

fn condition_notifies_in_order(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (mutex, condition) = (Mutex::new(()), Condition::new());
        let mut waiting: Vec<_> = Vec::new();
        for _ in 0..6 {
            let mut wait = Box::pin(condition.wait(mutex.lock().await));
            assert!(is_pending(wait.as_mut()));
            waiting.push(wait);
        }
        for (n, n_left) in [(1, 5), (2, 3), (0, 3), (9, 0)] {
            condition.notify(n);
            for mut wait in waiting.drain(..waiting.len() - n_left) {
                assert!(!is_pending(wait.as_mut()));
            }
            assert!(waiting.iter_mut().all(|wait| is_pending(wait.as_mut())));
        }
    }));
}

fn condition_keeps_no_notification(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (mutex, condition) = (Mutex::new(()), Condition::new());
        condition.notify_one();
        condition.notify_all();
        assert!(is_pending(pin!(condition.wait(mutex.lock().await))));
    }));
}

fn condition_takes_owned_guards(block_on: BlockOn<'_>) {
    let (mutex, condition) = (Arc::new(Mutex::new(false)), Arc::new(Condition::new()));
    let thread = thread::spawn({
        let (mutex, condition) = (mutex.clone(), condition.clone());
        move || {
            *mutex.blocking_lock() = true;
            condition.notify_one();
        }
    });
    block_on(Box::pin(async move {
        let guard = mutex.lock_owned().await;
        let guard = condition.wait_for(guard, |is_ready| *is_ready).await;
        assert!(*guard);
    }));
    thread.join().expect("the thread does not panic");
}

fn two_conditions_share_a_mutex_between_threads(block_on: BlockOn<'_>) {
    const CAPACITY: usize = 3;
    const N_VALUES: usize = 400;
    struct Shared {
        buffer: Mutex<VecDeque<usize>>,
        not_full: Condition,
        not_empty: Condition,
    }
    let shared = Arc::new(Shared {
        buffer: Mutex::new(VecDeque::new()),
        not_full: Condition::new(),
        not_empty: Condition::new(),
    });
    let sum = Arc::new(Mutex::new(0));
    on_threads(4, block_on, |index| {
        let (shared, sum) = (shared.clone(), sum.clone());
        async move {
            for value in 0..N_VALUES {
                let buffer = shared.buffer.lock().await;
                if index % 2 == 0 {
                    let wait = shared.not_full.wait_for(buffer, |buffer| buffer.len() < CAPACITY);
                    wait.await.push_back(value);
                    shared.not_empty.notify_one();
                } else {
                    let wait = shared.not_empty.wait_for(buffer, |buffer| !buffer.is_empty());
                    let mut buffer = wait.await;
                    assert!(buffer.len() <= CAPACITY);
                    *sum.lock().await += buffer.pop_front().expect("it is not empty");
                    drop(buffer);
                    shared.not_full.notify_one();
                }
            }
        }
    });
    assert_eq!(*sum.blocking_lock(), N_VALUES * (N_VALUES - 1));
    assert!(shared.buffer.blocking_lock().is_empty());
}

fn condition_notifies_all_threads(block_on: BlockOn<'_>) {
    let shared = Arc::new((Mutex::new(0), Condition::new()));
    on_threads(4, block_on, |_| {
        let shared = shared.clone();
        async move {
            for round in 1..=50 {
                let mut n_there = shared.0.lock().await;
                *n_there += 1;
                if *n_there == 4 * round {
                    shared.1.notify_all();
                }
                drop(shared.1.wait_for(n_there, |n_there| *n_there >= 4 * round).await);
                yield_now().await;
            }
        }
    });
}

fn condition_blocks_threads_too(block_on: BlockOn<'_>) {
    let shared = Arc::new((Mutex::new(0), Condition::new()));
    let thread = thread::spawn({
        let shared = shared.clone();
        move || {
            for round in 0..100 {
                let mut turn = shared.0.blocking_lock();
                while *turn != 2 * round + 1 {
                    turn = shared.1.blocking_wait(turn);
                }
                *turn += 1;
                shared.1.notify_one();
            }
        }
    });
    block_on(Box::pin(async move {
        for round in 0..100 {
            let turn = shared.0.lock().await;
            let mut turn = shared.1.wait_for(turn, |turn| *turn == 2 * round).await;
            *turn += 1;
            shared.1.notify_one();
        }
        drop(shared.1.blocking_wait_for(shared.0.lock().await, |_| true));
    }));
    thread.join().expect("the thread does not panic");
}

fn condition_serves_two_mutexes_at_once(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (one, other, condition) = (Mutex::new(1), Mutex::new(2), Condition::new());
        let mut first = pin!(condition.wait(one.lock().await));
        let mut second = pin!(condition.wait(other.lock().await));
        assert!(is_pending(first.as_mut()));
        assert!(is_pending(second.as_mut()));
        condition.notify_all();
        assert_eq!((*first.await, *second.await), (1, 2));
    }));
}
