//! Context values and task locals.

use crate::random::Random;
use crate::tools::{Hand, OnDrop, Witness, current_thread, on_each_flavor, panic_of, workers};
use crate::watchdog::Watchdog;
use filch::task::{self, JoinSet, scope_blocking, yield_now};
use filch::time::{Duration, timeout};
use filch::{spawn, to_thread};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};

filch::context! {
    /// Attributes and visibility are kept.
    pub(crate) static REQUEST: String;
    static DEPTH: usize;
    static TRACE: Trace
}

filch::task_local! {
    static LOCAL: usize;
}

/// What the code that calls is surrounded by.
fn seen() -> (Option<String>, Option<usize>) {
    (REQUEST.try_get().ok(), DEPTH.try_get().ok())
}

fn named(name: &str) -> (Option<String>, Option<usize>) {
    (Some(name.to_owned()), None)
}

#[test]
fn a_value_is_there_across_awaits_and_gone_after() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            REQUEST
                .scope("a".to_owned(), async {
                    assert_eq!(REQUEST.with(String::len), 1);
                    yield_now().await;
                    assert_eq!(seen(), named("a"));
                })
                .await;
            assert_eq!(seen(), (None, None));
        });
    });
}

#[test]
fn the_innermost_value_of_each_key_counts() {
    on_each_flavor(|runtime| {
        let task = runtime.spawn(REQUEST.scope("outer".to_owned(), async {
            DEPTH
                .scope(1, async {
                    yield_now().await;
                    REQUEST
                        .scope("inner".to_owned(), async {
                            yield_now().await;
                            assert_eq!(seen(), (Some("inner".to_owned()), Some(1)));
                        })
                        .await;
                    assert_eq!(seen(), (Some("outer".to_owned()), Some(1)));
                })
                .await;
            assert_eq!(seen(), named("outer"));
        }));
        runtime.block_on(task).expect("it sees what it should");
    });
}

#[test]
fn whatever_is_started_inside_inherits_it() {
    on_each_flavor(|runtime| {
        runtime.block_on(REQUEST.scope("a".to_owned(), async {
            let task = spawn(async {
                yield_now().await;
                let of_child = spawn(async { seen() }).await.expect("it does not panic");
                (seen(), of_child)
            });
            assert_eq!(task.await.expect("it does not panic"), (named("a"), named("a")));
            assert_eq!(to_thread(seen).await, named("a"));
            let call = task::spawn_blocking(|| (seen(), filch::block_on(spawn(async { seen() }))));
            let (of_call, of_task) = call.await.expect("it does not panic");
            assert_eq!((of_call, of_task.expect("it does not panic")), (named("a"), named("a")));
            let mut set = JoinSet::new();
            set.spawn(async { seen() });
            assert_eq!(set.join_next().await.expect("one").expect("it does not panic"), named("a"));
            assert_eq!(filch::compute(seen).await, named("a"));
            assert_eq!(filch::gather([async { seen() }]).await, [named("a")]);
            let of_group = filch::TaskGroup::scope(async |tg| Ok(tg.spawn(async { seen() }).await));
            assert_eq!(of_group.await.expect("it does not panic"), named("a"));
            assert_eq!(task::shield(async { seen() }).await, named("a"));
            let inside = timeout(Duration::MAX, async { spawn(async { seen() }).await });
            let inside = inside.await.expect("there is time").expect("it does not panic");
            assert_eq!(inside, named("a"));
        }));
    });
}

#[test]
fn a_child_has_what_surrounded_its_spawn_not_what_surrounds_its_await() {
    on_each_flavor(|runtime| {
        let group = filch::TaskGroup::scope(async |tg| {
            let plain = tg.spawn(async { seen() });
            let deeper = DEPTH.sync_scope(1, || tg.spawn(async { seen() }));
            let tg = tg.clone();
            let sibling = DEPTH.scope(2, async move { tg.spawn(async { seen() }).await });
            Ok((DEPTH.scope(3, plain).await, deeper.await, sibling.await))
        });
        let (plain, deeper, sibling) =
            runtime.block_on(REQUEST.scope("a".to_owned(), group)).expect("it does not panic");
        let at = |depth| (Some("a".to_owned()), Some(depth));
        assert_eq!((plain, deeper, sibling), (named("a"), at(1), at(2)));
    });
}

#[test]
fn children_of_a_blocking_scope_have_it() {
    on_each_flavor(|runtime| {
        let call = || {
            scope_blocking(|s| {
                let outer = s.spawn(async { seen() });
                let inner = DEPTH.sync_scope(1, || s.spawn(async { seen() }));
                (outer.join().expect("no panic"), inner.join().expect("no panic"))
            })
        };
        let (outer, inner) = runtime.block_on(REQUEST.scope("a".to_owned(), to_thread(call)));
        assert_eq!((outer, inner), (named("a"), (Some("a".to_owned()), Some(1))));
    });
}

#[test]
fn a_synchronous_scope_surrounds_what_it_calls_and_starts() {
    on_each_flavor(|runtime| {
        let task = REQUEST.sync_scope("a".to_owned(), || {
            assert_eq!(seen(), named("a"));
            DEPTH.sync_scope(1, || assert_eq!(seen(), (Some("a".to_owned()), Some(1))));
            assert_eq!(runtime.block_on(async { seen() }), named("a"), "it surrounds the root");
            runtime.spawn(async { seen() })
        });
        assert_eq!(seen(), (None, None));
        assert_eq!(runtime.block_on(task).expect("it does not panic"), named("a"));
        let message = panic_of(|| REQUEST.sync_scope("b".to_owned(), || panic!("boom")));
        assert_eq!((message.as_str(), seen()), ("boom", (None, None)));
    });
}

#[test]
fn a_task_sees_nothing_of_what_surrounds_the_poll_of_another() {
    let runtime = current_thread();
    let outside = runtime.spawn(async {
        yield_now().await;
        seen()
    });
    let inside = async { (outside.await.expect("it does not panic"), seen()) };
    let (of_task, of_root) = runtime.block_on(REQUEST.scope("a".to_owned(), inside));
    assert_eq!((of_task, of_root), ((None, None), named("a")));
}

#[test]
fn values_stay_with_their_tasks_while_those_move_between_workers() {
    let runtime = workers(2);
    let _watchdog = Watchdog::new();
    let check = |n: usize, seed: u64| async move {
        let mut random = Random::new(seed);
        for _ in 0..random.below(20) {
            yield_now().await;
            assert_eq!(DEPTH.get(), n);
            let deeper = DEPTH.scope(n + 1, async move {
                yield_now().await;
                spawn(async move { assert_eq!(DEPTH.get(), n + 1) })
                    .await
                    .expect("it sees its own");
                assert_eq!(DEPTH.get(), n + 1);
            });
            deeper.await;
            assert_eq!(DEPTH.get(), n);
        }
    };
    for round in 0..200 {
        let tasks: Vec<_> =
            (0..8).map(|n| runtime.spawn(DEPTH.scope(n, check(n, round * 8 + n as u64)))).collect();
        for task in tasks {
            runtime.block_on(task).expect("each sees its own");
        }
    }
}

#[test]
fn a_value_lives_as_long_as_whoever_inherited_it() {
    filch::context! { static ALIVE: Witness }
    on_each_flavor(|runtime| {
        let alive = Witness::default();
        let task = ALIVE.sync_scope(alive.clone(), || runtime.spawn(pending::<()>()));
        assert_eq!(alive.n_alive(), 1);
        task.abort();
        runtime.block_on(task).expect_err("it was aborted");
        crate::tools::eventually(|| alive.n_alive() == 0);
        drop(ALIVE.scope(alive.clone(), async {}));
        ALIVE.sync_scope(alive.clone(), || ());
        assert_eq!(alive.n_alive(), 0);
    });
}

/// Looks around when it is dropped.
struct Trace(mpsc::Sender<(Option<String>, usize)>);

impl Drop for Trace {
    fn drop(&mut self) {
        // All of this takes locks of the runtime.
        let n_tasks = task::all_tasks().len();
        let _ = filch::runtime::Handle::try_current().map(|handle| drop(handle.spawn(async {})));
        let _ = self.0.send((REQUEST.try_get().ok(), n_tasks));
    }
}

#[test]
fn a_value_is_dropped_where_everything_may_be_called() {
    on_each_flavor(|runtime| {
        let (sender, dropped) = mpsc::channel();
        let value = Trace(sender);
        let request = runtime.block_on(async {
            let task = TRACE.sync_scope(value, || {
                spawn(async {
                    yield_now().await;
                    TRACE.with(|_| drop(spawn(yield_now())));
                })
            });
            task.await.expect("it does not panic");
            loop {
                match dropped.try_recv() {
                    Ok((request, _)) => break request,
                    Err(_) => yield_now().await,
                }
            }
        });
        assert_eq!(request, None);
    });
}

#[test]
fn a_future_has_its_value_also_when_it_is_dropped() {
    struct Ready<T>(T);
    impl<T> Future for Ready<T> {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    fn seen_by(n_polls: usize) -> usize {
        let dropped = AtomicUsize::new(0);
        let look = OnDrop(|| dropped.store(10 * LOCAL.get() + DEPTH.get(), Relaxed));
        let mut future = Box::pin(DEPTH.scope(2, LOCAL.scope(1, Ready(look))));
        for _ in 0..n_polls {
            assert!(Hand::default().poll(&mut future).is_ready());
        }
        drop(future);
        dropped.into_inner()
    }
    assert_eq!((seen_by(0), seen_by(1)), (12, 12));
}

#[test]
fn ten_thousand_values_are_dropped_without_a_deep_stack() {
    filch::context! { static LINK: (Witness, usize) }
    fn link(
        alive: Witness,
        n: usize,
        done: mpsc::Sender<()>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let value = (alive.clone(), n);
        Box::pin(LINK.scope(value, async move {
            assert_eq!(LINK.with(|link| link.1), n);
            if n == 10_000 {
                yield_now().await;
                done.send(()).expect("it is awaited");
            } else {
                spawn(link(alive, n + 1, done));
            }
        }))
    }
    on_each_flavor(|runtime| {
        let alive = Witness::default();
        let (done, is_done) = mpsc::channel();
        let first = runtime.spawn(link(alive.clone(), 1, done));
        runtime.block_on(async {
            first.await.expect("it does not panic");
            while is_done.try_recv().is_err() {
                yield_now().await;
            }
            while alive.n_alive() != 0 {
                yield_now().await;
            }
        });
    });
}

#[test]
fn a_value_that_is_not_there_is_asked_for_with_a_sentence() {
    assert_eq!(
        panic_of(|| REQUEST.get()),
        "no value of the context key `REQUEST` surrounds this code; start it inside of `REQUEST.scope(value, …)`, or ask \
         with `try_with`"
    );
    let error = REQUEST.try_with(|_| ()).expect_err("there is none");
    assert_eq!(error.to_string(), "no value of this key is set here");
    let message = panic_of(|| LOCAL.get());
    assert!(message.contains("for values that spawned tasks inherit use `context!`"), "{message}");
    let message = panic_of(|| {
        LOCAL.sync_scope(1, || LOCAL.with(|_| LOCAL.sync_scope(2, || ())));
    });
    assert!(message.contains("was entered inside of `with` of the same key"), "{message}");
}

#[test]
fn a_task_local_belongs_to_one_future() {
    on_each_flavor(|runtime| {
        runtime.block_on(LOCAL.scope(1, async {
            yield_now().await;
            assert_eq!(LOCAL.get(), 1);
            LOCAL.scope(2, async { assert_eq!(LOCAL.get(), 2) }).await;
            assert_eq!(LOCAL.get(), 1);
            let inherited = spawn(async { LOCAL.try_get() }).await.expect("it does not panic");
            assert!(inherited.is_err());
            assert!(to_thread(|| LOCAL.try_get()).await.is_err());
        }));
        assert!(LOCAL.try_get().is_err());
    });
}

#[test]
fn task_locals_stay_with_their_futures_while_those_move_between_workers() {
    let runtime = workers(2);
    let _watchdog = Watchdog::new();
    for round in 0..200 {
        let check = |n: usize| async move {
            for _ in 0..Random::new(round).below(20) {
                assert_eq!(LOCAL.get(), n);
                yield_now().await;
            }
        };
        let tasks: Vec<_> = (0..8).map(|n| runtime.spawn(LOCAL.scope(n, check(n)))).collect();
        for task in tasks {
            runtime.block_on(task).expect("each sees its own");
        }
    }
}

#[test]
fn a_key_may_be_shared_as_any_static() {
    let shared = Arc::new(&REQUEST);
    assert_eq!(format!("{shared:?}"), "ContextKey(\"REQUEST\")");
    std::thread::spawn(move || assert!(shared.try_get().is_err())).join().expect("it is Sync");
}
