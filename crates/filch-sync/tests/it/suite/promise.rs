//! Promise.

use super::{BlockOn, Case, is_pending, on_threads, yield_now};
use filch_sync::{Promise, PromiseError, TooLate};
use std::error::Error;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::thread;

pub(super) const CASES: &[Case] = &[
    ("promise_is_kept_for_all", promise_is_kept_for_all),
    ("promise_carries_a_value_to_many_threads", promise_carries_a_value_to_many_threads),
    ("promise_has_one_outcome", promise_has_one_outcome),
    ("promise_tells_of_an_error_and_its_source", promise_tells_of_an_error_and_its_source),
    ("promise_is_canceled_by_who_waits", promise_is_canceled_by_who_waits),
    ("promise_is_broken_by_the_last_setter", promise_is_broken_by_the_last_setter),
    ("promise_blocks_threads_too", promise_blocks_threads_too),
    ("promise_calls_back_in_order", promise_calls_back_in_order),
];

fn promise_is_kept_for_all(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (setter, promise) = Promise::new();
        assert!(!promise.is_done() && promise.result().is_none());
        let mut waiting = pin!(promise.clone().into_future());
        assert!(is_pending(waiting.as_mut()));
        setter.set("value".to_owned()).expect("nobody else set it");
        assert_eq!(waiting.await.expect("it was set"), "value");
        assert_eq!((&promise).await.expect("it was set"), "value");
        let clone = promise.clone();
        drop((promise, setter));
        assert_eq!(clone.result().expect("it is done").expect("it was set"), "value");
        assert_eq!(clone.await.expect("it was set"), "value");
    }));
}

fn promise_carries_a_value_to_many_threads(block_on: BlockOn<'_>) {
    for round in 0..50 {
        let (setter, promise) = Promise::new();
        let thread = thread::spawn(move || setter.set(vec![round]).expect("nobody else sets it"));
        on_threads(3, block_on, |_| {
            let promise = promise.clone();
            async move { assert_eq!(promise.await.expect("it was set"), [round]) }
        });
        thread.join().expect("the thread does not panic");
    }
}

fn promise_has_one_outcome(block_on: BlockOn<'_>) {
    for _ in 0..50 {
        let (setter, promise) = Promise::new();
        let winner = Arc::new(AtomicUsize::new(usize::MAX));
        on_threads(3, block_on, |index| {
            let (setter, promise, winner) = (setter.clone(), promise.clone(), winner.clone());
            async move {
                match setter.set(index) {
                    Ok(()) => winner.store(index, SeqCst),
                    Err(TooLate(mine)) => assert_eq!(mine, index),
                }
                assert!(promise.is_done(), "who comes too late finds an outcome");
            }
        });
        let value = promise.result().expect("it is done").expect("it was set");
        assert_eq!(value, winner.load(SeqCst));
    }
}

fn promise_tells_of_an_error_and_its_source(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (setter, promise) = Promise::<i32>::new();
        setter.set_error(io::Error::other("no disk")).expect("nobody else set it");
        let TooLate(late) = setter.set_error("no paper").expect_err("it has an outcome");
        assert_eq!(late.to_string(), "no paper");
        let error = promise.await.expect_err("it failed");
        assert_eq!(error.source().expect("the error that was set").to_string(), "no disk");
        let PromiseError::Failed(source) = error.clone() else { panic!("it failed: {error:?}") };
        assert!(source.downcast_ref::<io::Error>().is_some());
    }));
}

fn promise_is_canceled_by_who_waits(block_on: BlockOn<'_>) {
    block_on(Box::pin(async {
        let (setter, promise) = Promise::new();
        let mut waiting = pin!(promise.clone().into_future());
        assert!(is_pending(waiting.as_mut()));
        promise.cancel_with("not wanted").expect("it was pending");
        let error = waiting.await.expect_err("it was canceled");
        assert!(
            matches!(&error, PromiseError::Cancelled(reason) if reason.as_str() == "not wanted")
        );
        assert!(promise.is_cancelled());
        let too_late = promise.cancel_with("again").expect_err("it has an outcome");
        assert_eq!(too_late.0.as_str(), "again");
        assert_eq!(setter.set(5), Err(TooLate(5)));
        assert!(setter.promise().await.is_err());
    }));
}

fn promise_is_broken_by_the_last_setter(block_on: BlockOn<'_>) {
    let (setter, promise) = Promise::<i32>::new();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let setter = setter.clone();
            thread::spawn(move || drop(setter))
        })
        .collect();
    drop(setter);
    block_on(Box::pin(async move {
        yield_now().await;
        assert!(matches!((&promise).await, Err(PromiseError::Broken)));
        assert!(!promise.is_cancelled());
    }));
    threads.into_iter().for_each(|thread| thread.join().expect("the thread does not panic"));
}

fn promise_blocks_threads_too(block_on: BlockOn<'_>) {
    let (setter, promise) = Promise::new();
    let thread = thread::spawn(move || promise.blocking_wait());
    block_on(Box::pin(async move {
        yield_now().await;
        setter.set(5).expect("nobody else sets it");
    }));
    let value = thread.join().expect("the thread does not panic");
    assert_eq!(value.expect("it was set"), 5);
}

fn promise_calls_back_in_order(block_on: BlockOn<'_>) {
    let (setter, promise) = Promise::new();
    let (send, receive) = std::sync::mpsc::channel();
    let callback = move |number: usize| {
        let send = send.clone();
        move |outcome: &Result<usize, PromiseError>| {
            let value = *outcome.as_ref().expect("it was set");
            send.send((number, value, thread::current().id())).expect("it is received");
        }
    };
    for number in 0..10 {
        promise.add_done_callback(callback(number));
    }
    let removed = promise.add_done_callback(callback(10));
    assert!(promise.remove_done_callback(removed));
    block_on(Box::pin(async move {
        setter.set(5).expect("nobody else sets it");
        let here = thread::current().id();
        assert!(receive.try_iter().eq((0..10).map(|number| (number, 5, here))));
        promise.add_done_callback(callback(11));
        assert!(receive.try_iter().eq([(11, 5, here)]));
    }));
}
