//! Calls that block: `spawn_blocking` and `to_thread`.

use crate::tools::{Witness, on_each_flavor, panic_of};
use filch::runtime::{Builder, Runtime};
use filch::task::{spawn_blocking, try_id};
use filch::{spawn, to_thread};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

/// A runtime with one thread for calls that block.
fn one_blocking_thread() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .build()
        .expect("the system has threads")
}

#[test]
fn a_blocking_call_gives_its_output_and_knows_its_runtime() {
    on_each_flavor(|runtime| {
        let call = runtime.spawn_blocking(|| {
            let child = spawn(async { 1 });
            (filch::block_on(child).expect("it ends"), try_id(), thread::current().id())
        });
        let id = call.id();
        let (output, inside, at) = runtime.block_on(call).expect("it ends");
        assert_eq!((output, inside), (1, Some(id)));
        assert_ne!(at, thread::current().id());
        assert_eq!(runtime.block_on(async { spawn_blocking(|| 2).await }).expect("it ends"), 2);
    });
}

#[test]
fn a_panic_in_a_blocking_call_comes_out_of_its_handle() {
    on_each_flavor(|runtime| {
        for _ in 0..3 {
            let call = runtime.spawn_blocking(|| panic!("no disk"));
            let error = runtime.block_on(call).expect_err("it panicked");
            assert!(error.is_panic());
            assert!(error.to_string().contains("no disk"), "{error}");
        }
        assert_eq!(runtime.block_on(async { to_thread(|| 3).await }), 3);
    });
}

#[test]
fn a_panic_in_to_thread_goes_on_in_the_awaiter() {
    on_each_flavor(|runtime| {
        let message =
            panic_of(|| runtime.block_on(async { to_thread(|| panic!("no disk")).await }));
        assert_eq!(message, "no disk");
        let task = runtime.spawn(async { to_thread(|| panic!("no disk either")).await });
        let error = runtime.block_on(task).expect_err("it panicked");
        assert!(error.to_string().contains("no disk either"), "{error}");
    });
}

#[test]
fn calls_start_in_the_order_in_which_they_came() {
    let runtime = one_blocking_thread();
    let order = Arc::new(Mutex::new(Vec::new()));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|i| {
                let order = order.clone();
                spawn_blocking(move || order.lock().expect("no panic under it").push(i))
            })
            .collect();
        // What starts when it is awaited comes behind what was spawned.
        let last = order.clone();
        to_thread(move || last.lock().expect("no panic under it").push(100)).await;
        for task in tasks {
            assert!(task.is_finished());
            task.await.expect("it ends");
        }
    });
    assert_eq!(*order.lock().expect("no panic under it"), (0..=100).collect::<Vec<_>>());
}

#[test]
fn a_queued_call_can_be_aborted_and_a_running_one_cannot() {
    let runtime = one_blocking_thread();
    let witness = Witness::default();
    let (started, has_started) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let running = runtime.spawn_blocking(move || {
        started.send(()).expect("the test waits for it");
        let _ = held.recv();
        4
    });
    has_started.recv().expect("it starts");
    let captured = witness.clone();
    let queued = runtime.spawn_blocking(move || drop(captured));
    queued.abort();
    running.abort();
    drop(release);
    assert_eq!(runtime.block_on(running).expect("it was not aborted"), 4);
    assert!(runtime.block_on(queued).expect_err("it was").is_cancelled());
    assert_eq!(witness.n_alive(), 0);
}

#[test]
fn a_dropped_to_thread_leaves_its_call_alone() {
    on_each_flavor(|runtime| {
        let (started, has_started) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let call = to_thread_on(runtime, move || {
            started.send(()).expect("the test waits for it");
            let _ = held.recv();
            tell.send(5).expect("the test waits for it");
        });
        has_started.recv().expect("it starts");
        call.abort();
        assert!(runtime.block_on(call).expect_err("the awaiter was aborted").is_cancelled());
        drop(release);
        assert_eq!(told.recv().expect("the call goes on"), 5);
    });
}

/// A task that awaits a call which has begun.
fn to_thread_on(
    runtime: &Runtime,
    call: impl FnOnce() + Send + 'static,
) -> filch::task::JoinHandle<()> {
    let task = runtime.spawn(to_thread_with(call));
    // Why: on the current-thread runtime it starts only inside `block_on`.
    runtime.block_on(async {
        for _ in 0..10 {
            filch::task::yield_now().await;
        }
    });
    task
}

async fn to_thread_with(call: impl FnOnce() + Send + 'static) {
    to_thread(call).await;
}

#[test]
fn many_calls_run_on_at_most_so_many_threads() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(3)
        .build()
        .expect("the system has threads");
    let threads = Arc::new(Mutex::new(std::collections::HashSet::new()));
    runtime.block_on(async {
        let calls: Vec<_> = (0..1000)
            .map(|_| {
                let threads = threads.clone();
                spawn_blocking(move || {
                    threads.lock().expect("no panic under it").insert(thread::current().id());
                })
            })
            .collect();
        for call in calls {
            call.await.expect("it ends");
        }
    });
    let n_threads = threads.lock().expect("no panic under it").len();
    assert!((1..=3).contains(&n_threads), "{n_threads} threads");
}
