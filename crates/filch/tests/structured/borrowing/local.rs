//! Children within one task: `local_scope`.

use crate::sanitizer::forget;
use crate::tools::{Hand, OnDrop, Witness, on_each_flavor, panic_of, workers};
use crate::watchdog::Watchdog;
use filch::TaskGroup;
use filch::runtime::Builder;
use filch::sync::{Notify, oneshot};
use filch::task::{GroupError, LocalScope, local_scope, try_local_scope, yield_now};
use filch::time::{Duration, timeout};
use std::convert::Infallible;
use std::future::{Future, pending};
use std::num::ParseIntError;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;

/// Polls for as long as it is woken.
fn settle<F: Future + Unpin>(hand: &Hand, future: &mut F) -> Poll<F::Output> {
    loop {
        let polled = hand.poll(future);
        if polled.is_ready() || hand.wakes() == 0 {
            return polled;
        }
    }
}

#[test]
fn children_borrow_locals_of_the_function_around_also_in_a_task() {
    on_each_flavor(|runtime| {
        let task = runtime.spawn(async {
            let words = vec![String::from("one"), String::from("three")];
            let mut longest = String::new();
            let n_letters = AtomicUsize::new(0);
            local_scope(async |s| {
                for word in &words {
                    let n_letters = &n_letters;
                    s.spawn(async move {
                        yield_now().await;
                        n_letters.fetch_add(word.len(), Relaxed);
                    });
                }
                s.spawn(async {
                    for word in &words {
                        yield_now().await;
                        if word.len() > longest.len() {
                            longest.clone_from(word);
                        }
                    }
                });
            })
            .await;
            (words.len(), longest, n_letters.into_inner())
        });
        let seen = runtime.block_on(task).expect("it does not panic");
        assert_eq!(seen, (2, "three".to_owned(), 8));
    });
}

#[test]
fn a_scope_that_may_fail_borrows_inside_a_task_as_well() {
    on_each_flavor(|runtime| {
        let task = runtime.spawn(async {
            let texts = [String::from("1"), String::from("2")];
            let sum = AtomicUsize::new(0);
            let result = try_local_scope(async |s| {
                for text in &texts {
                    let sum = &sum;
                    s.try_spawn(async move {
                        yield_now().await;
                        sum.fetch_add(text.parse::<usize>()?, Relaxed);
                        Ok::<_, ParseIntError>(())
                    });
                }
                yield_now().await;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>("done")
            });
            (result.await.expect("they are numbers"), sum.into_inner())
        });
        assert_eq!(runtime.block_on(task).expect("it does not panic"), ("done", 3));
    });
}

#[test]
fn the_scope_ends_when_all_children_have_ended_whoever_keeps_handles() {
    on_each_flavor(|runtime| {
        let n_ended = AtomicUsize::new(0);
        let result = runtime.block_on(local_scope(async |s| {
            for n in 0..10 {
                let n_ended = &n_ended;
                let child = s.spawn(async move {
                    for _ in 0..n {
                        yield_now().await;
                    }
                    n_ended.fetch_add(1, Relaxed);
                });
                if n % 2 == 0 {
                    forget(child);
                }
            }
            "done"
        }));
        assert_eq!((result, n_ended.into_inner()), ("done", 10));
    });
}

#[test]
fn a_scope_without_children_gives_the_bodys_result() {
    on_each_flavor(|runtime| {
        assert_eq!(runtime.block_on(local_scope(async |_| 1)), 1);
        let none: Result<u8, ()> = runtime.block_on(try_local_scope(async |_| Err(())));
        assert_eq!(none, Err(()));
    });
}

#[test]
fn children_spawn_further_children_and_await_them() {
    type Sum<'env> = Pin<Box<dyn Future<Output = usize> + Send + 'env>>;
    fn sum_below<'env>(s: LocalScope<'env>, numbers: &'env [usize]) -> Sum<'env> {
        Box::pin(async move {
            let Some((first, rest)) = numbers.split_first() else { return 0 };
            first + s.spawn(sum_below(s.clone(), rest)).await
        })
    }
    on_each_flavor(|runtime| {
        let task = runtime.spawn(async {
            let numbers: Vec<usize> = (0..=20).collect();
            local_scope(async |s| s.spawn(sum_below(s.clone(), &numbers)).await).await
        });
        assert_eq!(runtime.block_on(task).expect("it does not panic"), 210);
    });
}

#[test]
fn a_child_opens_a_scope_that_borrows_from_it() {
    on_each_flavor(|runtime| {
        let task = runtime.spawn(async {
            let outer = 1;
            local_scope(async |s| {
                let child = s.spawn(async {
                    let inner = 2;
                    local_scope(async |t| t.spawn(async { outer + inner }).await).await
                });
                child.await
            })
            .await
        });
        assert_eq!(runtime.block_on(task).expect("it does not panic"), 3);
    });
}

#[test]
fn no_runtime_is_needed() {
    let numbers = [1, 2, 3];
    let sum = futures_lite::future::block_on(local_scope(async |s| {
        let doubled: Vec<_> = numbers.iter().map(|n| s.spawn(async move { 2 * n })).collect();
        let mut sum = 0;
        for child in doubled {
            sum += child.await;
        }
        sum
    }));
    assert_eq!(sum, 12);
}

#[test]
fn a_child_is_polled_only_when_it_was_woken() {
    let (bell, silent) = (Notify::new(), Notify::new());
    let n_polls = [const { AtomicUsize::new(0) }; 2];
    let listen = async |bell: &Notify, n_polls: &AtomicUsize| {
        let mut wait = pin!(async {
            for _ in 0..3 {
                bell.notified().await;
            }
        });
        std::future::poll_fn(|cx| {
            n_polls.fetch_add(1, Relaxed);
            wait.as_mut().poll(cx)
        })
        .await;
    };
    let mut scope = Box::pin(local_scope(async |s| {
        s.spawn(listen(&bell, &n_polls[0]));
        s.spawn(listen(&silent, &n_polls[1]));
        pending::<()>().await;
    }));
    let hand = Hand::default();
    assert!(settle(&hand, &mut scope).is_pending());
    for n in 2..=3 {
        bell.notify_one();
        assert_eq!(hand.wakes(), 1);
        assert!(settle(&hand, &mut scope).is_pending());
        assert_eq!([n_polls[0].load(Relaxed), n_polls[1].load(Relaxed)], [n, 1]);
    }
}

#[test]
fn a_scope_dropped_after_any_number_of_polls_drops_the_body_and_all_children() {
    for n_polls in 0..12 {
        let alive = Witness::default();
        let n_dropped = AtomicUsize::new(0);
        let mut scope = Box::pin(local_scope(async |s| {
            let _body = alive.clone();
            for n in 0..4 {
                let (alive, again, n_dropped) = (alive.clone(), s.clone(), &n_dropped);
                let last = again.clone();
                let last = OnDrop(move || {
                    // A child that is dropped may spawn: that one is dropped with it.
                    drop(last.spawn(pending::<()>()));
                    n_dropped.fetch_add(1, Relaxed);
                });
                s.spawn(async move {
                    let _last = last;
                    let _alive = alive.clone();
                    for _ in 0..n {
                        yield_now().await;
                        let alive = alive.clone();
                        again.spawn(async move {
                            yield_now().await;
                            alive
                        });
                    }
                });
            }
            for _ in 0..3 {
                yield_now().await;
            }
            pending::<()>().await;
        }));
        let hand = Hand::default();
        for _ in 0..n_polls {
            assert!(hand.poll(&mut scope).is_pending());
        }
        drop(scope);
        assert_eq!(alive.n_alive(), 0, "after {n_polls} polls");
        let n_spawned = if n_polls == 0 { 0 } else { 4 };
        assert_eq!(n_dropped.into_inner(), n_spawned, "after {n_polls} polls");
    }
}

#[test]
fn children_spawned_before_the_first_poll_are_dropped_with_the_scope() {
    let alive = Witness::default();
    let scope = local_scope(|s: LocalScope<'_>| {
        let (alive, again) = (alive.clone(), s.clone());
        s.spawn(async move { drop((alive, again)) });
        async {}
    });
    assert_eq!(alive.n_alive(), 1);
    drop(scope);
    assert_eq!(alive.n_alive(), 0);
}

#[test]
fn a_panic_of_a_child_is_the_scopes_and_drops_the_others() {
    on_each_flavor(|runtime| {
        let alive = Witness::default();
        let others = alive.clone();
        let task = runtime.spawn(async move {
            local_scope(async |s| {
                let _body = others.clone();
                s.spawn(async {
                    let _alive = others.clone();
                    pending::<()>().await;
                });
                s.spawn(async {
                    yield_now().await;
                    panic!("boom");
                });
                pending::<()>().await;
            })
            .await;
        });
        let error = runtime.block_on(task).expect_err("it panics");
        assert!(error.to_string().ends_with("with message \"boom\""), "{error}");
        assert_eq!(alive.n_alive(), 0);
    });
}

#[test]
fn the_first_error_drops_the_others_before_it_is_given() {
    on_each_flavor(|runtime| {
        let alive = Witness::default();
        let result: Result<(), String> = runtime.block_on(async {
            let result = try_local_scope(async |s| {
                let _body = alive.clone();
                for n in 0..10 {
                    let alive = alive.clone();
                    s.spawn(async move {
                        let _alive = alive;
                        pending::<()>().await;
                    });
                    s.try_spawn(async move {
                        for _ in 0..n + 1 {
                            yield_now().await;
                        }
                        Err::<Infallible, _>(if n == 0 { "first" } else { "late" })
                    });
                }
                pending().await
            })
            .await;
            assert_eq!(alive.n_alive(), 0);
            result
        });
        assert_eq!(result, Err("first".to_owned()));
    });
}

#[test]
fn the_question_mark_of_the_body_ends_the_scope() {
    on_each_flavor(|runtime| {
        let alive = Witness::default();
        let result = runtime.block_on(try_local_scope(async |s| {
            let good = s.try_spawn(async { "1".parse::<u8>() });
            s.spawn(async {
                let _alive = alive.clone();
                pending::<()>().await;
            });
            let one = good.await;
            Ok::<u8, ParseIntError>(one + "many".parse::<u8>()?)
        }));
        assert!(result.is_err());
        assert_eq!(alive.n_alive(), 0);
    });
}

#[test]
fn a_child_that_comes_from_outside_of_the_scope_wakes_it() {
    let n_ran = AtomicUsize::new(0);
    let outside = Mutex::new(None);
    let (end, has_end) = oneshot::channel::<()>();
    let mut scope = Box::pin(local_scope(async |s| {
        *outside.lock().expect("nobody panics") = Some(s.clone());
        has_end.await.expect("it is told");
    }));
    let hand = Hand::default();
    assert!(settle(&hand, &mut scope).is_pending());
    let handle = outside.lock().expect("nobody panics").clone().expect("it was put there");
    for n in 0..3 {
        let child = handle.spawn(async { n_ran.fetch_add(1, Relaxed) });
        assert_eq!(hand.wakes(), 1);
        assert!(settle(&hand, &mut scope).is_pending());
        assert_eq!(n_ran.load(Relaxed), n + 1);
        assert_eq!(futures_lite::future::block_on(child), n);
    }
    end.send(()).expect("it is awaited");
    assert!(hand.poll(&mut scope).is_ready());
}

#[test]
fn a_child_of_a_scope_that_has_ended_is_dropped_and_who_awaits_it_is_told() {
    let alive = Witness::default();
    let outside = Mutex::new(None);
    futures_lite::future::block_on(local_scope(async |s| {
        *outside.lock().expect("nobody panics") = Some(s);
    }));
    let handle = outside.into_inner().expect("nobody panics").expect("it was put there");
    let mine = alive.clone();
    let child = handle.spawn(async move { drop(mine) });
    assert_eq!(alive.n_alive(), 0);
    let message = panic_of(|| futures_lite::future::block_on(child));
    assert!(message.starts_with("this child of a local_scope was dropped"), "{message}");
}

#[test]
fn a_scope_polled_again_after_it_had_ended_says_so() {
    fn check<F: Future>(what: &str, scope: F) {
        let (hand, mut scope) = (Hand::default(), Box::pin(scope));
        assert!(settle(&hand, &mut scope).is_ready());
        let message = panic_of(|| hand.poll(&mut scope).is_ready());
        assert!(message.starts_with(&format!("the {what} of ")), "{message}");
        assert!(message.contains("local.rs"), "{message}");
        assert!(message.ends_with("polled again after it had ended; await it once"), "{message}");
    }
    check("local_scope", local_scope(async |s| s.spawn(async { 1 }).await));
    check("try_local_scope", try_local_scope(async |_: LocalScope<'_, u8>| Ok(1)));
    check("try_local_scope", try_local_scope(async |_: LocalScope<'_, u8>| Err::<(), _>(1)));
}

#[test]
fn a_result_of_the_body_that_an_error_makes_void_is_dropped_before_the_error_is_given() {
    let alive = Witness::default();
    let mut scope = Box::pin(try_local_scope(async |s| {
        s.try_spawn(async {
            yield_now().await;
            Err::<Infallible, _>("late")
        });
        Ok(alive.clone())
    }));
    assert_eq!(
        settle(&Hand::default(), &mut scope).map(|result| result.err()),
        Poll::Ready(Some("late"))
    );
    assert_eq!(alive.n_alive(), 0);
}

#[test]
fn children_that_spawn_others_without_end_let_the_task_breathe() {
    fn again(s: LocalScope<'_>) {
        let next = s.clone();
        s.spawn(async move { again(next) });
    }
    on_each_flavor(|runtime| {
        let winner = runtime.block_on(async {
            filch::select! {
                biased;
                () = local_scope(async |s| again(s)) => "the scope",
                () = async { for _ in 0..10 { yield_now().await; } } => "its neighbor",
            }
        });
        assert_eq!(winner, "its neighbor");
    });
}

#[test]
fn ten_thousand_children_are_no_effort() {
    let _watchdog = Watchdog::new();
    let runtime = workers(1);
    let total = AtomicUsize::new(0);
    runtime.block_on(local_scope(async |s| {
        for n in 0..10_000 {
            let total = &total;
            s.spawn(async move {
                yield_now().await;
                total.fetch_add(n, Relaxed);
            });
        }
    }));
    assert_eq!(total.into_inner(), 10_000 * 9_999 / 2);
}

#[test]
fn a_forgotten_scope_leaves_what_it_borrowed_alone() {
    let mut numbers = vec![1, 2, 3];
    {
        let mut scope = Box::pin(local_scope(async |s| {
            s.spawn(async {
                numbers.push(4);
                pending::<()>().await;
            });
        }));
        assert!(Hand::default().poll(&mut scope).is_pending());
        forget(scope);
    }
    numbers.push(5);
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

/// A group that never ends by itself. Its child panics when it is dropped, if it is to.
async fn endless_group(alive: Witness, panics: bool) -> Result<(), GroupError> {
    let scope = TaskGroup::scope(async |tg| {
        tg.spawn(async move {
            let _alive = alive;
            let _bomb = OnDrop(|| assert!(!panics, "boom"));
            pending::<()>().await;
        });
        pending().await
    });
    scope.await
}

#[test]
fn a_deadline_around_the_scope_awaits_the_groups_of_children_and_hears_of_their_failures() {
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let runtime = builder.start_paused(true).build().expect("there are threads");
        let _watchdog = Watchdog::new();
        for panics in [false, true] {
            let alive = Witness::default();
            let scope = local_scope(async |s| {
                let group = s.spawn(endless_group(alive.clone(), panics));
                group.await
            });
            let result = runtime.block_on(async { timeout(Duration::from_secs(60), scope).await });
            assert_eq!(alive.n_alive(), 0);
            let failed =
                result.ok().map(|result| result.expect_err("it is ended early").to_string());
            assert_eq!(failed.is_some_and(|error| error.contains("boom")), panics);
        }
    }
}
