//! Too late: the runtime has ended.

use crate::tools::{Hand, Witness, current_thread, panic_of, workers};
use crate::watchdog::Watchdog;
use filch::runtime::Runtime;
use filch::spawn;
use filch::sync::oneshot;
use filch::task::{Builder, JoinSet};
use filch::time::{self, Duration, interval, sleep, timeout};
use std::future::{Future, pending, poll_fn};
use std::io::ErrorKind;
use std::task::{Poll, Waker};
use std::thread;

fn each_flavor() -> [Runtime; 3] {
    [workers(2), workers(1), current_thread()]
}

#[test]
fn what_is_spawned_too_late_is_dropped_and_cancelled() {
    for runtime in each_flavor() {
        let _watchdog = Watchdog::new();
        let handle = *runtime.handle();
        drop(runtime);
        let witness = Witness::default();
        let captured = || witness.clone();
        let (a, b, c) = (captured(), captured(), captured());
        let mut set = JoinSet::new();
        set.spawn_on(async { drop(a) }, handle);
        let named = Builder::new().name("late").spawn_on(async { drop(b) }, handle);
        let tasks = [handle.spawn_blocking(|| drop(c)), named.expect("never errs"), {
            let _entered = handle.enter();
            spawn(async {})
        }];
        assert_eq!(witness.n_alive(), 0);
        let again = current_thread();
        for task in tasks {
            assert!(again.block_on(task).expect_err("it is too late").is_cancelled());
        }
        let error = again.block_on(set.join_next()).expect("one").expect_err("it is too late");
        assert!(error.is_cancelled());
        assert_eq!(handle.n_workers(), 0);
    }
}

#[test]
fn a_wake_after_the_end_does_nothing_and_leaks_nothing() {
    for runtime in each_flavor() {
        let _watchdog = Watchdog::new();
        let witness = Witness::default();
        let captured = witness.clone();
        let (tell, told) = oneshot::channel::<Waker>();
        let mut tell = Some(tell);
        drop(runtime.spawn(poll_fn(move |cx| {
            let _ = &captured;
            if let Some(tell) = tell.take() {
                tell.send(cx.waker().clone()).expect("the test waits for it");
            }
            Poll::<()>::Pending
        })));
        let waker = runtime.block_on(told).expect("it tells");
        let clones: Vec<_> = (0..8).map(|_| waker.clone()).collect();
        drop(runtime);
        assert_eq!(witness.n_alive(), 0);
        let other = workers(1); // It may live where the first one did.
        thread::scope(|threads| {
            for clone in clones {
                threads.spawn(move || {
                    clone.wake_by_ref();
                    clone.wake();
                });
            }
        });
        waker.wake();
        assert_eq!(other.block_on(other.spawn(async { 1 })).expect("it ends"), 1);
    }
}

#[test]
fn wakes_that_race_with_the_end_lose_nothing() {
    for round in 0..100 {
        let _watchdog = Watchdog::new();
        let runtime = if round % 2 == 0 { workers(2) } else { current_thread() };
        let witness = Witness::default();
        let (tell, told) = std::sync::mpsc::channel::<Waker>();
        for _ in 0..8 {
            let (captured, tell) = (witness.clone(), tell.clone());
            drop(runtime.spawn(poll_fn(move |cx| {
                let _ = &captured;
                let _ = tell.send(cx.waker().clone());
                Poll::<()>::Pending
            })));
        }
        drop(tell);
        thread::scope(|threads| {
            threads.spawn(move || {
                for waker in told {
                    waker.wake();
                }
            });
            runtime.block_on(async {
                for _ in 0..round {
                    filch::task::yield_now().await;
                }
            });
            drop(runtime);
        });
        assert_eq!(witness.n_alive(), 0);
    }
}

/// Calls `f` with `runtime` entered.
fn inside<R>(runtime: &Runtime, f: impl FnOnce() -> R) -> R {
    let _entered = runtime.enter();
    f()
}

/// The panic of a future that was polled once inside a runtime, then outside after its end.
fn panic_of_late_poll<F: Future>(runtime: Runtime, make: impl FnOnce() -> F) -> String {
    let mut future = inside(&runtime, || {
        let mut future = Box::pin(make());
        assert!(Hand::default().poll(&mut future).is_pending());
        future
    });
    drop(runtime);
    panic_of(|| Hand::default().poll(&mut future).is_pending())
}

#[test]
fn a_sleep_whose_runtime_has_ended_says_so() {
    let text = "a sleep was polled after the runtime it was made in had ended, so its deadline never comes; \
                make it inside the runtime that awaits it";
    for runtime in each_flavor() {
        assert_eq!(panic_of_late_poll(runtime, || sleep(Duration::from_secs(1000))), text);
    }
    for runtime in each_flavor() {
        let wait = || timeout(Duration::from_secs(1000), pending::<()>());
        assert_eq!(panic_of_late_poll(runtime, wait), text);
    }
    for runtime in each_flavor() {
        let wait = || async {
            let mut interval = interval(Duration::from_secs(1000));
            interval.tick().await;
            interval.tick().await;
        };
        assert_eq!(panic_of_late_poll(runtime, wait), text);
    }
    // Never polled before the end.
    let runtime = current_thread();
    let mut nap = Box::pin(inside(&runtime, || sleep(Duration::from_secs(1000))));
    drop(runtime);
    assert_eq!(panic_of(|| Hand::default().poll(&mut nap)), text);
}

#[test]
fn a_task_that_sleeps_on_an_ended_runtime_is_woken_to_hear_of_it() {
    for runtime in each_flavor() {
        let _watchdog = Watchdog::new();
        let nap = inside(&runtime, || sleep(Duration::from_secs(1000)));
        let other = workers(1);
        let task = other.spawn(nap);
        other.block_on(async {
            for _ in 0..10 {
                filch::task::yield_now().await;
            }
        });
        drop(runtime);
        let error = other.block_on(task).expect_err("its deadline never comes");
        assert!(error.to_string().contains("make it inside the runtime that awaits it"), "{error}");
    }
}

#[test]
fn a_socket_whose_runtime_has_ended_errs() {
    for runtime in each_flavor() {
        let _watchdog = Watchdog::new();
        let listener = runtime.block_on(async {
            let listener = filch::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let mut accept = Box::pin(listener.accept());
            assert!(Hand::default().poll(&mut accept).is_pending()); // Registered.
            drop(accept);
            listener
        });
        // One waits on another runtime when the end comes, one asks afterwards.
        let other = workers(1);
        let waiter = other.spawn(async move {
            let error = listener.accept().await.expect_err("its runtime ends");
            (listener, error)
        });
        other.block_on(async {
            for _ in 0..10 {
                filch::task::yield_now().await;
            }
        });
        drop(runtime);
        let (listener, first) = other.block_on(waiter).expect("it ends");
        let second = other.block_on(listener.accept()).expect_err("its runtime has ended");
        for error in [first, second] {
            assert_eq!(error.kind(), ErrorKind::Other);
            assert_eq!(
                error.to_string(),
                "the filch runtime this source was registered with has ended"
            );
        }
    }
}

#[test]
fn a_clock_whose_runtime_has_ended_says_so() {
    let runtime = current_thread();
    let handle = *runtime.handle();
    drop(runtime);
    let _entered = handle.enter();
    assert_eq!(
        panic_of(time::pause),
        "`pause` was called on a runtime that has ended: call it from one of its tasks"
    );
    let before = time::Instant::now();
    assert!(time::Instant::now() >= before, "the system's clock goes on");
}

#[test]
fn an_ended_runtime_reports_what_it_left_behind() {
    let _watchdog = Watchdog::new();
    let runtime = workers(1);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (started, has_started) = std::sync::mpsc::channel();
    drop(runtime.spawn_blocking(move || {
        started.send(()).expect("the test waits for it");
        let _ = held.recv();
    }));
    has_started.recv().expect("it starts");
    let report = runtime.shutdown(Duration::from_millis(1));
    assert!(!report.is_clean());
    assert_eq!(report.blocking.len(), 1);
    assert_eq!(report.blocking[0].spawned_at.file(), file!());
    assert!(report.to_string().contains(file!()), "{report}");
    drop(release);
}
