//! Sets of tasks on real runtimes.

use crate::tools::{Witness, on_each_flavor, panic_of, workers};
use filch::sync::oneshot;
use filch::task::{JoinSet, yield_now};
use std::future::pending;
use std::pin::pin;
use std::task::{Context, Waker};

#[test]
fn a_set_gives_every_output_once() {
    on_each_flavor(|runtime| {
        let mut outputs = runtime.block_on(async {
            let mut set: JoinSet<usize> = (0..10_000)
                .map(|i| async move {
                    if i % 3 == 0 {
                        yield_now().await;
                    }
                    i
                })
                .collect();
            let mut outputs = Vec::new();
            while let Some(output) = set.join_next().await {
                outputs.push(output.expect("it ends"));
            }
            assert!(set.is_empty());
            outputs
        });
        outputs.sort_unstable();
        assert_eq!(outputs, (0..10_000).collect::<Vec<_>>());
    });
}

#[test]
fn a_set_that_is_refilled_while_it_is_joined_loses_nothing() {
    on_each_flavor(|runtime| {
        let n_joined = runtime.block_on(async {
            let mut set = JoinSet::new();
            let mut left = 10_000;
            let mut n_joined = 0;
            while left > 0 || !set.is_empty() {
                while left > 0 && set.len() < 16 {
                    left -= 1;
                    set.spawn(async move {
                        for _ in 0..left % 4 {
                            yield_now().await;
                        }
                    });
                }
                set.join_next().await.expect("not empty").expect("it ends");
                n_joined += 1;
            }
            n_joined
        });
        assert_eq!(n_joined, 10_000);
    });
}

#[test]
fn outputs_come_in_the_order_of_the_ends() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let mut gates = Vec::new();
            for i in 0..4 {
                let (go, may_go) = oneshot::channel::<()>();
                set.spawn(async move {
                    may_go.await.expect("the test lets it go");
                    i
                });
                gates.push(Some(go));
            }
            for i in [2, 0, 3, 1] {
                gates[i].take().expect("each opens once").send(()).expect("the task waits for it");
                assert_eq!(set.join_next().await.expect("not empty").expect("it ends"), i);
            }
            assert!(set.join_next().await.is_none());
        });
    });
}

#[test]
fn joins_dropped_after_any_poll_lose_no_output() {
    for n_polls in 0..5 {
        on_each_flavor(|runtime| {
            let mut joined = runtime.block_on(async {
                let mut set: JoinSet<usize> = (0..100)
                    .map(|i| async move {
                        yield_now().await;
                        i
                    })
                    .collect();
                let mut early = Vec::new();
                for _ in 0..n_polls {
                    let mut cx = Context::from_waker(Waker::noop());
                    if let std::task::Poll::Ready(output) =
                        pin!(set.join_next()).as_mut().poll(&mut cx)
                    {
                        early.push(output.expect("not empty").expect("it ends"));
                    }
                    yield_now().await;
                }
                early.extend(set.join_all().await);
                early
            });
            joined.sort_unstable();
            assert_eq!(joined, (0..100).collect::<Vec<_>>());
        });
    }
}

#[test]
fn a_set_reports_panics_and_aborts_beside_outputs() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let good = set.spawn(async { 1 }).id();
            let bad = set.spawn(async { panic!("bad") }).id();
            let aborted = set.spawn(pending::<i32>());
            aborted.abort();
            let (mut n_good, mut n_bad, mut n_aborted) = (0, 0, 0);
            while let Some(joined) = set.join_next_with_id().await {
                match joined {
                    Ok((id, 1)) if id == good => n_good += 1,
                    Err(error) if error.is_panic() && error.id() == bad => n_bad += 1,
                    Err(error) if error.is_cancelled() && error.id() == aborted.id() => {
                        n_aborted += 1
                    }
                    other => panic!("unexpected {other:?}"),
                }
            }
            assert_eq!((n_good, n_bad, n_aborted), (1, 1, 1));
        });
    });
}

#[test]
fn join_all_passes_a_panic_on() {
    on_each_flavor(|runtime| {
        let message = panic_of(|| {
            runtime.block_on(async {
                let mut set = JoinSet::new();
                set.spawn(async { panic!("bad") });
                set.spawn(pending::<()>());
                set.join_all().await
            })
        });
        assert_eq!(message, "bad");
    });
}

#[test]
fn shutdown_returns_when_every_future_is_dropped() {
    on_each_flavor(|runtime| {
        let witness = Witness::default();
        runtime.block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..1000 {
                let captured = witness.clone();
                set.spawn(async move {
                    let _captured = captured;
                    pending::<()>().await;
                });
            }
            set.shutdown().await;
            assert!(set.is_empty());
            assert_eq!(witness.n_alive(), 0);
        });
    });
}

#[test]
fn a_dropped_set_ends_its_tasks_and_a_detached_one_does_not() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let (ended, has_ended) = oneshot::channel::<()>();
            set.spawn(async move {
                let _ended = ended;
                pending::<()>().await;
            });
            drop(set);
            assert!(has_ended.await.is_err());

            let mut set = JoinSet::new();
            let (tell, told) = oneshot::channel();
            set.spawn(async move {
                yield_now().await;
                tell.send(2).expect("the test waits for it");
            });
            set.detach_all();
            assert!(set.is_empty());
            drop(set);
            assert_eq!(told.await.expect("it goes on"), 2);
        });
    });
}

#[test]
fn a_set_mixes_tasks_calls_names_and_runtimes() {
    let other = workers(1);
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            set.spawn(async { 0 });
            set.spawn_on(async { 1 }, other.handle());
            set.spawn_blocking(|| 2);
            set.spawn_blocking_on(|| 3, other.handle());
            let task = set.build_task().name("four").spawn(async { 4 }).expect("never errs");
            assert_eq!(task.name(), Some("four"));
            assert_eq!(task.spawned_at().file(), file!());
            let mut outputs = set.join_all().await;
            outputs.sort_unstable();
            assert_eq!(outputs, [0, 1, 2, 3, 4]);
        });
    });
}

#[test]
fn sets_of_ten_thousand_tasks_that_end_together_are_joined_in_order_of_n() {
    let runtime = workers(2);
    runtime.block_on(async {
        let gate = std::sync::Arc::new(filch::sync::Event::new());
        let mut set = JoinSet::new();
        for i in 0..10_000_u64 {
            let gate = gate.clone();
            set.spawn(async move {
                gate.wait().await;
                i
            });
        }
        yield_now().await;
        gate.set();
        assert_eq!(set.join_all().await.into_iter().sum::<u64>(), 10_000 * 9_999 / 2);
    });
}
