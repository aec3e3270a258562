//! Children of threads that wait: `scope_blocking`.

use crate::random::Random;
use crate::sanitizer::forget;
use crate::tools::{OnDrop, Witness, current_thread, panic_of, text_of, workers};
use crate::watchdog::Watchdog;
use filch::runtime::{Builder, Runtime};
use filch::sync::oneshot;
use filch::task::{self, ScopedHandle, scope_blocking, yield_now};
use filch::time::{Duration, sleep};
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::thread;

/// Calls `f` on a thread that may wait, with `runtime` entered and driven.
fn at_an_edge<R: Send>(runtime: &Runtime, f: impl FnOnce() -> R + Send) -> R {
    let (done, is_done) = oneshot::channel::<()>();
    let call = move || {
        let _entered = runtime.enter();
        let result = catch_unwind(AssertUnwindSafe(f));
        drop(done);
        result
    };
    let result = thread::scope(|threads| {
        let call = threads.spawn(call);
        let _ = runtime.block_on(is_done);
        call.join().expect("its panics are caught")
    });
    result.unwrap_or_else(|payload| resume_unwind(payload))
}

/// Calls `test` at the edge of a runtime of each flavor.
fn on_each_flavor(test: impl Fn() + Sync) {
    for runtime in [workers(2), workers(1), current_thread()] {
        let _watchdog = Watchdog::new();
        at_an_edge(&runtime, &test);
    }
}

/// Says its number in `order` when it is dropped.
struct Numbered<'a>(usize, &'a Mutex<Vec<usize>>);

impl Drop for Numbered<'_> {
    fn drop(&mut self) {
        self.1.lock().expect("nobody panics with it").push(self.0);
    }
}

#[test]
fn children_borrow_what_surrounds_the_scope() {
    on_each_flavor(|| {
        let words = vec![String::from("one"), String::from("three")];
        let mut longest = String::new();
        let n_letters = AtomicUsize::new(0);
        let result = scope_blocking(|s| {
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
            "done"
        });
        assert_eq!((result, longest.as_str(), n_letters.into_inner()), ("done", "three", 8));
        drop(words);
    });
}

#[test]
fn a_join_gives_the_output_which_may_be_borrowed() {
    on_each_flavor(|| {
        let words = [String::from("one"), String::from("three")];
        let longest = scope_blocking(|s| {
            let child = s.spawn(async { words.iter().max_by_key(|word| word.len()) });
            child.join().expect("it does not panic")
        });
        assert_eq!(longest.map(String::as_str), Some("three"));
    });
}

#[test]
fn a_scope_without_children_ends_at_once() {
    on_each_flavor(|| assert_eq!(scope_blocking(|_| 1), 1));
}

#[test]
fn children_spawn_further_children_and_await_them() {
    fn sum_below<'scope>(
        s: &'scope task::BlockingScope<'scope, '_>,
        n: usize,
    ) -> ScopedHandle<'scope, usize> {
        s.spawn(async move {
            if n == 0 {
                return 0;
            }
            n + sum_below(s, n - 1).await.expect("it does not panic")
        })
    }
    on_each_flavor(|| {
        let count = AtomicUsize::new(0);
        let sum = scope_blocking(|s| {
            s.spawn(async {
                for _ in 0..10 {
                    s.spawn(async {
                        yield_now().await;
                        s.spawn(async { count.fetch_add(1, Relaxed) });
                    });
                }
            });
            sum_below(s, 20).join().expect("it does not panic")
        });
        assert_eq!((sum, count.into_inner()), (210, 10));
    });
}

#[test]
fn scopes_nest_on_one_thread() {
    on_each_flavor(|| {
        let outer = 1;
        let sum = scope_blocking(|s| {
            let first = s.spawn(async { outer });
            let inner = 2;
            let second = scope_blocking(|t| {
                let third = s.spawn(async { 4 });
                t.spawn(async { inner + outer }).join().expect("it does not panic")
                    + third.join().expect("it does not panic")
            });
            first.join().expect("it does not panic") + second
        });
        assert_eq!(sum, 8);
    });
}

#[test]
fn a_call_on_a_thread_for_blocking_calls_may_open_a_scope() {
    for runtime in [workers(2), workers(1), current_thread()] {
        let _watchdog = Watchdog::new();
        let sum = runtime.block_on(filch::to_thread(|| {
            let numbers = [1, 2, 3];
            scope_blocking(|s| {
                let child = s.spawn(async { numbers.iter().sum::<i32>() });
                child.join().expect("it does not panic")
            })
        }));
        assert_eq!(sum, 6);
    }
}

#[test]
fn the_root_of_a_runtime_with_workers_may_open_a_scope() {
    let _watchdog = Watchdog::new();
    let sum = workers(1).block_on(async {
        let numbers = [1, 2, 3];
        scope_blocking(|s| s.spawn(async { numbers.iter().sum::<i32>() }).join())
            .expect("it does not panic")
    });
    assert_eq!(sum, 6);
}

#[test]
fn time_jumps_while_a_thread_outside_of_the_runtime_waits() {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).start_paused(true).build().expect("there are threads");
    let _watchdog = Watchdog::new();
    let _entered = runtime.enter();
    let n_slept = AtomicUsize::new(0);
    scope_blocking(|s| {
        for n in 1..=3 {
            let n_slept = &n_slept;
            s.spawn(async move {
                sleep(Duration::from_secs(3600 * n)).await;
                n_slept.fetch_add(1, Relaxed);
            });
        }
    });
    assert_eq!(n_slept.into_inner(), 3);
}

#[test]
fn a_joined_panic_is_the_joiners_affair() {
    on_each_flavor(|| {
        let payload = scope_blocking(|s| {
            let child = s.spawn(async {
                yield_now().await;
                panic!("boom");
            });
            child.join()
        });
        assert_eq!(text_of(payload.expect_err("it panicked")), "boom");
    });
}

#[test]
fn a_panic_that_nobody_joined_is_the_scopes_once_all_have_ended() {
    on_each_flavor(|| {
        let has_ended = AtomicBool::new(false);
        let message = panic_of(|| {
            scope_blocking(|s| {
                s.spawn(async { panic!("boom") });
                s.spawn(async {
                    for _ in 0..100 {
                        yield_now().await;
                    }
                    has_ended.store(true, Relaxed);
                });
            });
        });
        assert!(has_ended.into_inner());
        assert!(message.starts_with("a child of scope_blocking, spawned at "), "{message}");
        assert!(message.contains("borrowing/blocking.rs:"), "{message}");
        assert!(message.ends_with("join its handle to handle that: boom"), "{message}");
    });
}

#[test]
fn a_panic_in_a_forgotten_handle_is_the_scopes() {
    on_each_flavor(|| {
        let message = panic_of(|| {
            scope_blocking(|s| forget(s.spawn(async { panic!("{}", "boom") })));
        });
        assert!(message.ends_with(": boom"), "{message}");
    });
}

#[test]
fn when_the_closure_panics_the_children_end_first() {
    on_each_flavor(|| {
        let n_ended = AtomicUsize::new(0);
        let message = panic_of(|| {
            scope_blocking(|s| {
                for _ in 0..10 {
                    s.spawn(async {
                        for _ in 0..10 {
                            yield_now().await;
                        }
                        n_ended.fetch_add(1, Relaxed);
                    });
                }
                s.spawn(async { panic!("of a child") });
                panic!("of the closure");
            })
        });
        assert_eq!((message.as_str(), n_ended.into_inner()), ("of the closure", 10));
    });
}

#[test]
fn outputs_that_nobody_took_are_dropped_before_the_scope_returns_in_the_order_of_spawning() {
    on_each_flavor(|| {
        let order = Mutex::new(Vec::new());
        let alive = Witness::default();
        scope_blocking(|s| {
            for n in 0..10 {
                let (order, alive) = (&order, alive.clone());
                forget(s.spawn(async move {
                    for _ in n..10 {
                        yield_now().await;
                    }
                    (Numbered(n, order), alive)
                }));
            }
        });
        assert_eq!(alive.n_alive(), 0);
        assert_eq!(order.into_inner().expect("nobody panics"), (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn the_future_is_dropped_before_its_output_is_given() {
    struct Borrower<'a>(Numbered<'a>);
    impl<'a> Future for Borrower<'a> {
        type Output = Numbered<'a>;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Numbered<'a>> {
            Poll::Ready(Numbered(2, self.0.1))
        }
    }
    on_each_flavor(|| {
        let order = Mutex::new(Vec::new());
        scope_blocking(|s| {
            let output = s.spawn(Borrower(Numbered(1, &order))).join().expect("it does not panic");
            assert_eq!(*order.lock().expect("nobody panics"), [1]);
            drop(output);
        });
        assert_eq!(order.into_inner().expect("nobody panics"), [1, 2]);
    });
}

#[test]
fn a_dropped_handle_drops_the_output_at_once() {
    on_each_flavor(|| {
        let alive = Witness::default();
        scope_blocking(|s| {
            let output = alive.clone();
            let early = s.spawn(async { output });
            let output = alive.clone();
            let late = s.spawn(async {
                yield_now().await;
                output
            });
            drop(late);
            while !early.is_finished() {
                thread::yield_now();
            }
            drop(early);
            s.spawn(yield_now()).join().expect("it does not panic");
            crate::tools::eventually(|| alive.n_alive() == 0);
        });
    });
}

#[test]
fn an_output_may_hold_the_handle_of_another_child() {
    on_each_flavor(|| {
        let order = Mutex::new(Vec::new());
        scope_blocking(|s| {
            let inner = s.spawn(async { Numbered(1, &order) });
            let outer = s.spawn(async { (Numbered(2, &order), inner) });
            forget(outer);
        });
        assert_eq!(order.lock().expect("nobody panics").len(), 2);
    });
}

#[test]
fn the_drop_of_an_output_may_spawn_one_more_child() {
    on_each_flavor(|| {
        let n_ran = AtomicUsize::new(0);
        scope_blocking(|s| {
            let n_ran = &n_ran;
            forget(s.spawn(async move {
                OnDrop(move || {
                    let again = OnDrop(move || {
                        s.spawn(async { n_ran.fetch_add(1, Relaxed) });
                    });
                    forget(s.spawn(async move {
                        yield_now().await;
                        n_ran.fetch_add(1, Relaxed);
                        again
                    }));
                })
            }));
        });
        assert_eq!(n_ran.into_inner(), 2);
    });
}

#[test]
fn panics_in_drops_do_not_let_the_scope_go_early() {
    on_each_flavor(|| {
        let alive = Witness::default();
        let bomb = |text: &'static str| OnDrop(move || panic!("{text}"));
        let message = panic_of(|| {
            scope_blocking(|s| {
                for _ in 0..3 {
                    let (alive, bomb) = (alive.clone(), bomb("the output's"));
                    forget(s.spawn(async move { (bomb, alive) }));
                }
                let (alive, bomb) = (alive.clone(), bomb("the future's"));
                s.spawn(std::future::poll_fn(move |_| {
                    let _ = (&alive, &bomb);
                    Poll::Ready(())
                }));
            });
        });
        assert_eq!(alive.n_alive(), 0);
        assert!(message.ends_with(": the future's"), "{message}");
    });
}

#[test]
fn children_end_with_their_runtime_and_the_scope_with_them() {
    for runtime in [workers(2), workers(1), current_thread()] {
        let _watchdog = Watchdog::new();
        let handle = *runtime.handle();
        let alive = Witness::default();
        let waiting = thread::spawn({
            let alive = alive.clone();
            move || {
                let _entered = handle.enter();
                let borrowed = alive;
                panic_of(|| {
                    scope_blocking(|s| {
                        let joined = s.spawn(async {
                            let _borrowed = &borrowed;
                            pending::<()>().await;
                        });
                        let nobodys = borrowed.clone();
                        s.spawn(async move {
                            let _nobodys = nobodys;
                            pending::<()>().await;
                        });
                        let canceled = text_of(joined.join().expect_err("its runtime ended"));
                        assert!(canceled.starts_with("the child was canceled"), "{canceled}");
                        let late = text_of(s.spawn(async {}).join().expect_err("it has ended"));
                        assert_eq!(late, canceled);
                    });
                })
            }
        });
        runtime.block_on(async {
            while handle.tasks().len() < 2 {
                yield_now().await;
            }
        });
        drop(runtime);
        let message = waiting.join().expect("its panics are caught");
        assert!(message.contains("the child was canceled before it was done"), "{message}");
        assert_eq!(alive.n_alive(), 0);
    }
}

#[test]
fn a_scope_on_a_runtime_that_has_ended_says_so() {
    let runtime = workers(1);
    let _entered = runtime.enter();
    drop(runtime);
    let message = panic_of(|| scope_blocking(|s| drop(s.spawn(async {}))));
    assert!(message.contains("its runtime has ended"), "{message}");
}

#[test]
fn an_aborted_child_is_canceled() {
    let runtime = workers(1);
    at_an_edge(&runtime, || {
        let text = scope_blocking(|s| {
            let child = s.spawn(pending::<()>());
            runtime.handle().tasks().iter().for_each(task::AbortHandle::abort);
            text_of(child.join().expect_err("it was aborted"))
        });
        assert!(text.ends_with("or it was aborted"), "{text}");
    });
}

#[test]
fn a_worker_refuses_to_wait_and_says_what_to_write() {
    let refusal = || panic_of(|| scope_blocking(|_| ()));
    let told = [
        workers(1).block_on(async move { filch::spawn(async move { refusal() }).await }),
        current_thread().block_on(async move { Ok(refusal()) }),
        current_thread().block_on(async move { filch::spawn(async move { refusal() }).await }),
    ];
    for message in told.map(|message| message.expect("its panic is caught")) {
        assert_eq!(
            message,
            "scope_blocking was called inside a task or a block_on of the current-thread runtime, where it would block \
             the thread that must run the children; use `local_scope` or a `TaskGroup` there, or call it inside \
             `to_thread`"
        );
    }
}

#[test]
fn a_child_that_joins_another_is_told_to_await_it() {
    on_each_flavor(|| {
        let message = scope_blocking(|s| {
            let other = s.spawn(async {});
            s.spawn(async { panic_of(|| other.join()) }).join().expect("its panic is caught")
        });
        assert!(message.starts_with("ScopedHandle::join was called inside a task"), "{message}");
        assert!(message.ends_with("; `.await` the handle there"), "{message}");
    });
}

#[test]
fn a_handle_polled_after_its_output_says_to_await_once() {
    on_each_flavor(|| {
        let message = scope_blocking(|s| {
            let mut other = s.spawn(async { 1 });
            let child = s.spawn(async move {
                assert_eq!((&mut other).await.expect("it does not panic"), 1);
                other.await
            });
            text_of(child.join().expect_err("it panics"))
        });
        assert!(message.ends_with("await a child once"), "{message}");
    });
}

#[test]
fn a_current_thread_runtime_that_is_driven_late_runs_the_children_then() {
    let runtime = current_thread();
    let _watchdog = Watchdog::new();
    let is_done = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            let _entered = runtime.enter();
            scope_blocking(|s| s.spawn(async {}).join()).expect("it does not panic");
            is_done.store(true, Relaxed);
        });
        while runtime.handle().tasks().is_empty() {
            thread::yield_now();
        }
        runtime.block_on(async {
            while !is_done.load(Relaxed) {
                yield_now().await;
            }
        });
    });
}

#[test]
fn whatever_becomes_of_handles_everything_is_dropped_before_the_scope_returns() {
    let runtime = workers(2);
    let _watchdog = Watchdog::new();
    let _entered = runtime.enter();
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let alive = Witness::default();
        let sum = AtomicUsize::new(0);
        let result = catch_unwind(AssertUnwindSafe(|| {
            scope_blocking(|s| {
                let (alive, sum) = (&alive, &sum);
                for n in 0..20 {
                    let (n_yields, panics) = (random.below(4), random.below(8) == 0);
                    let (mine, output) = (alive.clone(), alive.clone());
                    let child = s.spawn(async move {
                        let _mine = mine;
                        for _ in 0..n_yields {
                            yield_now().await;
                        }
                        s.spawn(async move {
                            yield_now().await;
                            sum.fetch_add(n, Relaxed);
                            alive.clone()
                        });
                        assert!(!panics, "as planned");
                        output
                    });
                    match random.below(5) {
                        0 => drop(child),
                        1 => forget(child),
                        2 => drop(child.join()),
                        3 => {
                            s.spawn(async move { child.await.map(|_| ()).unwrap_or(()) });
                        }
                        _ => forget(s.spawn(std::future::ready(child))),
                    }
                }
            });
        }));
        assert_eq!(alive.n_alive(), 0, "seed {seed}");
        assert_eq!(sum.into_inner(), 190, "seed {seed}");
        if let Err(payload) = result {
            assert!(text_of(payload).ends_with(": as planned"), "seed {seed}");
        }
    }
}
