//! WaitGroup: foreign code, budget, and what can be sent.

use crate::foreign_code::{explode, panics};
use crate::tools::{Count, call, poll, poll_with, ready};
use filch_core::coop::{Budget, with_budget};
use filch_sync::{OwnedWaitGroupToken, WaitGroup, WaitGroupToken};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::thread;

static GROUP: WaitGroup = WaitGroup::new();

#[test]
fn a_wait_group_can_be_a_static() {
    let token = GROUP.token();
    let thread = thread::spawn(|| GROUP.blocking_wait());
    let moved = thread::spawn(move || drop(token));
    thread.join().expect("the thread does not panic");
    moved.join().expect("the thread does not panic");
}

#[test]
fn a_panicking_waker_does_not_keep_others_from_going_on() {
    let group = WaitGroup::new();
    let token = group.token();
    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(group.wait())).collect();
    let (count, counting) = Count::new();
    for (index, wait) in waiting.iter_mut().enumerate() {
        let waker = if index % 10 == 0 { explode() } else { counting.clone() };
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    panics(|| drop(token));
    assert_eq!(count.get(), 90);
    for mut wait in waiting {
        ready(wait.as_mut());
    }
}

#[test]
fn a_waker_may_begin_another_job() {
    let group = Arc::new(WaitGroup::new());
    let waker = {
        let group = group.clone();
        call(move || drop((group.token(), group.clone().token_owned())))
    };
    let token = group.token();
    let mut waiting = pin!(group.wait());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    drop(token);
    ready(waiting);
}

#[test]
fn who_waits_for_a_later_job_is_not_woken_with_those_before() {
    let group = Arc::new(WaitGroup::new());
    let later = Arc::new(Mutex::new(Vec::new()));
    let begin_later = {
        let (group, later) = (group.clone(), later.clone());
        call(move || {
            let (token, group) = (group.clone().token_owned(), group.clone());
            let mut waiting = Box::pin(async move { group.wait().await });
            assert!(poll(waiting.as_mut()).is_pending());
            later.lock().expect("no panic").push((token, waiting));
        })
    };
    let token = group.token();
    // More than are woken in one go.
    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(group.wait())).collect();
    for wait in &mut waiting {
        assert!(poll_with(wait.as_mut(), &begin_later).is_pending());
    }
    drop(token);
    for mut wait in waiting {
        ready(wait.as_mut());
    }
    let mut later = std::mem::take(&mut *later.lock().expect("no panic"));
    assert!(later.iter_mut().all(|(_, wait)| poll(wait.as_mut()).is_pending()));
    let (tokens, waiting): (Vec<_>, Vec<_>) = later.into_iter().unzip();
    drop(tokens);
    for mut wait in waiting {
        ready(wait.as_mut());
    }
}

#[test]
fn a_group_without_jobs_costs_budget() {
    with_budget(Budget::new(1), || {
        let group = WaitGroup::new();
        ready(pin!(group.wait()));
        let (count, waker) = Count::new();
        assert!(poll_with(pin!(group.wait()), &waker).is_pending());
        assert_eq!(count.get(), 1);
    });
}

#[test]
fn tokens_are_printed_and_sent() {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<WaitGroup>();
    send_and_sync::<WaitGroupToken<'_>>();
    send_and_sync::<OwnedWaitGroupToken>();
    let group = Arc::new(WaitGroup::default());
    let token = group.clone().token_owned();
    assert_eq!(format!("{group:?}"), "WaitGroup { n_tokens: 1, .. }");
    let _ = format!("{token:?} {:?}", group.token());
}
