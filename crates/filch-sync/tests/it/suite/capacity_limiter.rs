//! CapacityLimiter and BoundedSemaphore.

use super::{BlockOn, Case, is_pending, on_threads, yield_now};
use filch_sync::{BoundedSemaphore, CapacityLimiter, TryAcquireError, TryBorrowError};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("limiter_limits", limiter_limits),
    ("limiter_is_fair", limiter_is_fair),
    ("limiter_grows_and_shrinks", limiter_grows_and_shrinks),
    ("limiter_knows_its_borrowers", limiter_knows_its_borrowers),
    ("limiter_is_resized_while_threads_use_it", limiter_is_resized_while_threads_use_it),
    ("limiter_blocks_threads_too", limiter_blocks_threads_too),
    ("bounded_semaphore_limits", bounded_semaphore_limits),
    ("bounded_semaphore_refuses_what_it_never_gave", bounded_semaphore_refuses_what_it_never_gave),
    ("closed_bounded_semaphore_refuses", closed_bounded_semaphore_refuses),
];

fn limiter_limits(block_on: BlockOn<'_>) {
    let (limiter, n_inside) = (Arc::new(CapacityLimiter::new(2)), Arc::new(AtomicUsize::new(0)));
    on_threads(4, block_on, |index| {
        let (limiter, n_inside) = (limiter.clone(), n_inside.clone());
        async move {
            for _ in 0..100 {
                let token =
                    limiter.acquire_on_behalf_of(index as u64).await.expect("one at a time");
                assert!(n_inside.fetch_add(1, SeqCst) < 2);
                yield_now().await;
                n_inside.fetch_sub(1, SeqCst);
                drop(token);
            }
        }
    });
    assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (0, 2));
}

fn limiter_is_fair(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let limiter = Arc::new(CapacityLimiter::new(1));
        let token = limiter.acquire().await;
        let mut first = pin!(limiter.clone().acquire_owned());
        let mut second = pin!(limiter.acquire_on_behalf_of(2));
        assert!(is_pending(first.as_mut()));
        assert!(is_pending(second.as_mut()));
        assert_eq!(limiter.statistics().n_waiting, 2);
        drop(token);
        assert_eq!(limiter.try_acquire().expect_err("it is granted"), TryBorrowError::NoTokens);
        assert!(is_pending(second.as_mut()));
        let token = first.await;
        assert_eq!(token.borrower(), None);
        drop(token);
        assert_eq!(second.await.expect("its only one").borrower(), Some(2));
    }));
}

fn limiter_grows_and_shrinks(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let limiter = CapacityLimiter::new(0);
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(limiter.acquire())).collect();
        assert!(waiting.iter_mut().all(|wait| is_pending(wait.as_mut())));
        limiter.set_total_tokens(2);
        let last = waiting.pop().expect("there are three");
        let mut tokens = Vec::new();
        for wait in waiting {
            tokens.push(wait.await);
        }
        limiter.set_total_tokens(1);
        assert_eq!((limiter.borrowed_tokens(), limiter.total_tokens()), (2, 1));
        assert_eq!(limiter.available_tokens(), 0);
        let mut last = last;
        tokens.pop();
        assert!(is_pending(last.as_mut()), "one is borrowed, and there is one");
        tokens.pop();
        drop(last.await);
        limiter.set_total_tokens(usize::MAX);
        assert_eq!(limiter.available_tokens(), usize::MAX);
    }));
}

fn limiter_knows_its_borrowers(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let limiter = Arc::new(CapacityLimiter::new(2));
        let seven = limiter.acquire_on_behalf_of(7).await.expect("its only one");
        assert!(limiter.clone().acquire_on_behalf_of_owned(7).await.is_err());
        let anonymous = [limiter.try_acquire().expect("one is left")];
        let mut eight = pin!(limiter.clone().acquire_on_behalf_of_owned(8));
        assert!(is_pending(eight.as_mut()));
        assert_eq!(
            limiter.try_acquire_on_behalf_of(8).expect_err("it waits").to_string(),
            "borrower 8 has a token of this capacity limiter already, or waits for one"
        );
        let statistics = limiter.statistics();
        assert_eq!(statistics.borrowers, [7], "who waits has none yet");
        assert_eq!((statistics.borrowed_tokens, statistics.total_tokens), (2, 2));
        assert_eq!(statistics.n_waiting, 1);
        drop(seven);
        let eight = eight.await.expect("its only one");
        assert_eq!(limiter.statistics().borrowers, [8]);
        drop((eight, anonymous));
        assert!(limiter.statistics().borrowers.is_empty());
    }));
}

fn limiter_is_resized_while_threads_use_it(block_on: BlockOn<'_>) {
    let limiter = Arc::new(CapacityLimiter::new(1));
    on_threads(4, block_on, |index| {
        let limiter = limiter.clone();
        async move {
            for round in 0..200 {
                if index == 0 {
                    limiter.set_total_tokens(round % 4);
                } else {
                    drop(limiter.acquire().await);
                }
                yield_now().await;
            }
            if index == 0 {
                limiter.set_total_tokens(1);
            }
        }
    });
    let statistics = limiter.statistics();
    assert_eq!((statistics.borrowed_tokens, statistics.n_waiting), (0, 0));
}

fn limiter_blocks_threads_too(block_on: BlockOn<'_>) {
    let limiter = Arc::new(CapacityLimiter::new(1));
    let token = limiter.try_acquire().expect("it is free");
    let thread = thread::spawn({
        let limiter = limiter.clone();
        move || {
            drop(limiter.blocking_acquire());
            let token = limiter.blocking_acquire_on_behalf_of(3).expect("its only one");
            assert!(limiter.blocking_acquire_on_behalf_of(3).is_err());
            drop(token);
        }
    });
    drop(token);
    block_on(Box::pin({
        let limiter = limiter.clone();
        async move { drop(limiter.acquire_owned().await) }
    }));
    thread.join().expect("the thread does not panic");
    assert!(limiter.clone().try_acquire_owned().is_ok());
}

fn bounded_semaphore_limits(block_on: BlockOn<'_>) {
    let semaphore = Arc::new(BoundedSemaphore::new(2));
    let n_inside = Arc::new(AtomicUsize::new(0));
    on_threads(4, block_on, |index| {
        let (semaphore, n_inside) = (semaphore.clone(), n_inside.clone());
        async move {
            for _ in 0..100 {
                let permit = semaphore.clone().acquire_owned().await.expect("never closed");
                assert!(n_inside.fetch_add(1, SeqCst) < 2);
                yield_now().await;
                n_inside.fetch_sub(1, SeqCst);
                if index % 2 == 0 {
                    permit.forget();
                    semaphore.add_permits(1).expect("one is missing");
                }
            }
        }
    });
    assert_eq!(semaphore.available_permits(), 2);
    assert!(semaphore.add_permits(1).is_err());
}

fn bounded_semaphore_refuses_what_it_never_gave(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let semaphore = BoundedSemaphore::new(3);
        assert!(semaphore.add_permits(1).is_err());
        assert_eq!(semaphore.add_permits(0), Ok(()));
        let permit = semaphore.acquire_many(2).await.expect("never closed");
        assert!(semaphore.add_permits(1).is_err(), "they are held, and come back by themselves");
        drop(permit);
        semaphore.acquire_many(3).await.expect("never closed").forget();
        let mut waiting = pin!(semaphore.acquire_many(2));
        assert!(is_pending(waiting.as_mut()));
        assert!(semaphore.add_permits(4).is_err());
        assert_eq!(semaphore.available_permits(), 0, "none of them was added");
        semaphore.add_permits(3).expect("three are missing");
        assert_eq!(waiting.await.expect("never closed").num_permits(), 2);
        assert_eq!(semaphore.forget_permits(2), 2);
        assert_eq!((semaphore.available_permits(), semaphore.bound()), (1, 3));
    }));
}

fn closed_bounded_semaphore_refuses(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let semaphore = Arc::new(BoundedSemaphore::new(1));
        let held = semaphore.clone().acquire_many_owned(1).await.expect("not closed yet");
        let mut waiting = pin!(semaphore.acquire());
        assert!(is_pending(waiting.as_mut()));
        semaphore.close();
        assert!(semaphore.is_closed());
        assert!(waiting.await.is_err());
        assert_eq!(semaphore.try_acquire().err(), Some(TryAcquireError::Closed));
        drop(held);
        assert_eq!(semaphore.available_permits(), 1);
        assert!(semaphore.clone().try_acquire_owned().is_err());
        assert!(semaphore.blocking_acquire().is_err());
        assert!(semaphore.clone().blocking_acquire_owned().is_err());
    }));
}
