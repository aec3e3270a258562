//! Tasks and calls: begun, joined, woken, aborted, panicked, left over.

use super::Cell;
use crate::tools::{OnDrop, Witness, eventually, panic_of};
use filch::runtime::Handle;
use filch::sync::{Notify, oneshot};
use filch::task::{JoinSet, yield_now};
use filch::time::{Duration, sleep, timeout};
use filch::{spawn, to_thread};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::task::Poll;
use std::thread;

pub(super) fn a_task_is_joined_with_its_output(cell: Cell) {
    let output = cell.run(async {
        let task = spawn(async { String::from("done") });
        task.await.expect("it does not panic")
    });
    assert_eq!(output, "done");
}

fn tree(depth: u32) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if depth == 0 {
            return 1;
        }
        let (left, right) = (spawn(tree(depth - 1)), spawn(tree(depth - 1)));
        left.await.expect("it does not panic") + right.await.expect("it does not panic")
    })
}

pub(super) fn tasks_spawn_tasks(cell: Cell) {
    assert_eq!(cell.run(tree(10)), 1024);
}

pub(super) fn ten_thousand_tasks_end(cell: Cell) {
    let sum: u64 = cell.run(async {
        let tasks: Vec<_> = (0..10_000_u64)
            .map(|n| {
                spawn(async move {
                    yield_now().await;
                    n
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.expect("it does not panic");
        }
        sum
    });
    assert_eq!(sum, 9_999 * 10_000 / 2);
}

pub(super) fn a_detached_task_goes_on(cell: Cell) {
    cell.run(async {
        let (tell, told) = oneshot::channel();
        drop(spawn(async move {
            yield_now().await;
            tell.send(7).expect("somebody waits for it");
        }));
        assert_eq!(told.await, Ok(7));
    });
}

pub(super) fn a_task_spawned_by_a_foreign_thread_runs(cell: Cell) {
    cell.run(async {
        let handle = Handle::current();
        let (tell, told) = oneshot::channel();
        let thread = thread::spawn(move || {
            handle.spawn(async move { tell.send(()).expect("somebody waits for it") });
        });
        told.await.expect("the task tells");
        thread.join().expect("it does not panic");
    });
}

/// Ready once a thread of its own has called the waker.
async fn woken_by_a_thread() {
    let woken = Arc::new(Mutex::new(None));
    poll_fn(|cx| {
        let mut thread = woken.lock().expect("nobody panics");
        match &*thread {
            None => {
                let waker = cx.waker().clone();
                *thread = Some(thread::spawn(move || waker.wake()));
                Poll::Pending
            }
            Some(thread) if !thread.is_finished() => {
                // It has woken this poll and is about to end.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(_) => Poll::Ready(()),
        }
    })
    .await;
}

pub(super) fn a_wake_from_a_foreign_thread_arrives(cell: Cell) {
    cell.run(async {
        for _ in 0..20 {
            spawn(woken_by_a_thread()).await.expect("it does not panic");
            woken_by_a_thread().await;
        }
    });
}

pub(super) fn wakes_from_many_threads_are_not_lost(cell: Cell) {
    const N_ROUNDS: usize = 500;
    cell.run(async {
        let rings: Vec<_> =
            (0..4).map(|_| (Arc::new(Notify::new()), Arc::new(Notify::new()))).collect();
        let tasks: Vec<_> = rings
            .iter()
            .cloned()
            .map(|(ping, pong)| {
                spawn(async move {
                    for _ in 0..N_ROUNDS {
                        ping.notified().await;
                        pong.notify_one();
                    }
                })
            })
            .collect();
        let threads: Vec<_> = rings
            .into_iter()
            .map(|(ping, pong)| {
                thread::spawn(move || {
                    for _ in 0..N_ROUNDS {
                        ping.notify_one();
                        futures_lite::future::block_on(pong.notified());
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("it does not panic");
        }
        threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    });
}

pub(super) fn an_aborted_task_drops_its_future_and_says_so(cell: Cell) {
    cell.run(async {
        for n_yields in 0..4 {
            let witness = Witness::default();
            let held = witness.clone();
            let task = spawn(async move {
                let _held = held;
                pending::<()>().await;
            });
            for _ in 0..n_yields {
                yield_now().await;
            }
            task.abort();
            let error = task.await.expect_err("it was aborted");
            assert!(error.is_cancelled(), "{error}");
            assert_eq!(witness.n_alive(), 0, "the future is dropped before its handle answers");
        }
    });
}

pub(super) fn a_panic_comes_out_of_the_handle(cell: Cell) {
    cell.run(async {
        let error = spawn(async { panic!("no luck") }).await.expect_err("it panicked");
        assert!(error.is_panic() && error.to_string().contains("no luck"), "{error}");
        assert_eq!(spawn(async { 1 }).await.expect("the workers live"), 1);
    });
}

pub(super) fn a_panic_of_block_on_leaves_the_runtime_usable(cell: Cell) {
    cell.with(|runtime| {
        let begun = runtime.spawn(async { 5 });
        let message = panic_of(|| runtime.block_on(async { panic!("no luck") }));
        assert_eq!(message, "no luck");
        assert_eq!(runtime.block_on(begun).expect("it does not panic"), 5);
    });
}

pub(super) fn block_on_may_be_called_again_and_again(cell: Cell) {
    cell.with(|runtime| {
        let counter = Arc::new(AtomicUsize::new(0));
        let notify = Arc::new(Notify::new());
        let task = runtime.spawn({
            let (counter, notify) = (counter.clone(), notify.clone());
            async move {
                loop {
                    notify.notified().await;
                    counter.fetch_add(1, SeqCst);
                }
            }
        });
        for n in 1..=50 {
            notify.notify_one();
            runtime.block_on(async {
                while counter.load(SeqCst) < n {
                    yield_now().await;
                }
            });
        }
        task.abort();
    });
}

pub(super) fn block_on_of_two_threads_may_wait_for_each_other(cell: Cell) {
    cell.with(|runtime| {
        for _ in 0..20 {
            let (ping, pinged) = oneshot::channel();
            let (pong, ponged) = oneshot::channel();
            thread::scope(|threads| {
                threads.spawn(|| {
                    runtime.block_on(async {
                        pinged.await.expect("the other pings");
                        spawn(async move { pong.send(()) })
                            .await
                            .expect("no panic")
                            .expect("it waits");
                    });
                });
                threads.spawn(|| {
                    runtime.block_on(async {
                        spawn(async move { ping.send(()) })
                            .await
                            .expect("no panic")
                            .expect("it waits");
                        ponged.await.expect("the other pongs");
                    });
                });
            });
        }
    });
}

pub(super) fn many_threads_call_block_on_at_once(cell: Cell) {
    cell.with(|runtime| {
        let bell = Notify::new();
        thread::scope(|threads| {
            for n in 0..4_u64 {
                let (runtime, bell) = (&runtime, &bell);
                threads.spawn(move || {
                    for step in 0..100 {
                        let output = runtime.block_on(async {
                            match (n + step) % 4 {
                                0 => bell.notify_waiters(),
                                1 => yield_now().await,
                                2 => sleep(Duration::from_micros(20)).await,
                                _ => {
                                    let _ =
                                        timeout(Duration::from_micros(50), bell.notified()).await;
                                }
                            }
                            spawn(async move { n + step }).await.expect("it does not panic")
                        });
                        assert_eq!(output, n + step);
                    }
                });
            }
        });
    });
}

pub(super) fn a_blocking_call_gives_its_output(cell: Cell) {
    cell.run(async {
        for n in 0..20 {
            assert_eq!(to_thread(move || n + 1).await, n + 1);
        }
    });
}

pub(super) fn blocking_calls_run_beside_each_other(cell: Cell) {
    let barrier = Arc::new(Barrier::new(8));
    let n_leaders = cell.run(async {
        let mut calls = JoinSet::new();
        for _ in 0..8 {
            let barrier = barrier.clone();
            calls.spawn_blocking(move || barrier.wait().is_leader());
        }
        calls.join_all().await.into_iter().filter(|is_leader| *is_leader).count()
    });
    assert_eq!(n_leaders, 1);
}

pub(super) fn what_is_left_is_dropped_at_the_end(cell: Cell) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let polled = Arc::new(AtomicUsize::new(0));
    cell.run(async {
        for _ in 0..100 {
            let (dropped, polled) = (dropped.clone(), polled.clone());
            spawn(async move {
                let _counted = OnDrop(move || {
                    dropped.fetch_add(1, SeqCst);
                });
                polled.fetch_add(1, SeqCst);
                pending::<()>().await;
            });
        }
        while polled.load(SeqCst) < 50 {
            yield_now().await;
        }
        assert_eq!(dropped.load(SeqCst), 0);
    });
    // Those that were polled had the guard; the others never made it.
    eventually(|| dropped.load(SeqCst) == polled.load(SeqCst));
    assert!((50..=100).contains(&dropped.load(SeqCst)));
}
