//! How a task ends: with its output, by an abort, with its runtime.

use crate::tools::{Hand, OnDrop, Witness, current_thread, eventually, on_each_flavor};
use crate::tools::{panic_of, workers};
use filch::sync::oneshot;
use filch::task::{AbortOnDropHandle, yield_now};
use filch::{create_task, spawn};
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::Poll;

#[test]
fn a_task_gives_its_output() {
    on_each_flavor(|runtime| {
        assert_eq!(runtime.block_on(async { spawn(async { 1 }).await }).expect("it ends"), 1);
        assert_eq!(runtime.block_on(async { create_task(async { 2 }).await }).expect("it ends"), 2);
        let handle = runtime.spawn(async { 3 });
        assert_eq!(runtime.block_on(handle).expect("it ends"), 3);
        let handle = runtime.handle().spawn(async { 4 });
        assert_eq!(runtime.block_on(handle).expect("it ends"), 4);
    });
}

#[test]
fn a_task_spawned_from_a_thread_without_a_runtime_runs_on_the_global_one() {
    let task = spawn(async { spawn(async { 5 }).await.expect("it ends") });
    assert_eq!(filch::block_on(task).expect("it ends"), 5);
}

#[test]
fn a_task_may_be_joined_on_another_runtime() {
    let (here, there) = (current_thread(), workers(1));
    let task = there.spawn(async {
        yield_now().await;
        6
    });
    assert_eq!(here.block_on(async { spawn(task).await }).expect("it ends").expect("it ends"), 6);
}

#[test]
fn a_task_aborted_before_it_starts_is_never_polled() {
    for runtime in [workers(1), current_thread()] {
        // The only worker is held meanwhile; the current-thread runtime has none yet.
        let (release, held) = mpsc::channel::<()>();
        let holder = runtime.spawn(async move { held.recv().is_err() });
        let (polled, witness) = (Arc::new(AtomicBool::new(false)), Witness::default());
        let (told, captured) = (polled.clone(), witness.clone());
        let task = runtime.spawn(async move {
            told.store(true, SeqCst);
            drop(captured);
        });
        task.abort();
        drop(release);
        let error = runtime.block_on(task).expect_err("it was aborted");
        assert!(error.is_cancelled() && !error.is_panic());
        assert!(error.to_string().ends_with("was cancelled"), "{error}");
        assert!(!polled.load(SeqCst));
        assert_eq!(witness.n_alive(), 0);
        assert!(runtime.block_on(holder).expect("it was let go"));
    }
}

#[test]
fn a_task_aborted_while_it_waits_is_dropped_before_its_handle_answers() {
    on_each_flavor(|runtime| {
        let witness = Witness::default();
        let captured = witness.clone();
        let (started, has_started) = oneshot::channel();
        let task = runtime.spawn(async move {
            let _captured = captured;
            started.send(()).expect("the test waits for it");
            pending::<()>().await;
        });
        runtime.block_on(has_started).expect("it starts");
        assert_eq!(witness.n_alive(), 1);
        task.abort();
        assert!(runtime.block_on(task).expect_err("it was aborted").is_cancelled());
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn a_task_that_aborts_itself_ends_at_its_next_await() {
    on_each_flavor(|runtime| {
        let (tell, told) = oneshot::channel::<filch::task::AbortHandle>();
        let task = runtime.spawn(async move {
            told.await.expect("the test tells it").abort();
            let still_running = Witness::default();
            pending::<()>().await;
            still_running
        });
        tell.send(task.abort_handle()).expect("the task waits for it");
        assert!(runtime.block_on(task).expect_err("it was aborted").is_cancelled());
    });
}

#[test]
fn a_task_that_ends_in_the_poll_in_which_it_is_aborted_keeps_its_output() {
    on_each_flavor(|runtime| {
        let (tell, told) = oneshot::channel::<filch::task::AbortHandle>();
        let task = runtime.spawn(async move {
            told.await.expect("the test tells it").abort();
            7
        });
        tell.send(task.abort_handle()).expect("the task waits for it");
        assert_eq!(runtime.block_on(task).expect("it ended"), 7);
    });
}

#[test]
fn an_abort_of_what_has_ended_changes_nothing() {
    on_each_flavor(|runtime| {
        let task = runtime.spawn(async { 8 });
        let abort = task.abort_handle();
        runtime.block_on(async {
            while !task.is_finished() {
                yield_now().await;
            }
        });
        abort.abort();
        task.abort();
        assert!(abort.is_finished());
        assert_eq!(abort.id(), task.id());
        assert_eq!(runtime.block_on(task).expect("it had ended"), 8);
    });
}

#[test]
fn a_detached_task_goes_on() {
    on_each_flavor(|runtime| {
        let (told, tell) = oneshot::channel();
        drop(runtime.spawn(async move {
            yield_now().await;
            told.send(9).expect("the test waits for it");
        }));
        assert_eq!(runtime.block_on(tell).expect("it goes on"), 9);
    });
}

#[test]
fn a_dropped_abort_on_drop_handle_ends_its_task() {
    on_each_flavor(|runtime| {
        let (dropped, is_dropped) = oneshot::channel::<()>();
        let task = runtime.spawn(async move {
            let _dropped = dropped;
            pending::<()>().await;
        });
        drop(AbortOnDropHandle::new(task));
        assert!(runtime.block_on(is_dropped).is_err());
    });
}

#[test]
fn an_output_that_nobody_asks_for_is_dropped() {
    on_each_flavor(|runtime| {
        let witness = Witness::default();
        // The handle is dropped before the end, and after it.
        for is_late in [false, true] {
            let output = witness.clone();
            let (go, may_go) = oneshot::channel::<()>();
            let task = runtime.spawn(async move {
                may_go.await.expect("the test lets it go");
                output
            });
            let abort = task.abort_handle();
            let mut handle = is_late.then_some(task);
            go.send(()).expect("the task waits for it");
            runtime.block_on(async {
                while !abort.is_finished() {
                    yield_now().await;
                }
            });
            assert_eq!(witness.n_alive(), usize::from(is_late));
            drop(handle.take());
            assert_eq!(witness.n_alive(), 0);
        }
    });
}

#[test]
fn a_handle_polled_after_its_output_says_so() {
    on_each_flavor(|runtime| {
        let mut task = runtime.spawn(async { 10 });
        assert_eq!(runtime.block_on(&mut task).expect("it ends"), 10);
        let message = panic_of(|| Hand::default().poll(&mut task));
        assert_eq!(
            message,
            "this JoinHandle was polled again after it gave its output; await a task once"
        );
    });
}

#[test]
fn only_the_waker_of_the_last_poll_is_woken() {
    on_each_flavor(|runtime| {
        let (go, may_go) = oneshot::channel::<()>();
        let mut task = runtime.spawn(async move { may_go.await.expect("the test lets it go") });
        let (first, last) = (Hand::default(), Hand::default());
        for hand in [&first, &last, &last] {
            assert!(hand.poll(&mut task).is_pending());
        }
        go.send(()).expect("the task waits for it");
        runtime.block_on(async {
            while !task.is_finished() {
                yield_now().await;
            }
        });
        eventually(|| last.wakes() == 1);
        assert_eq!(first.wakes(), 0);
        assert!(matches!(last.poll(&mut task), Poll::Ready(Ok(()))));
    });
}

#[test]
fn the_end_of_a_runtime_drops_what_is_left() {
    for runtime in [workers(2), workers(1), current_thread()] {
        let witness = Witness::default();
        let tasks: Vec<_> = (0..100)
            .map(|i| {
                let captured = witness.clone();
                runtime.spawn(async move {
                    let _captured = captured;
                    if i % 2 == 0 {
                        pending::<()>().await;
                    }
                    loop {
                        yield_now().await;
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            for _ in 0..100 {
                yield_now().await;
            }
        });
        drop(runtime);
        assert_eq!(witness.n_alive(), 0);
        for mut task in tasks {
            let Poll::Ready(Err(error)) = Hand::default().poll(&mut task) else {
                panic!("it has ended")
            };
            assert!(error.is_cancelled());
        }
    }
}

#[test]
fn a_drop_that_spawns_while_the_runtime_ends_gets_a_cancelled_task() {
    for runtime in [workers(2), current_thread()] {
        let handle = *runtime.handle();
        let witness = Witness::default();
        let captured = witness.clone();
        let (tell, told) = mpsc::channel();
        let (started, has_started) = oneshot::channel();
        runtime.spawn(async move {
            let _bomb = OnDrop(|| {
                let captured = captured.clone();
                let task = handle.spawn(async move {
                    let _captured = captured;
                    pending::<()>().await;
                });
                tell.send(task).expect("the test waits for it");
            });
            started.send(()).expect("the test waits for it");
            pending::<()>().await;
        });
        runtime.block_on(has_started).expect("it starts");
        drop(runtime);
        let mut task = told.recv().expect("the drop ran");
        let Poll::Ready(Err(error)) = Hand::default().poll(&mut task) else {
            panic!("it has ended")
        };
        assert!(error.is_cancelled());
        assert_eq!(witness.n_alive(), 0);
    }
}
