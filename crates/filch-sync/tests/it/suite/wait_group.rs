//! WaitGroup.

use super::{BlockOn, Case, is_pending, on_threads};
use filch_sync::WaitGroup;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("wait_group_without_jobs_is_done", wait_group_without_jobs_is_done),
    ("wait_group_waits_for_the_last_token", wait_group_waits_for_the_last_token),
    (
        "wait_group_tells_who_waited_though_new_jobs_began",
        wait_group_tells_who_waited_though_new_jobs_began,
    ),
    ("wait_group_waits_for_threads", wait_group_waits_for_threads),
    ("wait_group_counts_a_job_that_panics", wait_group_counts_a_job_that_panics),
    ("many_wait_for_one_wait_group", many_wait_for_one_wait_group),
];

fn wait_group_without_jobs_is_done(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let group = WaitGroup::new();
        group.wait().await;
        group.blocking_wait();
        assert_eq!(group.n_tokens(), 0);
    }));
}

fn wait_group_waits_for_the_last_token(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let group = Arc::new(WaitGroup::new());
        let mut waiting = {
            let (one, other) = (group.token(), group.clone().token_owned());
            let third = other.clone();
            let fourth = one.clone();
            assert_eq!(group.n_tokens(), 4);
            let mut waiting = Box::pin({
                let group = group.clone();
                async move { group.wait().await }
            });
            drop((one, other, fourth));
            assert!(is_pending(waiting.as_mut()));
            drop(third);
            waiting
        };
        waiting.as_mut().await;
        assert_eq!(group.n_tokens(), 0);
    }));
}

fn wait_group_tells_who_waited_though_new_jobs_began(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let group = WaitGroup::new();
        let token = group.token();
        let mut waiting = pin!(group.wait());
        assert!(is_pending(waiting.as_mut()));
        drop(token);
        let next = group.token();
        waiting.await;
        assert!(is_pending(pin!(group.wait())));
        drop(next);
        group.wait().await;
    }));
}

fn wait_group_waits_for_threads(block_on: BlockOn<'_>) {
    for _ in 0..20 {
        let (group, n_done) = (Arc::new(WaitGroup::new()), Arc::new(AtomicUsize::new(0)));
        for _ in 0..4 {
            let (token, n_done) = (group.clone().token_owned(), n_done.clone());
            thread::spawn(move || {
                n_done.fetch_add(1, Relaxed);
                drop(token);
            });
        }
        block_on(Box::pin(async move {
            group.wait().await;
            assert_eq!(n_done.load(Relaxed), 4);
        }));
    }
}

fn wait_group_counts_a_job_that_panics(block_on: BlockOn<'_>) {
    let group = Arc::new(WaitGroup::new());
    let token = group.clone().token_owned();
    let thread = thread::spawn(move || {
        let _token = token;
        std::panic::resume_unwind(Box::new("job"));
    });
    block_on(Box::pin(async move { group.wait().await }));
    assert!(thread.join().is_err());
}

fn many_wait_for_one_wait_group(block_on: BlockOn<'_>) {
    let group = Arc::new(WaitGroup::new());
    on_threads(4, block_on, |_| {
        let group = group.clone();
        async move {
            let token = group.token();
            drop(token);
            group.wait().await;
        }
    });
    assert_eq!(group.n_tokens(), 0);
}
