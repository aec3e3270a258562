//! `gather`.

use super::{HOUR, after_each_poll, on_each_stopped, poll_once};
use crate::tools::{Hand, OnDrop, Witness, on_each_flavor, panic_of, text_of, workers};
use filch::task::{All, all_tasks, as_completed, race, spawn_many, wait, yield_now};
use filch::time::{Duration, sleep, timeout};
use filch::{gather, spawn, try_gather};
use std::future::{Future, Ready, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll};

#[test]
fn outputs_come_in_the_order_of_the_input() {
    on_each_stopped(|runtime| {
        let outputs = runtime.block_on(gather((0..100_u32).map(|i| async move {
            sleep((100 - i) * Duration::from_secs(1)).await;
            i
        })));
        assert_eq!(outputs, (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn an_empty_gather_is_ready_at_once_and_needs_no_runtime() {
    let none = || None::<Ready<u32>>;
    assert_eq!(Hand::default().poll(&mut gather(none())), Poll::Ready(Vec::new()));
    assert!(Hand::default().poll(&mut gather(none()).settled()).is_ready());
}

#[test]
fn nothing_starts_before_the_first_poll() {
    on_each_flavor(|runtime| {
        let n_started = Arc::new(AtomicUsize::new(0));
        let count = || {
            let n_started = n_started.clone();
            async move { n_started.fetch_add(1, SeqCst) }
        };
        runtime.block_on(async {
            let gathered = gather([count(), count()]);
            for _ in 0..10 {
                yield_now().await;
            }
            assert!(all_tasks().is_empty());
            assert_eq!(n_started.load(SeqCst), 0);
            drop(gathered);
            gather([count(), count()]).await;
            assert_eq!(n_started.load(SeqCst), 2);
        });
    });
}

#[test]
fn children_run_in_parallel() {
    let both = Arc::new(Barrier::new(2));
    let meet = |both: Arc<Barrier>| async move { both.wait().is_leader() };
    let leaders = workers(2).block_on(gather([meet(both.clone()), meet(both)]));
    assert_ne!(leaders[0], leaders[1]);
}

#[test]
fn a_panic_in_any_place_goes_on_once_all_have_ended() {
    on_each_flavor(|runtime| {
        for bad in 0..5 {
            let witness = Witness::default();
            let child = |i: usize| {
                let captured = witness.clone();
                async move {
                    let _captured = captured;
                    assert!(i != bad, "{i} is bad");
                    for _ in 0..10 {
                        yield_now().await;
                    }
                }
            };
            let message = panic_of(|| runtime.block_on(gather((0..5).map(child))));
            assert_eq!(message, format!("{bad} is bad"));
            assert_eq!(witness.n_alive(), 0);
        }
    });
}

#[test]
fn of_several_panics_the_first_in_the_order_of_the_input_goes_on() {
    on_each_stopped(|runtime| {
        let late = |i: u32| async move {
            sleep((10 - i) * HOUR).await;
            assert!(i < 4, "{i} is bad");
        };
        assert_eq!(panic_of(|| runtime.block_on(gather((0..10).map(late)))), "4 is bad");
    });
}

#[test]
fn settled_gives_each_output_or_panic() {
    on_each_flavor(|runtime| {
        let outcomes = runtime.block_on(
            gather((0..10).map(|i| async move {
                assert!(i % 3 != 0, "{i} is bad");
                i
            }))
            .settled(),
        );
        for (i, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(output) => assert!(output == i && i % 3 != 0),
                Err(error) => {
                    assert_eq!(i % 3, 0);
                    assert_eq!(text_of(error.into_panic()), format!("{i} is bad"));
                }
            }
        }
    });
}

#[test]
fn a_child_that_panics_when_it_is_dropped_has_panicked() {
    on_each_flavor(|runtime| {
        let child = async {
            let _bomb = OnDrop(|| panic!("in its drop"));
        };
        let outcomes = runtime.block_on(gather([child]).settled());
        assert!(outcomes[0].as_ref().expect_err("it panicked").is_panic());
    });
}

#[test]
fn a_gather_dropped_after_any_poll_leaves_no_child_behind() {
    after_each_poll(|n_polls| async move {
        let witness = Witness::default();
        // Some never end, some are done at once, some are queued, some are in a poll on another worker.
        let children = (0..20).map(|i| {
            let captured = witness.clone();
            async move {
                let _captured = captured;
                match i % 4 {
                    0 => pending().await,
                    1 => {}
                    2 => yield_now().await,
                    _ => loop {
                        yield_now().await;
                    },
                }
            }
        });
        let mut gathered = gather(children);
        for _ in 0..n_polls {
            assert!(poll_once(&mut gathered).await.is_pending());
            yield_now().await;
        }
        drop(gathered);
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn panics_in_the_drops_of_dropped_children_stop_nothing() {
    after_each_poll(|n_polls| async move {
        let witness = Witness::default();
        let children = (0..5).map(|_| {
            let captured = witness.clone();
            async move {
                let _captured = captured;
                let _bomb = OnDrop(|| panic!("in its drop"));
                pending::<()>().await;
            }
        });
        let mut gathered = gather(children);
        for _ in 0..n_polls {
            assert!(poll_once(&mut gathered).await.is_pending());
            yield_now().await;
        }
        drop(gathered);
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn a_timeout_around_it_ends_the_children_and_awaits_them() {
    on_each_stopped(|runtime| {
        let witness = Witness::default();
        let children = (0..100).map(|_| {
            let captured = witness.clone();
            async move {
                sleep(HOUR).await;
                drop(captured);
            }
        });
        runtime.block_on(async {
            assert!(timeout(Duration::from_secs(1), gather(children)).await.is_err());
            assert_eq!(witness.n_alive(), 0);
            assert!(all_tasks().is_empty());
        });
    });
}

#[test]
fn an_aborted_task_ends_its_children() {
    on_each_flavor(|runtime| {
        let witness = Witness::default();
        let captured = witness.clone();
        runtime.block_on(async {
            let parent = spawn(gather([async move {
                let _captured = captured;
                pending::<()>().await;
            }]));
            while all_tasks().len() < 2 {
                yield_now().await;
            }
            parent.abort();
            assert!(parent.await.expect_err("it was aborted").is_cancelled());
            assert_eq!(witness.n_alive(), 0);
        });
    });
}

/// Counts how often what it wraps is polled.
struct Counted<F>(F, usize);

impl<F: Future + Unpin> Future for Counted<F> {
    type Output = (F::Output, usize);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.1 += 1;
        let n_polls = self.1;
        Pin::new(&mut self.0).poll(cx).map(|output| (output, n_polls))
    }
}

#[test]
fn a_hundred_thousand_children_are_awaited_in_a_few_polls() {
    on_each_flavor(|runtime| {
        let children = (0..100_000_usize).map(|i| async move {
            if i % 2 == 0 {
                yield_now().await;
            }
            i
        });
        let (outputs, n_polls) = runtime.block_on(Counted(gather(children), 0));
        assert!(outputs.into_iter().eq(0..100_000));
        assert!(n_polls <= 3, "it was polled {n_polls} times");
    });
}

#[test]
fn gathers_nest() {
    on_each_flavor(|runtime| {
        let sum = runtime.block_on(async {
            let rows = gather((0..10).map(|i| async move {
                let cells = gather((0..10).map(|j| async move {
                    let deep = gather((0..10).map(|k| ready(100 * i + 10 * j + k))).await;
                    deep.into_iter().sum::<usize>()
                }));
                cells.await.into_iter().sum::<usize>()
            }));
            rows.await.into_iter().sum::<usize>()
        });
        assert_eq!(sum, (0..1000).sum());
    });
}

#[test]
fn no_child_starves_another() {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let walk = |i: usize| {
        let steps = steps.clone();
        async move {
            for step in 0..100_usize {
                steps.lock().expect("no test panics with it").push((step, i));
                yield_now().await;
            }
        }
    };
    crate::tools::current_thread().block_on(gather((0..5).map(walk)));
    let steps = steps.lock().expect("as above");
    for pair in steps.windows(2) {
        assert!(pair[0].0.abs_diff(pair[1].0) <= 1, "one is more than a step ahead: {pair:?}");
    }
}

#[test]
fn a_gather_can_be_spawned_and_its_outputs_may_be_results() {
    on_each_flavor(|runtime| {
        let task =
            runtime.spawn(gather(["1", "two"].map(|text| async move { text.parse::<u32>() })));
        let outputs = runtime.block_on(task).expect("it does not panic");
        assert_eq!(outputs[0], Ok(1));
        assert!(outputs[1].is_err());
    });
}

#[test]
fn a_gather_polled_after_its_outputs_says_so() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let mut gathered = gather([async { 1 }]);
            assert_eq!((&mut gathered).await, [1]);
            let again = catch_unwind(AssertUnwindSafe(|| Hand::default().poll(&mut gathered)));
            let message = text_of(again.expect_err("it panics"));
            assert!(message.contains("all.rs") && message.ends_with("await it once"), "{message}");
        });
    });
}

#[test]
fn an_aborted_child_is_named_and_settled_gives_its_error() {
    on_each_flavor(|runtime| {
        let abort_all = || async {
            while all_tasks().is_empty() {
                yield_now().await;
            }
            all_tasks().iter().for_each(|task| task.abort_handle().abort());
        };
        let message = panic_of(|| {
            runtime.block_on(async {
                filch::join!(gather([pending::<()>()]), abort_all());
            });
        });
        assert!(message.contains("was cancelled") && message.contains("settled"), "{message}");
        runtime.block_on(async {
            let (outcomes, ()) = filch::join!(gather([pending::<()>()]).settled(), abort_all());
            assert!(outcomes[0].as_ref().expect_err("it was aborted").is_cancelled());
        });
    });
}

#[test]
fn a_gather_outlives_no_runtime() {
    let witness = Witness::default();
    let runtime = workers(2);
    let captured = witness.clone();
    runtime.spawn(gather([async move {
        let _captured = captured;
        pending::<()>().await;
    }]));
    drop(runtime);
    assert_eq!(witness.n_alive(), 0);
}

#[test]
fn whatever_is_gathered_can_be_awaited_by_anything_inside_a_task() {
    type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

    async fn pass<F: Future>(future: F) -> F::Output {
        future.await
    }

    fn child(i: usize) -> Boxed<Result<usize, ()>> {
        Box::pin(async move { Ok(i) })
    }

    fn parent() -> Boxed<usize> {
        Box::pin(async {
            let outputs = pass(gather((0..3).map(child))).await;
            let settled = pass(gather((0..3).map(child)).settled()).await;
            let values = pass(try_gather((0..3).map(child))).await.expect("none fails");
            let first = pass(race((0..3).map(child))).await.expect("none fails");
            let mut ends = as_completed((0..3).map(child));
            let end = pass(ends.next()).await.expect("there are three").expect("none fails");
            let waited = pass(wait(spawn_many((0..3).map(child)), All, None)).await;
            assert!(first < 3 && end < 3);
            outputs.len() + settled.len() + values.len() + waited.done.len()
        })
    }

    on_each_flavor(|runtime| {
        let task = runtime.spawn(pass(gather([parent(), parent()])));
        assert_eq!(runtime.block_on(task).expect("it does not panic"), [12, 12]);
    });
}
