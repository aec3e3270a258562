//! Many tasks, deep tasks, large tasks.

use crate::tools::{Witness, on_each_flavor, workers};
use filch::runtime::Runtime;
use filch::spawn;
use filch::sync::oneshot;
use filch::task::{JoinHandle, yield_now};
use std::future::{Future, pending};
use std::pin::Pin;
use std::thread;

#[test]
fn a_hundred_thousand_tasks_all_end() {
    on_each_flavor(|runtime| {
        let sum = runtime.block_on(async {
            let tasks: Vec<_> = (0..100_000_u64)
                .map(|i| {
                    spawn(async move {
                        if i % 3 == 0 {
                            yield_now().await;
                        }
                        i
                    })
                })
                .collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.expect("it ends");
            }
            sum
        });
        assert_eq!(sum, 100_000 * 99_999 / 2);
    });
}

#[test]
fn a_hundred_thousand_waiting_tasks_end_with_their_runtime() {
    let runtime = workers(2);
    let witness = Witness::default();
    runtime.block_on(async {
        for _ in 0..100_000 {
            let captured = witness.clone();
            spawn(async move {
                let _captured = captured;
                pending::<()>().await;
            });
        }
    });
    drop(runtime);
    assert_eq!(witness.n_alive(), 0);
}

fn tree(depth: u32) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if depth == 0 {
            return 1;
        }
        let (left, right) = (spawn(tree(depth - 1)), spawn(tree(depth - 1)));
        left.await.expect("it ends") + right.await.expect("it ends")
    })
}

#[test]
fn tasks_spawn_tasks_that_spawn_tasks() {
    on_each_flavor(|runtime| {
        assert_eq!(runtime.block_on(tree(12)), 1 << 12);
    });
}

/// A task that waits for a task that waits for a task, and so on.
fn chain(runtime: &Runtime, length: u32, end: oneshot::Receiver<u32>) -> JoinHandle<u32> {
    let mut last = runtime.spawn(async move { end.await.unwrap_or(0) });
    for _ in 0..length {
        last = runtime.spawn(async move { last.await.expect("it ends") + 1 });
    }
    last
}

#[test]
fn a_long_chain_of_joins_ends_without_recursion() {
    on_each_flavor(|runtime| {
        let (go, may_go) = oneshot::channel();
        let last = chain(runtime, 20_000, may_go);
        go.send(5).expect("the first of the chain waits for it");
        assert_eq!(runtime.block_on(last).expect("it ends"), 20_005);
    });
}

#[test]
fn a_long_chain_of_joins_is_dropped_without_recursion() {
    on_each_flavor(|runtime| {
        let (_go, may_go) = oneshot::channel();
        let last = chain(runtime, 20_000, may_go);
        last.abort();
        assert!(runtime.block_on(last).expect_err("it was aborted").is_cancelled());
        // The rest ends with the runtime.
    });
}

#[test]
fn a_large_future_runs_on_a_worker_of_the_usual_stack() {
    const SIZE: usize = 1 << 20;
    // Why larger: an unoptimized build copies the future several times on its way into the task.
    let builder = thread::Builder::new().stack_size(32 * SIZE);
    let thread = builder.spawn(|| {
        let runtime = workers(2);
        let (go, may_go) = oneshot::channel::<()>();
        let large = [7_u8; SIZE];
        let task = runtime.spawn(async move {
            may_go.await.expect("the test lets it go");
            large.iter().map(|byte| u64::from(*byte)).sum::<u64>()
        });
        go.send(()).expect("the task waits for it");
        assert_eq!(runtime.block_on(task).expect("it ends"), 7 * SIZE as u64);
        // Dropped unfinished, too.
        let task = runtime.spawn(async move {
            pending::<()>().await;
            large[0]
        });
        task.abort();
        assert!(runtime.block_on(task).expect_err("it was aborted").is_cancelled());
    });
    thread.expect("the system has threads").join().expect("it ends");
}
