//! The end of a runtime: whoever ends it, wherever, and whatever is going on.

mod alone;
mod outlived;
mod storm;

use crate::tools::{Hand, OnDrop, Witness, current_thread, eventually, workers};
use crate::watchdog::{Watchdog, run_alone};
use filch::runtime::{Builder, Runtime};
use filch::spawn;
use filch::sync::Notify;
use filch::task::yield_now;
use filch::time::sleep;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// A runtime that ends cleanly does it in less.
const AT_ONCE: Duration = Duration::from_secs(3);

/// A task that never ends and has begun, and what tells whether it was dropped.
async fn leave_over(witness: &Witness) {
    let held = witness.clone();
    let (begun, has_begun) = filch::sync::oneshot::channel();
    spawn(async move {
        let _held = held;
        begun.send(()).expect("it is awaited");
        pending::<()>().await;
    });
    has_begun.await.expect("it begins");
}

#[test]
fn run_drops_what_is_left_once() {
    run_alone("shutdown::alone::run_drops_leftovers", &[]);
}

#[test]
fn run_inside_a_block_on_returns_when_its_clean_up_is_done() {
    run_alone("shutdown::alone::run_inside_a_block_on", &[]);
}

#[test]
fn run_names_the_call_that_does_not_end_and_leaves_it() {
    let begin = Instant::now();
    let alone = run_alone("shutdown::alone::run_with_a_stubborn_call", &[]);
    let took = begin.elapsed();
    let text = &alone.stderr;
    assert!(text.contains("left a thread behind: blocking call \"stubborn\""), "{text}");
    assert!(text.contains("alone.rs:"), "{text}");
    assert!((Duration::from_secs(5)..Duration::from_secs(20)).contains(&took));
}

#[test]
fn a_shutdown_with_a_time_limit_names_the_call_that_does_not_end() {
    let alone = run_alone("shutdown::alone::shutdown_with_a_stubborn_call", &[]);
    let text = &alone.stderr;
    assert!(text.contains("runtime \"limited\" ended and left a thread behind"), "{text}");
    assert!(text.contains("blocking call \"stubborn\""), "{text}");
}

#[test]
fn a_runtime_dropped_in_one_of_its_own_blocking_calls_does_not_wait_for_itself() {
    let alone = run_alone("shutdown::alone::dropped_in_its_own_blocking_call", &[]);
    assert!(!alone.stderr.contains("left a thread behind"), "{}", alone.stderr);
}

#[test]
fn two_thousand_runtimes_leave_no_thread_and_no_descriptor() {
    run_alone("shutdown::alone::two_thousand_runtimes", &[]);
}

#[test]
fn a_clean_shutdown_reports_nothing() {
    let _watchdog = Watchdog::new();
    for runtime in [workers(2), current_thread()] {
        let witness = Witness::default();
        runtime.block_on(leave_over(&witness));
        runtime.block_on(filch::to_thread(|| ()));
        let report = runtime.shutdown(Duration::from_secs(20));
        assert!(report.is_clean(), "{report}");
        assert!(report.waited < AT_ONCE);
        assert_eq!(witness.n_alive(), 0);
    }
}

#[test]
fn a_shutdown_reports_the_calls_that_did_not_end_and_waits_no_longer() {
    let _watchdog = Watchdog::new();
    for runtime in [workers(2), current_thread()] {
        let (end, may_end) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        let call = runtime.spawn_blocking(move || {
            begun.send(()).expect("it is awaited");
            let _ = may_end.recv();
        });
        has_begun.recv().expect("it begins");
        let begin = Instant::now();
        let report = runtime.shutdown(Duration::from_millis(50));
        assert!(begin.elapsed() >= Duration::from_millis(50) && begin.elapsed() < AT_ONCE);
        assert!(!report.is_clean() && !report.worker_is_stuck);
        assert_eq!(report.blocking.len(), 1);
        assert_eq!(report.blocking[0].spawned_at.file(), file!());
        assert!(
            report.to_string().contains("blocking call (crates/filch/tests/it/shutdown.rs:"),
            "{report}"
        );
        drop(end);
        futures_lite::future::block_on(call).expect("the call ends all the same");
    }
}

#[test]
fn a_shutdown_reports_a_worker_that_is_stuck_and_waits_no_longer() {
    let _watchdog = Watchdog::new();
    let runtime = workers(2);
    let (end, may_end) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let stuck = runtime.spawn(async move {
        begun.send(()).expect("it is awaited");
        let _ = may_end.recv();
    });
    has_begun.recv().expect("it begins");
    let report = runtime.shutdown(Duration::from_millis(50));
    assert!(
        report.worker_is_stuck && report.to_string().contains("a worker is still in a poll"),
        "{report}"
    );
    assert!(report.waited < AT_ONCE);
    drop(end);
    futures_lite::future::block_on(stuck).expect("the poll ends, and with it the task");
}

#[test]
fn a_runtime_dropped_in_async_code_ends_without_blocking_it() {
    let _watchdog = Watchdog::new();
    for make in [|| workers(2), current_thread] {
        for outer in [workers(1), current_thread()] {
            let witness = Witness::default();
            outer.block_on(async {
                let inner = make();
                let held = witness.clone();
                inner.spawn(async move {
                    let _held = held;
                    pending::<()>().await;
                });
                let begin = Instant::now();
                drop(inner);
                assert!(begin.elapsed() < AT_ONCE);
                let inner = make();
                let held = witness.clone();
                spawn(async move {
                    inner.spawn(async move {
                        let _held = held;
                        pending::<()>().await;
                    });
                })
                .await
                .expect("it does not panic");
            });
            eventually(|| witness.n_alive() == 0);
        }
    }
}

#[test]
fn a_runtime_dropped_in_a_blocking_call_of_another_one_is_joined() {
    let _watchdog = Watchdog::new();
    let outer = workers(1);
    for make in [|| workers(2), current_thread] {
        let witness = Witness::default();
        let inner = make();
        inner.block_on(leave_over(&witness));
        outer.block_on(outer.spawn_blocking(move || drop(inner))).expect("it does not panic");
        assert_eq!(witness.n_alive(), 0);
    }
}

#[test]
fn a_runtime_dropped_by_its_last_task_ends() {
    let _watchdog = Watchdog::new();
    for n_workers in [1, 2, 4] {
        for _ in 0..50 {
            let witness = Witness::default();
            let runtime = Arc::new(workers(n_workers));
            let handle = *runtime.handle();
            let (last, held) = (runtime.clone(), witness.clone());
            handle.spawn(async move {
                let _held = held;
                pending::<()>().await;
            });
            let ending = handle.spawn(async move {
                while Arc::strong_count(&last) > 1 {
                    yield_now().await;
                }
                drop(last);
            });
            drop(runtime);
            // Either it came to its end, or the end came to it.
            let _ = futures_lite::future::block_on(ending);
            eventually(|| witness.n_alive() == 0);
        }
    }
}

#[test]
fn a_runtime_owned_by_a_task_of_another_one_ends_with_it() {
    let _watchdog = Watchdog::new();
    for outer in [workers(2), current_thread()] {
        let witness = Witness::default();
        let inner = workers(1);
        inner.block_on(leave_over(&witness));
        outer.spawn(async move {
            let _inner = inner;
            pending::<()>().await;
        });
        outer.block_on(yield_now());
        drop(outer);
        eventually(|| witness.n_alive() == 0);
    }
}

#[test]
fn a_future_that_spawns_when_it_is_dropped_gets_cancelled_tasks() {
    let _watchdog = Watchdog::new();
    for make in [|| workers(2), || workers(1), current_thread] {
        let runtime = make();
        let handle = *runtime.handle();
        let witness = Witness::default();
        let answers = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..20 {
            let (held, answers) = (witness.clone(), answers.clone());
            let spawning = OnDrop(move || {
                let held = [held.clone(), held.clone()];
                let [one, two] = held.map(|held| async move {
                    let _held = held;
                    pending::<()>().await;
                });
                answers.lock().expect("nobody panics").extend([handle.spawn(one), spawn(two)]);
                let held = answers.clone();
                handle.spawn_blocking(move || drop(held));
            });
            runtime.spawn(async move {
                let _spawning = spawning;
                pending::<()>().await;
            });
        }
        runtime.block_on(yield_now());
        // On the global runtime `spawn` would keep its task; each of these runtimes is entered where it drops.
        let entered = handle.enter();
        drop(runtime);
        drop(entered);
        let answers = std::mem::take(&mut *answers.lock().expect("nobody panics"));
        assert_eq!(answers.len(), 40);
        let n_answers = answers.len();
        let mut n_ended = 0;
        for task in answers {
            if task.is_finished() {
                n_ended += 1;
                assert!(
                    futures_lite::future::block_on(task)
                        .expect_err("it was cancelled")
                        .is_cancelled()
                );
            } else {
                task.abort();
            }
        }
        assert!(n_ended >= n_answers / 2, "what was spawned by handle is cancelled");
    }
}

#[test]
fn a_future_that_wakes_a_hundred_thousand_others_when_it_is_dropped_needs_no_stack() {
    const N: usize = 100_000;
    let _watchdog = Watchdog::new();
    for make in [|| workers(2), current_thread] {
        let runtime = make();
        let everybody = Arc::new(Notify::new());
        let n_waiting = Arc::new(AtomicUsize::new(0));
        let waker = everybody.clone();
        runtime.spawn(async move {
            let _waking = OnDrop(move || waker.notify_waiters());
            pending::<()>().await;
        });
        for _ in 0..N {
            let (everybody, n_waiting) = (everybody.clone(), n_waiting.clone());
            runtime.spawn(async move {
                let chain = everybody.clone();
                let _waking_too = OnDrop(move || chain.notify_one());
                let mut waiting = std::pin::pin!(everybody.notified());
                poll_fn(|cx| {
                    let poll = waiting.as_mut().poll(cx);
                    n_waiting.fetch_add(1, SeqCst);
                    poll
                })
                .await;
                pending::<()>().await;
            });
        }
        runtime.block_on(async {
            while n_waiting.load(SeqCst) < N {
                yield_now().await;
            }
        });
        drop(runtime);
        assert_eq!(Arc::strong_count(&everybody), 1, "every future was dropped");
    }
}

#[test]
fn a_drop_that_panics_at_the_end_does_not_keep_others_from_being_dropped() {
    let _watchdog = Watchdog::new();
    for make in [|| workers(2), current_thread] {
        let runtime = make();
        let witness = Witness::default();
        for n in 0..20 {
            let held = witness.clone();
            runtime.spawn(async move {
                let _held = held;
                let _panicking = OnDrop(move || assert_eq!(n % 2, 0, "odd ones panic"));
                pending::<()>().await;
            });
        }
        runtime.block_on(yield_now());
        drop(runtime);
        eventually(|| witness.n_alive() == 0);
    }
}

#[test]
fn a_runtime_that_nobody_used_ends() {
    let _watchdog = Watchdog::new();
    for runtime in [workers(1), workers(4), current_thread()] {
        drop(runtime);
    }
    for runtime in [workers(1), workers(4), current_thread()] {
        runtime.shutdown_background();
    }
}

#[test]
fn queued_calls_are_cancelled_at_the_end() {
    let _watchdog = Watchdog::new();
    let mut builder = Builder::new_multi_thread();
    let runtime: Runtime =
        builder.worker_threads(1).max_blocking_threads(1).build().expect("threads");
    let (end, may_end) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let running = runtime.spawn_blocking(move || {
        begun.send(()).expect("it is awaited");
        let _ = may_end.recv();
    });
    has_begun.recv().expect("it begins");
    let has_run = Arc::new(AtomicBool::new(false));
    let queued: Vec<_> = (0..10)
        .map(|_| {
            let has_run = has_run.clone();
            runtime.spawn_blocking(move || has_run.store(true, SeqCst))
        })
        .collect();
    runtime.shutdown_background();
    for call in queued {
        let error = futures_lite::future::block_on(call).expect_err("it never got a thread");
        assert!(error.is_cancelled());
    }
    assert!(!has_run.load(SeqCst));
    drop(end);
    futures_lite::future::block_on(running).expect("it ends");
}

#[test]
fn a_waker_that_outlives_its_runtime_wakes_nobody() {
    let _watchdog = Watchdog::new();
    for make in [|| workers(2), current_thread] {
        let runtime = make();
        let kept = Arc::new(Mutex::new(Vec::<Waker>::new()));
        for _ in 0..100 {
            let kept = kept.clone();
            runtime.spawn(poll_fn(move |cx| {
                kept.lock().expect("nobody panics").push(cx.waker().clone());
                Poll::<()>::Pending
            }));
        }
        runtime.block_on(async {
            while kept.lock().expect("nobody panics").len() < 100 {
                yield_now().await;
            }
        });
        drop(runtime);
        // Its shell has a new tenant, whom the old wakers must not disturb.
        let other = make();
        let wakers = std::mem::take(&mut *kept.lock().expect("nobody panics"));
        thread::spawn(move || {
            wakers.iter().for_each(Waker::wake_by_ref);
            wakers.into_iter().for_each(Waker::wake);
        })
        .join()
        .expect("nothing happens");
        assert_eq!(other.block_on(async { spawn(async { 3 }).await }).expect("it runs"), 3);
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}

#[test]
fn handles_awaited_after_the_end_say_cancelled() {
    let _watchdog = Watchdog::new();
    for make in [|| workers(2), current_thread] {
        let runtime = make();
        let handle = *runtime.handle();
        let never_polled = runtime.spawn(pending::<()>());
        let sleeping = runtime.spawn(async { sleep(Duration::from_secs(3600)).await });
        let done = runtime.spawn(async { 5 });
        runtime.block_on(async {
            while !done.is_finished() {
                yield_now().await;
            }
        });
        let mut waiting = runtime.spawn(pending::<()>());
        let hand = Hand::default();
        assert!(hand.poll(&mut waiting).is_pending());
        drop(runtime);
        assert_eq!(hand.wakes(), 1, "who waits is told");
        for task in
            [never_polled, sleeping, waiting, handle.spawn(async {}), handle.spawn_blocking(|| ())]
        {
            let error = futures_lite::future::block_on(task).expect_err("the runtime has ended");
            assert!(error.is_cancelled());
        }
        assert_eq!(futures_lite::future::block_on(done).expect("it ended before"), 5);
        assert!(handle.tasks().is_empty());
        assert_eq!((handle.n_workers(), handle.block_on(async { 1 })), (0, 1));
    }
}
