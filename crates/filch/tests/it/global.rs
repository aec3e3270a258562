//! Which runtime code finds that was not given one, and what may be called where.
//!
//! What is the process's default is seen by all its threads, so most of this runs in processes of its own.

mod alone;

use crate::tools::{current_thread, panic_of, workers};
use crate::watchdog::{Watchdog, run_alone};
use filch::runtime::{Builder, Handle, Runtime, TryCurrentError};
use filch::{spawn, to_thread};
use std::thread;

#[test]
fn a_plain_thread_finds_the_global_runtime() {
    run_alone("global::alone::plain_thread", &[]);
}

#[test]
#[cfg(target_os = "linux")]
fn the_global_runtime_has_one_thread_until_the_first_task() {
    run_alone("global::alone::one_thread_at_first", &[("FILCH_WORKERS", "3")]);
}

#[test]
fn a_foreign_executor_polls_sockets_and_sleeps() {
    run_alone("global::alone::foreign_executor", &[]);
}

#[test]
fn a_thread_inside_run_finds_its_runtime() {
    run_alone("global::alone::thread_inside_run", &[]);
}

#[test]
fn run_inside_a_blocking_call_has_a_runtime_of_its_own() {
    run_alone("global::alone::run_inside_a_blocking_call", &[]);
}

#[test]
fn run_passes_a_panic_on_and_ends_its_runtime() {
    run_alone("global::alone::run_that_panics", &[]);
}

#[test]
fn the_environment_orders_the_runtime_of_run() {
    let variables =
        [("FILCH_WORKERS", "3"), ("FILCH_DRIVER", "polling"), ("FILCH_MAX_BLOCKING", "1")];
    run_alone("global::alone::ordered_by_the_environment", &variables);
}

#[test]
fn a_nested_block_on_says_what_to_write_instead() {
    let _watchdog = Watchdog::new();
    let sentence = "was called inside a task or a block_on of the current-thread runtime, where it would block the \
                    thread that must run other tasks; use `.await` there, or call it inside `spawn_blocking`";
    let inside = || {
        let runtime = workers(1);
        [
            ("filch::block_on", panic_of(|| filch::block_on(async {}))),
            ("filch::run", panic_of(|| filch::run(async {}))),
            ("Runtime::block_on", panic_of(|| runtime.block_on(async {}))),
            ("Handle::block_on", panic_of(|| Handle::current().block_on(async {}))),
        ]
    };
    let in_task = workers(1).block_on(async move { spawn(async move { inside() }).await });
    let in_block_on = current_thread().block_on(async move { inside() });
    for (name, message) in in_task.expect("it was caught").into_iter().chain(in_block_on) {
        assert_eq!(message, format!("{name} {sentence}"));
    }
}

#[test]
fn block_on_is_allowed_in_blocking_calls() {
    let _watchdog = Watchdog::new();
    for runtime in [workers(1), current_thread()] {
        let output = runtime.block_on(async {
            to_thread(|| {
                let here = Handle::current();
                let inner = workers(1);
                let one = inner.block_on(async { 1 });
                one + here.block_on(async { spawn(async { 2 }).await.expect("it runs beside us") })
            })
            .await
        });
        assert_eq!(output, 3);
    }
}

#[test]
fn entered_runtimes_are_left_in_reverse_order() {
    let _watchdog = Watchdog::new();
    let (one, two) = (workers(1), current_thread());
    thread::scope(|threads| {
        threads.spawn(|| {
            let first = one.enter();
            assert_eq!(Handle::current(), *one.handle());
            let second = two.enter();
            assert_eq!(Handle::current(), *two.handle());
            drop(second);
            assert_eq!(Handle::current(), *one.handle());
            drop(first);
        });
        threads.spawn(|| {
            let first = one.enter();
            let second = two.enter();
            let message = panic_of(|| drop(first));
            assert_eq!(
                message,
                "EnterGuard number 1 was dropped while number 2, entered later, is still held; \
                 drop guards in the reverse order of their `enter` calls"
            );
            drop(second);
        });
    });
}

#[test]
fn what_is_entered_is_found_in_tasks_and_calls() {
    let _watchdog = Watchdog::new();
    let find = || -> Result<Handle, TryCurrentError> { Handle::try_current() };
    for runtime in [workers(2), current_thread()] {
        let handle = *runtime.handle();
        let (root, task, call) = runtime.block_on(async move {
            let task = spawn(async move { find() });
            (find(), task.await.expect("it does not panic"), to_thread(find).await)
        });
        assert_eq!([root, task, call], [Ok(handle); 3]);
    }
}

#[test]
fn a_task_may_use_another_runtime_by_its_handle() {
    let _watchdog = Watchdog::new();
    let (one, two): (Runtime, Runtime) = (workers(1), workers(2));
    let handle = *two.handle();
    let at = one.block_on(async move {
        spawn(async move {
            let elsewhere = handle.spawn(async { Handle::current() });
            elsewhere.await.expect("it does not panic")
        })
        .await
        .expect("it does not panic")
    });
    assert_eq!(at, handle);
    let local = Builder::new_current_thread().build_local().expect("there are descriptors");
    assert_eq!(
        local.block_on(async { handle.spawn(async { 3 }).await }).expect("it runs there"),
        3
    );
}
