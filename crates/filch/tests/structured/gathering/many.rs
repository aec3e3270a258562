//! `spawn_many`.

use crate::tools::{on_each_flavor, panic_of};
use filch::task::{all_tasks, spawn_many, yield_now};
use std::future::Ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[test]
fn handles_come_in_the_order_of_the_input() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let tasks = spawn_many((0..10_000).map(|i| async move { i }));
            for (i, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.expect("it does not panic"), i);
            }
        });
    });
}

#[test]
fn no_future_gives_no_handle() {
    on_each_flavor(|runtime| {
        let none: [Ready<()>; 0] = [];
        assert!(runtime.block_on(async { spawn_many(none) }).is_empty());
    });
}

#[test]
fn tasks_are_detached_with_their_handles_and_keep_the_place() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let n_done = Arc::new(AtomicUsize::new(0));
            let line = line!() + 1;
            let tasks = spawn_many((0..100).map(|_| {
                let n_done = n_done.clone();
                async move { n_done.fetch_add(1, SeqCst) }
            }));
            for task in &tasks {
                assert_eq!((task.spawned_at().file(), task.spawned_at().line()), (file!(), line));
            }
            drop(tasks);
            while n_done.load(SeqCst) < 100 {
                yield_now().await;
            }
        });
    });
}

#[test]
fn an_iterator_that_panics_starts_nothing() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let futures = (0..10).map(|i| {
                assert!(i < 5, "no more");
                async { panic!("it was started") }
            });
            let message = panic_of(|| spawn_many::<_>(futures.map(unit)));
            assert_eq!(message, "no more");
            for _ in 0..10 {
                yield_now().await;
            }
            assert!(all_tasks().is_empty());
        });
    });
}

async fn unit(future: impl Future<Output = ()>) {
    future.await;
}
