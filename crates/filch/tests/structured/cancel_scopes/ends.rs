//! Being canceled: before, while, after; at once and with a grace.

use super::{Tally, detach, on_each, secs, settle, stopped};
use crate::sanitizer::forget;
use crate::tools::{Hand, OnDrop, Witness, panic_of, workers};
use crate::watchdog::Watchdog;
use filch::task::{CancelScope, JoinHandle, Reason, cancelled, yield_now};
use filch::time::{Duration, Instant, sleep, timeout};
use filch::{join, spawn};
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;

#[test]
fn a_scope_gives_what_its_future_gives() {
    on_each(|| async {
        let scope = CancelScope::new();
        let output = scope.run(async {
            sleep(secs(1)).await;
            7
        });
        assert_eq!(output.await, Ok(7));
        assert!(!scope.is_cancelled() && scope.reason().is_none() && scope.deadline().is_none());
    });
}

#[test]
fn a_canceled_scope_drops_its_future_and_then_says_why() {
    on_each(|| async {
        let (scope, witness) = (CancelScope::new(), Witness::default());
        let (handle, inside) = (scope.clone(), witness.clone());
        detach(async move {
            sleep(secs(1)).await;
            handle.cancel().reason("enough");
        });
        let begin = Instant::now();
        let mut run = pin!(scope.run(async move {
            let _inside = inside;
            pending::<()>().await;
        }));
        let cancelled = run.as_mut().await.expect_err("it was canceled");
        assert_eq!((witness.n_alive(), begin.elapsed()), (0, secs(1)));
        assert_eq!((cancelled.reason().as_str(), cancelled.is_elapsed()), ("enough", false));
        assert_eq!(cancelled.to_string(), "canceled: enough");
        assert_eq!((scope.is_cancelled(), scope.reason()), (true, Some(Reason::from("enough"))));
    });
}

#[test]
fn the_first_reason_stays() {
    on_each(|| async {
        let scope = CancelScope::new();
        scope.cancel().reason("first");
        scope.cancel().reason(String::from("second"));
        let cancelled = scope.run(pending::<()>()).await.expect_err("it was canceled");
        assert_eq!(cancelled.reason().as_str(), "first");
        let scope = CancelScope::new();
        scope.cancel();
        let cancelled = scope.run(pending::<()>()).await.expect_err("it was canceled");
        assert_eq!(cancelled.reason(), &Reason::default());
    });
}

#[test]
fn what_is_canceled_before_it_runs_is_dropped_unpolled() {
    on_each(|| async {
        let (scope, witness) = (CancelScope::new(), Witness::default());
        scope.cancel();
        let inside = witness.clone();
        let run = scope.run(poll_fn(move |_| -> Poll<()> { panic!("polled: {inside:?}") }));
        assert_eq!(witness.n_alive(), 1);
        assert!(run.await.is_err());
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn a_cancel_from_inside_takes_effect_at_the_next_await() {
    on_each(|| async {
        let scope = CancelScope::new();
        let (handle, tally) = (scope.clone(), Tally::default());
        let inside = tally.clone();
        let run = scope.run(async move {
            handle.cancel();
            inside.note("before the await");
            ready(()).await;
            inside.note("behind what did not wait");
            yield_now().await;
            inside.note("behind the await");
        });
        assert!(run.await.is_err());
        assert_eq!(tally.all(), ["before the await", "behind what did not wait"]);
        let scope = CancelScope::new();
        let handle = scope.clone();
        assert_eq!(scope.run(async move { drop(handle.cancel()) }).await, Ok(()), "it was done");
        assert!(scope.is_cancelled());
    });
}

#[test]
fn a_cancel_after_the_end_changes_nothing() {
    on_each(|| async {
        let scope = CancelScope::after(secs(1));
        assert_eq!(scope.run(ready(1)).await, Ok(1));
        sleep(secs(2)).await;
        assert!(!scope.is_cancelled(), "nobody looks at the deadline of what has ended");
        scope.cancel().reason("late");
        assert!(scope.is_cancelled());
    });
}

/// Is done at its `n`th poll, and cancels the scope at its `k`th one.
async fn steps(n: usize, k: usize, scope: CancelScope) -> usize {
    for step in 0..n {
        if step == k {
            scope.cancel();
        }
        yield_now().await;
    }
    if n == k {
        scope.cancel();
    }
    n
}

#[test]
fn a_cancel_works_at_each_await_point() {
    const N: usize = 5;
    on_each(|| async {
        for k in 0..=N + 1 {
            let (scope, witness) = (CancelScope::new(), Witness::default());
            let (handle, inside) = (scope.clone(), witness.clone());
            let outcome = scope.run(async move {
                let _inside = inside;
                steps(N, k, handle).await
            });
            assert_eq!(outcome.await.is_ok(), k >= N, "canceled in step {k}");
            assert_eq!(witness.n_alive(), 0);
        }
    });
}

#[test]
fn a_drop_works_at_each_await_point() {
    const N: usize = 5;
    on_each(|| async {
        for k in 0..=N {
            let (scope, witness) = (CancelScope::new(), Witness::default());
            let (handle, inside) = (scope.clone(), witness.clone());
            let mut run = Box::pin(scope.run(async move {
                let _inside = inside;
                steps(N, N + 1, handle).await
            }));
            for _ in 0..k {
                assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            drop(run);
            assert_eq!((witness.n_alive(), scope.is_cancelled()), (0, false));
            scope.cancel();
        }
    });
}

#[test]
fn other_threads_may_cancel_at_any_time() {
    let _watchdog = Watchdog::new();
    let runtime = workers(2);
    runtime.block_on(async {
        for round in 0..100_u32 {
            let (scope, n_polls) = (CancelScope::new(), Arc::new(AtomicUsize::new(0)));
            let (handle, seen) = (scope.clone(), n_polls.clone());
            let task: JoinHandle<_> = spawn(async move {
                scope
                    .run(async move {
                        loop {
                            n_polls.fetch_add(1, SeqCst);
                            yield_now().await;
                        }
                    })
                    .await
            });
            let canceler = thread::spawn(move || {
                (0..round * 50).for_each(|_| std::hint::spin_loop());
                handle.cancel().reason("from outside");
            });
            let result: Result<(), _> = task.await.expect("it does not panic");
            assert_eq!(result.expect_err("it is endless").reason().as_str(), "from outside");
            let at_the_end = seen.load(SeqCst);
            canceler.join().expect("it does not panic");
            assert_eq!(seen.load(SeqCst), at_the_end);
        }
    });
}

#[test]
fn a_waiting_scope_is_woken_by_a_cancel_from_another_thread() {
    let _watchdog = Watchdog::new();
    let runtime = workers(1);
    for round in 0..300_u32 {
        let scope = CancelScope::new();
        let handle = scope.clone();
        let task = runtime.spawn(async move { scope.run(pending::<()>()).await });
        for _ in 0..round % 20 {
            thread::yield_now();
        }
        handle.cancel();
        assert!(runtime.block_on(task).expect("it does not panic").is_err());
    }
}

#[test]
fn one_canceled_scope_does_not_disturb_the_one_around_it() {
    on_each(|| async {
        let outer = CancelScope::new();
        let outcome = outer.run(async {
            let inner = CancelScope::new();
            inner.cancel();
            assert!(inner.run(pending::<()>()).await.is_err());
            sleep(secs(1)).await;
            7
        });
        assert_eq!(outcome.await, Ok(7));
    });
}

#[test]
fn a_canceled_scope_takes_the_inner_ones_with_it() {
    on_each(|| async {
        let (outer, inner, tally) = (CancelScope::new(), CancelScope::new(), Tally::default());
        let (handle, inside, noted) = (outer.clone(), inner.clone(), tally.clone());
        detach(async move {
            sleep(secs(1)).await;
            handle.cancel().reason("outer");
        });
        let outcome = outer.run(async move {
            let _ = inside.run(pending::<()>()).await;
            noted.note("behind the inner one");
        });
        assert_eq!(outcome.await.expect_err("it was canceled").reason().as_str(), "outer");
        assert!(tally.all().is_empty(), "the inner one must not report an end that is not its own");
        assert!(!inner.is_cancelled() || inner.reason() == Some("outer".into()));
    });
}

#[test]
fn with_a_grace_what_is_inside_is_told_and_may_end_by_itself() {
    on_each(|| async {
        let scope = CancelScope::new();
        let handle = scope.clone();
        detach(async move {
            sleep(secs(1)).await;
            handle.cancel().reason("closing").grace(secs(10));
        });
        let begin = Instant::now();
        let outcome = scope.run(async {
            let reason = cancelled().await;
            sleep(secs(2)).await;
            reason
        });
        assert_eq!(outcome.await, Ok(Reason::from("closing")));
        assert_eq!(begin.elapsed(), secs(3));
        assert!(scope.is_cancelled());
    });
}

#[test]
fn when_the_grace_is_over_what_is_inside_is_ended() {
    on_each(|| async {
        for (first, second, ends) in [(10, None, 11), (10, Some(3), 4), (3, Some(10), 4)] {
            let scope = CancelScope::new();
            let handle = scope.clone();
            detach(async move {
                sleep(secs(1)).await;
                handle.cancel().reason("closing").grace(secs(first));
                if let Some(second) = second {
                    handle.cancel().reason("hurry").grace(secs(second));
                }
            });
            let begin = Instant::now();
            let outcome = scope.run(async {
                cancelled().await;
                pending::<()>().await;
            });
            let cancelled = outcome.await.expect_err("it did not end");
            assert_eq!((cancelled.reason().as_str(), cancelled.is_elapsed()), ("closing", false));
            assert_eq!(begin.elapsed(), secs(ends));
        }
    });
}

#[test]
fn a_grace_can_be_cut_short() {
    on_each(|| async {
        let scope = CancelScope::new();
        let handle = scope.clone();
        detach(async move {
            handle.cancel().grace(Duration::MAX);
            sleep(secs(1)).await;
            handle.cancel();
        });
        let begin = Instant::now();
        assert!(scope.run(pending::<()>()).await.is_err());
        assert_eq!(begin.elapsed(), secs(1));
        let scope = CancelScope::after(secs(2));
        scope.cancel().grace(secs(100));
        let ended = scope.run(pending::<()>()).await.expect_err("it did not end");
        assert!(!ended.is_elapsed(), "the first reason stays");
        assert_eq!(begin.elapsed(), secs(3), "a deadline gives no grace");
    });
}

#[test]
fn a_grace_before_the_run_begins_with_it() {
    on_each(|| async {
        let scope = CancelScope::new();
        scope.cancel().grace(secs(2));
        sleep(secs(10)).await;
        let begin = Instant::now();
        let outcome = scope.run(async {
            cancelled().await;
            pending::<()>().await;
        });
        assert!(outcome.await.is_err());
        assert_eq!(begin.elapsed(), secs(2));
    });
}

#[test]
fn a_notice_reaches_the_scopes_inside_also_those_opened_later() {
    on_each(|| async {
        let scope = CancelScope::new();
        scope.cancel().reason("closing").grace(secs(10));
        let outcome = scope.run(async {
            yield_now().await;
            let outer = CancelScope::new();
            let inner = CancelScope::after(secs(100));
            outer.run(inner.run(async { cancelled().await })).await
        });
        assert_eq!(outcome.await, Ok(Ok(Ok(Reason::from("closing")))));
    });
}

#[test]
fn tasks_spawned_inside_are_told_but_not_ended() {
    on_each(|| async {
        let (scope, tally) = (CancelScope::new(), Tally::default());
        let (handle, inside) = (scope.clone(), tally.clone());
        let outcome = scope.run(async move {
            detach(async move {
                assert_eq!(cancelled().await.as_str(), "over");
                inside.note("told");
                sleep(secs(1)).await;
                inside.note("done");
            });
            settle().await;
            handle.cancel().reason("over");
            pending::<()>().await;
        });
        assert!(outcome.await.is_err());
        sleep(secs(2)).await;
        assert_eq!(tally.all(), ["told", "done"]);
    });
}

#[test]
fn misuse_gets_a_sentence() {
    let scope = CancelScope::new();
    drop(scope.run(ready(())));
    assert!(panic_of(|| scope.run(ready(()))).contains("make a scope for each run"));
    assert!(panic_of(|| scope.clone().shield(true)).contains("before it is run"));
}

#[test]
fn a_run_polled_again_after_it_had_ended_says_so() {
    for is_canceled in [false, true] {
        let (scope, hand) = (CancelScope::new(), Hand::default());
        if is_canceled {
            drop(scope.cancel());
        }
        let mut run = Box::pin(scope.run(ready(())));
        assert!(hand.poll(&mut run).is_ready());
        let message = panic_of(|| hand.poll(&mut run).is_ready());
        assert!(message.starts_with("the CancelScope::run of "), "{message}");
        assert!(message.contains("ends.rs"), "{message}");
        assert!(message.ends_with("polled again after it had ended; await it once"), "{message}");
    }
}

#[test]
fn a_panic_inside_passes_through_and_ends_the_run() {
    on_each(|| async {
        let (scope, witness) = (CancelScope::after(secs(1)), Witness::default());
        let inside = witness.clone();
        let outer = scope.clone();
        let task = spawn(async move {
            outer
                .run(async move {
                    let _inside = inside;
                    yield_now().await;
                    panic!("inside");
                })
                .await
        });
        assert!(task.await.expect_err("it panics").is_panic());
        assert_eq!((witness.n_alive(), scope.is_cancelled()), (0, false));
    });
}

#[test]
fn a_panic_in_a_drop_passes_through() {
    on_each(|| async {
        let (scope, witness) = (CancelScope::new(), Witness::default());
        let (outer, inside) = (scope.clone(), witness.clone());
        let task = spawn(async move {
            outer
                .run(async move {
                    let _inside = inside;
                    let _panics = OnDrop(|| panic!("in the drop"));
                    pending::<()>().await;
                })
                .await
        });
        settle().await;
        scope.cancel();
        assert!(task.await.expect_err("it panics").is_panic());
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn forgotten_handles_do_nothing() {
    on_each(|| async {
        let scope = CancelScope::new();
        forget(scope.cancel());
        forget(scope.clone());
        assert_eq!(scope.run(async { sleep(secs(1)).await }).await, Ok(()));
        let outcome = timeout(secs(1), async {
            let scope = CancelScope::after(secs(5));
            let mut forgotten = Box::pin(scope.run(pending::<()>()));
            poll_fn(|cx| {
                assert!(forgotten.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            forget(forgotten);
            sleep(secs(10)).await;
        });
        assert!(outcome.await.is_err());
    });
}

#[test]
fn a_scope_goes_with_its_poller_to_another_task() {
    on_each(|| async {
        let scope = CancelScope::new();
        let mut run: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(scope.run(pending::<()>()));
        poll_fn(|cx| {
            assert!(run.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let task = spawn(run);
        settle().await;
        scope.cancel();
        assert!(task.await.expect("it does not panic").is_err());
    });
}

#[test]
fn a_canceled_scope_in_a_join_leaves_the_others_alone() {
    for runtime in stopped() {
        runtime.block_on(async {
            let scope = CancelScope::after(secs(1));
            let (ended, done) = join!(scope.run(pending::<()>()), async {
                sleep(secs(2)).await;
                7
            });
            assert!(ended.is_err_and(|ended| ended.is_elapsed()));
            assert_eq!(done, 7);
        });
    }
}
