//! The right call in the wrong place.

use crate::tools::{Witness, current_thread, eventually, panic_of, workers};
use crate::watchdog::Watchdog;
use filch::runtime::{Handle, LocalRuntime, Runtime};
use filch::spawn;
use filch::sync::oneshot;
use std::future::pending;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn blocking_a_worker_says_what_to_do_instead() {
    let _watchdog = Watchdog::new();
    let rest = "was called inside a task or a block_on of the current-thread runtime, where it would block the thread \
                that must run other tasks; use `.await` there, or call it inside `spawn_blocking`";
    let calls: [(&str, fn()); 4] = [
        ("filch::block_on", || filch::block_on(async {})),
        ("filch::run", || filch::run(async {})),
        ("Handle::block_on", || Handle::current().block_on(async {})),
        ("Runtime::block_on", || current_thread().block_on(async {})),
    ];
    for (name, call) in calls {
        for runtime in [workers(1), current_thread()] {
            let message = runtime.block_on(runtime.spawn(async move { panic_of(call) }));
            assert_eq!(message.expect("it was caught"), format!("{name} {rest}"));
        }
        let runtime = current_thread();
        assert_eq!(runtime.block_on(async { panic_of(call) }), format!("{name} {rest}"));
    }
    let runtime = workers(1);
    let message = runtime.spawn(async {
        panic_of(|| LocalRuntime::new().expect("the system has descriptors").block_on(async {}))
    });
    let message = runtime.block_on(message).expect("it was caught");
    assert_eq!(message, format!("LocalRuntime::block_on {rest}"));
}

#[test]
fn blocking_where_it_hurts_nobody_is_allowed() {
    let _watchdog = Watchdog::new();
    let runtime = workers(1);
    let handle = *runtime.handle();
    let call = runtime.spawn_blocking(move || {
        assert_eq!(handle.block_on(async { spawn(async { 1 }).await }).expect("it ends"), 1);
        current_thread().block_on(async { 2 })
    });
    assert_eq!(runtime.block_on(call).expect("it ends"), 2);
}

/// Drops `runtime` in the midst of async code and waits until its task is gone.
fn drop_inside(outer: &Runtime, inner: Runtime) {
    let witness = Witness::default();
    let captured = witness.clone();
    let (started, has_started) = oneshot::channel();
    let task = inner.spawn(async move {
        let _captured = captured;
        let _ = started.send(());
        pending::<()>().await;
    });
    let handle = *inner.handle();
    outer.block_on(async move {
        drop(inner);
        // Started or not, the sender is dropped with its task.
        let _ = has_started.await;
        assert!(task.await.expect_err("its runtime has ended").is_cancelled());
    });
    eventually(|| witness.n_alive() == 0);
    let late = handle.spawn(async {});
    assert!(outer.block_on(late).expect_err("its runtime has ended").is_cancelled());
}

#[test]
fn a_runtime_dropped_inside_async_code_ends_without_blocking() {
    let _watchdog = Watchdog::new();
    for make in [|| workers(2), || workers(1), current_thread] as [fn() -> Runtime; 3] {
        for outer in [workers(1), current_thread()] {
            drop_inside(&outer, make());
        }
    }
}

#[test]
fn a_runtime_dropped_by_its_own_task_ends() {
    let _watchdog = Watchdog::new();
    for n in [1, 2] {
        let runtime = workers(n);
        let handle = *runtime.handle();
        let witness = Witness::default();
        let captured = witness.clone();
        let (tell, told) = mpsc::channel();
        handle.spawn(async move {
            let _captured = captured;
            drop(runtime);
            tell.send(()).expect("the test waits for it");
            pending::<()>().await;
        });
        told.recv().expect("the drop does not block");
        eventually(|| witness.n_alive() == 0);
        eventually(|| handle.tasks().is_empty()); // A task leaves the list after its future is dropped.
    }
}

#[test]
fn a_runtime_dropped_by_its_own_blocking_call_ends() {
    let _watchdog = Watchdog::new();
    let runtime = workers(1);
    let handle = *runtime.handle();
    let (tell, told) = mpsc::channel();
    let begin = Instant::now();
    handle.spawn_blocking(move || {
        drop(runtime);
        tell.send(()).expect("the test waits for it");
    });
    told.recv().expect("the drop ends");
    assert!(begin.elapsed() < Duration::from_secs(4), "it waited for itself");
    eventually(|| handle.n_workers() == 0); // Ended by another thread, for this one could not be waited for.
    let late = handle.spawn(async {});
    assert!(filch::block_on(late).expect_err("its runtime has ended").is_cancelled());
}

#[test]
fn guards_dropped_in_the_wrong_order_say_so() {
    let (one, two) = (current_thread(), current_thread());
    let message = panic_of(|| {
        let first = one.enter();
        let _second = two.enter();
        drop(first);
    });
    assert!(message.contains("was dropped while number"), "{message}");
    assert!(
        message.ends_with("drop guards in the reverse order of their `enter` calls"),
        "{message}"
    );
}

#[test]
fn a_thread_without_a_runtime_finds_the_global_one_and_try_current_does_not_start_it() {
    let _watchdog = Watchdog::new();
    let thread = thread::spawn(|| {
        let error = Handle::try_current().expect_err("nothing was entered");
        assert_eq!(
            error.to_string(),
            "no filch runtime was entered on this thread and none is the process default"
        );
        filch::block_on(async { filch::to_thread(|| 3).await })
    });
    assert_eq!(thread.join().expect("it ends"), 3);
}
