//! Who is polled when: yields, budgets, wakes.

use crate::tools::{Hand, Witness, current_thread, eventually, on_each_flavor, workers};
use crate::watchdog::Watchdog;
use filch::spawn;
use filch::sync::{mpsc, oneshot};
use filch::task::coop::{consume_budget, cooperative, unconstrained};
use filch::task::yield_now;
use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

#[test]
fn tasks_that_yield_take_turns() {
    for runtime in [workers(1), current_thread()] {
        let turns = Arc::new(Mutex::new(Vec::new()));
        let log = turns.clone();
        let main = runtime.spawn(async move {
            let tasks = [0, 1, 2].map(|i| {
                let log = log.clone();
                spawn(async move {
                    for _ in 0..50 {
                        log.lock().expect("no panic under it").push(i);
                        yield_now().await;
                    }
                })
            });
            for task in tasks {
                task.await.expect("it ends");
            }
        });
        runtime.block_on(main).expect("it ends");
        let turns = turns.lock().expect("no panic under it");
        assert_eq!(turns.len(), 150);
        for round in turns.chunks(3) {
            assert_eq!(round, &turns[..3], "each round is as the first");
        }
    }
}

#[test]
fn a_task_that_yields_for_ever_starves_nobody() {
    on_each_flavor(|runtime| {
        let stop = Arc::new(AtomicBool::new(false));
        let yielders: Vec<_> = (0..4)
            .map(|_| {
                let stop = stop.clone();
                runtime.spawn(async move {
                    while !stop.load(SeqCst) {
                        yield_now().await;
                    }
                })
            })
            .collect();
        // From outside, from a blocking thread, from a timer, from a task: all get their turn.
        runtime.block_on(async {
            spawn(async {}).await.expect("it ends");
            filch::to_thread(|| ()).await;
            filch::time::sleep(std::time::Duration::from_millis(1)).await;
            spawn(async { spawn(async {}).await.expect("it ends") }).await.expect("it ends");
        });
        stop.store(true, SeqCst);
        for yielder in yielders {
            runtime.block_on(yielder).expect("it ends");
        }
    });
}

#[test]
fn a_task_whose_operations_are_always_ready_starves_nobody() {
    on_each_flavor(|runtime| {
        let stop = Arc::new(AtomicBool::new(false));
        let greedy = {
            let stop = stop.clone();
            runtime.spawn(async move {
                while !stop.load(SeqCst) {
                    cooperative(ready(())).await;
                    consume_budget().await;
                }
            })
        };
        runtime.block_on(async { spawn(async {}).await.expect("it ends") });
        stop.store(true, SeqCst);
        runtime.block_on(greedy).expect("it ends");
    });
}

/// Polls the future inside and counts the polls.
struct Polls<F>(F, Arc<AtomicUsize>);

impl<F: Future + Unpin> Future for Polls<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.1.fetch_add(1, SeqCst);
        Pin::new(&mut self.0).poll(cx)
    }
}

#[test]
fn the_budget_is_what_the_builder_was_told() {
    for (budget, n_polls) in [(1, 128), (10, 13), (128, 1), (u32::MAX, 1)] {
        let runtime = filch::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .coop_budget(budget)
            .build()
            .expect("the system has threads");
        let polls = Arc::new(AtomicUsize::new(0));
        let work = Box::pin(async {
            for _ in 0..128 {
                consume_budget().await;
            }
        });
        runtime.block_on(runtime.spawn(Polls(work, polls.clone()))).expect("it ends");
        assert_eq!(polls.load(SeqCst), n_polls, "with a budget of {budget}");
        let polls = Arc::new(AtomicUsize::new(0));
        let work = Box::pin(unconstrained(async {
            for _ in 0..1000 {
                consume_budget().await;
            }
        }));
        runtime.block_on(runtime.spawn(Polls(work, polls.clone()))).expect("it ends");
        assert_eq!(polls.load(SeqCst), 1);
    }
}

/// The budget of the builder's default.
const UNITS: usize = 128;

/// Spends the whole budget of a poll.
async fn spend_all() {
    for _ in 0..UNITS {
        consume_budget().await;
    }
}

#[test]
fn a_task_in_the_slot_has_a_budget_of_its_own() {
    let runtime = workers(1);
    let turns = Arc::new(Mutex::new(Vec::new()));
    let note = {
        let turns = turns.clone();
        move |turn| turns.lock().expect("no panic under it").push(turn)
    };
    let main = runtime.spawn(async move {
        let queued = spawn({
            let note = note.clone();
            async move { note("queued") }
        });
        let next = spawn({
            let note = note.clone();
            async move {
                spend_all().await;
                note("next");
            }
        });
        spend_all().await;
        note("first");
        queued.await.expect("it ends");
        next.await.expect("it ends");
    });
    runtime.block_on(main).expect("it ends");
    assert_eq!(*turns.lock().expect("no panic under it"), ["first", "next", "queued"]);
}

#[test]
fn two_tasks_that_wake_each_other_starve_nobody() {
    on_each_flavor(|runtime| {
        let stop = Arc::new(AtomicBool::new(false));
        let (there, mut here) = mpsc::channel(1);
        let (back, mut home) = mpsc::channel(1);
        let one = {
            let stop = stop.clone();
            runtime.spawn(async move {
                while !stop.load(SeqCst) {
                    there.send(()).await.expect("the other is there");
                    home.recv().await.expect("the other is there");
                }
            })
        };
        let other = runtime.spawn(async move {
            while here.recv().await.is_some() {
                if back.send(()).await.is_err() {
                    return;
                }
            }
        });
        runtime.block_on(async { spawn(async {}).await.expect("it ends") });
        stop.store(true, SeqCst);
        runtime.block_on(one).expect("it ends");
        runtime.block_on(other).expect("it ends");
    });
}

#[test]
fn joining_what_has_ended_spends_the_budget() {
    let runtime = current_thread();
    let n_polls = runtime.block_on(async {
        let tasks: Vec<_> = (0..1000).map(|_| spawn(async {})).collect();
        while !tasks.iter().all(|task| task.is_finished()) {
            yield_now().await;
        }
        let polls = Arc::new(AtomicUsize::new(0));
        let join = Box::pin(async {
            for task in tasks {
                task.await.expect("it ends");
            }
        });
        spawn(Polls(join, polls.clone())).await.expect("it ends");
        polls.load(SeqCst)
    });
    assert!((8..=9).contains(&n_polls), "1000 joins took {n_polls} polls of 128 units each");
}

#[test]
fn many_wakes_before_a_poll_are_one_poll() {
    for runtime in [workers(1), current_thread()] {
        let polls = Arc::new(AtomicUsize::new(0));
        let count = polls.clone();
        let task = runtime.spawn(poll_fn(move |cx| {
            if count.fetch_add(1, SeqCst) == 3 {
                return Poll::Ready(());
            }
            let owned: Vec<Waker> = (0..1000).map(|_| cx.waker().clone()).collect();
            owned.iter().for_each(Waker::wake_by_ref);
            owned.into_iter().for_each(Waker::wake);
            Poll::Pending
        }));
        runtime.block_on(task).expect("it ends");
        assert_eq!(polls.load(SeqCst), 4);
    }
}

#[test]
fn a_wake_during_the_poll_is_not_lost() {
    on_each_flavor(|runtime| {
        for _ in 0..100 {
            let (tell, told) = std::sync::mpsc::channel::<Waker>();
            let woken = Arc::new(AtomicBool::new(false));
            let flag = woken.clone();
            let waker = std::thread::spawn(move || {
                for waker in told {
                    flag.store(true, SeqCst);
                    waker.wake();
                }
            });
            let task = runtime.spawn(poll_fn(move |cx| {
                if woken.load(SeqCst) {
                    return Poll::Ready(());
                }
                let _ = tell.send(cx.waker().clone());
                Poll::Pending
            }));
            runtime.block_on(task).expect("it ends");
            waker.join().expect("it ends");
        }
    });
}

#[test]
fn a_waker_kept_beyond_the_end_keeps_no_future_and_wakes_nobody() {
    on_each_flavor(|runtime| {
        let witness = Witness::default();
        let captured = witness.clone();
        let (tell, told) = oneshot::channel();
        let mut tell = Some(tell);
        let task = runtime.spawn(poll_fn(move |cx| {
            let _ = &captured;
            let tell = tell.take().expect("it is polled once");
            tell.send(cx.waker().clone()).expect("the test waits for it");
            Poll::Ready(())
        }));
        let waker: Waker = runtime.block_on(told).expect("it tells");
        runtime.block_on(task).expect("it ends");
        assert_eq!(witness.n_alive(), 0);
        waker.wake_by_ref();
        assert!(waker.will_wake(&waker.clone()));
        waker.wake();
    });
}

#[test]
fn a_task_is_woken_by_threads_without_a_runtime() {
    on_each_flavor(|runtime| {
        let (go, may_go) = oneshot::channel();
        let mut task = runtime.spawn(may_go);
        let hand = Hand::default();
        let poll = hand.poll(&mut task);
        assert!(poll.is_pending());
        let sender = std::thread::spawn(move || go.send(11).expect("the task waits for it"));
        assert_eq!(runtime.block_on(&mut task).expect("it ends"), Ok(11));
        sender.join().expect("it ends");
        eventually(|| task.is_finished());
    });
}

#[test]
fn a_task_behind_a_slow_poll_runs_on_an_idle_worker() {
    let _watchdog = Watchdog::new();
    let runtime = workers(2);
    let task = runtime.spawn(async {
        let (tell, told) = std::sync::mpsc::channel();
        // Freshly spawned, the child lies in this worker's LIFO slot while the worker blocks.
        spawn(async move { tell.send(12).expect("its parent waits for it") });
        told.recv().expect("the other worker takes it")
    });
    assert_eq!(runtime.block_on(task).expect("it ends"), 12);
}
