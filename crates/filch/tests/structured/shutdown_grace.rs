//! What a runtime's end waits for.

use crate::tools::{OnDrop, Witness, current_thread, eventually, workers};
use crate::watchdog::{Watchdog, run_alone};
use filch::runtime::{Builder, LocalRuntime, Runtime};
use filch::sync::oneshot;
use filch::task::{TaskGroup, defer_async, shield, yield_now};
use filch::time::{Instant, sleep};
use filch::{spawn, to_thread};
use std::future::{pending, poll_fn, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

const MOMENT: Duration = Duration::from_millis(50);
/// A grace that is not used up, or the test hangs.
const LONG: Duration = Duration::from_secs(100);

type Make = fn() -> Runtime;
const FLAVORS: [Make; 3] = [|| workers(2), || workers(1), current_thread];

fn virtual_flavors() -> [Runtime; 2] {
    [Builder::new_multi_thread(), Builder::new_current_thread()].map(|mut builder| {
        builder.worker_threads(2).start_paused(true).build().expect("the system has threads")
    })
}

/// What was done, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn add(&self, entry: &'static str) {
        self.0.lock().expect("nobody panics").push(entry);
    }

    fn entries(&self) -> Vec<&'static str> {
        self.0.lock().expect("nobody panics").clone()
    }

    /// A task that has begun and never ends, and says goodbye in several steps when it is dropped.
    async fn leave_over(&self) {
        let (begun, has_begun) = filch::sync::oneshot::channel();
        let (at_drop, goodbye) = (self.clone(), self.goodbye());
        spawn(async move {
            let _goodbye = defer_async(goodbye);
            let _drop = OnDrop(move || at_drop.add("dropped"));
            begun.send(()).expect("it is awaited");
            pending::<()>().await;
        });
        has_begun.await.expect("it begins");
    }

    fn goodbye(&self) -> impl Future<Output = ()> + Send + use<> {
        let log = self.clone();
        async move {
            log.add("goodbye");
            sleep(Duration::from_millis(1)).await;
            let size = to_thread(|| 3).await;
            let size = spawn(async move { size + 1 }).await.expect("it is not swept");
            let in_group = TaskGroup::scope(async |tg| Ok(tg.spawn(async { 5 }).await)).await;
            assert_eq!((size, in_group.expect("nothing fails")), (4, 5));
            yield_now().await;
            log.add("gone");
        }
    }
}

const ALL: [&str; 3] = ["dropped", "goodbye", "gone"];

#[test]
fn what_canceled_tasks_defer_is_done_before_the_runtime_has_ended() {
    let _watchdog = Watchdog::new();
    for make in FLAVORS {
        let log = Log::default();
        let runtime = make();
        runtime.block_on(log.leave_over());
        let report = runtime.shutdown(LONG);
        assert!(report.is_clean(), "{report}");
        assert_eq!(log.entries(), ALL);

        let log = Log::default();
        let runtime = make();
        runtime.block_on(log.leave_over());
        drop(runtime);
        assert_eq!(log.entries(), ALL);
    }
    for runtime in virtual_flavors() {
        let log = Log::default();
        runtime.block_on(log.leave_over());
        drop(runtime);
        assert_eq!(log.entries(), ALL);
    }
    let log = Log::default();
    let runtime = LocalRuntime::new().expect("the system has descriptors");
    runtime.block_on(log.leave_over());
    drop(runtime);
    assert_eq!(log.entries(), ALL);
}

#[test]
fn run_returns_when_deferred_work_is_done() {
    run_alone("shutdown_grace::run_defers", &[]);
}

#[test]
#[ignore = "run by `run_returns_when_deferred_work_is_done` in a process of its own"]
fn run_defers() {
    let log = Log::default();
    let of_main = log.clone();
    let default = filch::run(async move {
        let there = of_main.clone();
        let _finds_the_default = defer_async(async move {
            let find = || filch::runtime::Handle::try_current().is_ok();
            let (tell, told) = filch::sync::oneshot::channel();
            thread::spawn(move || tell.send(find()));
            assert!(told.await.expect("it answers"), "a thread finds the runtime that ends");
            there.add("found");
        });
        of_main.leave_over().await;
        7
    });
    assert_eq!(default, 7);
    let mut entries = log.entries();
    entries.sort_unstable();
    assert_eq!(entries, ["dropped", "found", "gone", "goodbye"]);
}

#[test]
fn shielded_work_and_what_it_spawned_are_finished() {
    let _watchdog = Watchdog::new();
    for make in FLAVORS {
        let log = Log::default();
        let runtime = make();
        let (begun, has_begun) = filch::sync::oneshot::channel();
        let goodbye = log.goodbye();
        runtime.spawn(async move {
            shield(async move {
                let child = spawn(goodbye);
                begun.send(()).expect("it is awaited");
                child.await.expect("it is not swept");
            })
            .await;
        });
        runtime.block_on(has_begun).expect("it begins");
        assert!(runtime.shutdown(LONG).is_clean());
        assert_eq!(log.entries(), ["goodbye", "gone"]);
    }
}

#[test]
fn what_a_group_adopted_is_finished_when_the_group_is_dropped() {
    let _watchdog = Watchdog::new();
    for make in FLAVORS {
        let log = Log::default();
        let runtime = make();
        let (begun, has_begun) = filch::sync::oneshot::channel();
        let goodbye = log.goodbye();
        runtime.spawn(async move {
            TaskGroup::scope(async |_| {
                drop(defer_async(goodbye));
                begun.send(()).expect("it is awaited");
                pending::<Result<(), filch::Error>>().await
            })
            .await
        });
        runtime.block_on(has_begun).expect("it begins");
        assert!(runtime.shutdown(LONG).is_clean());
        assert_eq!(log.entries(), ["goodbye", "gone"]);
    }
}

/// Work that defers work, so many times.
fn chain(n: usize, done: Arc<AtomicUsize>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        yield_now().await;
        done.fetch_add(1, SeqCst);
        if n > 1 {
            drop(defer_async(chain(n - 1, done)));
        }
    })
}

#[test]
fn deferred_work_may_defer_work() {
    let _watchdog = Watchdog::new();
    for make in FLAVORS {
        let runtime = make();
        let done = Arc::new(AtomicUsize::new(0));
        let first = chain(100, done.clone());
        runtime.block_on(async { drop(defer_async(first)) });
        assert!(runtime.shutdown(LONG).is_clean());
        assert_eq!(done.load(SeqCst), 100);
    }
}

#[test]
fn work_that_overruns_the_grace_is_dropped_and_named() {
    let _watchdog = Watchdog::new();
    for make in FLAVORS {
        let runtime = make();
        let witness = Witness::default();
        let held = witness.clone();
        runtime.block_on(async move {
            drop(defer_async(async move {
                let _held = held;
                pending::<()>().await;
            }));
        });
        let report = runtime.shutdown(MOMENT);
        eventually(|| witness.n_alive() == 0);
        assert!(!report.is_clean());
        assert!((MOMENT..LONG).contains(&report.waited), "{report}");
        assert_eq!(report.unfinished.len(), 1);
        assert!(report.unfinished[0].is_adopted);
        assert_eq!(report.unfinished[0].spawned_at.file(), file!());
        let text = report.to_string();
        assert!(
            text.contains("; unfinished task") && text.contains("shutdown_grace.rs:"),
            "{text}"
        );
    }
}

#[test]
fn a_grace_is_counted_by_the_runtimes_clock() {
    let _watchdog = Watchdog::new();
    for n_seconds in [4, 6] {
        for runtime in virtual_flavors() {
            let (witness, log) = (Witness::default(), Log::default());
            let (held, done) = (witness.clone(), log.clone());
            let (begun, has_begun) = filch::sync::oneshot::channel();
            runtime.spawn(async move {
                // Dropped by the end, so it begins to sleep when that has begun.
                let _goodbye = defer_async(async move {
                    let _held = held;
                    sleep(Duration::from_secs(n_seconds)).await;
                    done.add("done");
                });
                begun.send(()).expect("it is awaited");
                pending::<()>().await;
            });
            runtime.block_on(has_begun).expect("it begins");
            let begin = std::time::Instant::now();
            let report = runtime.shutdown(Duration::from_secs(5));
            assert_eq!(report.is_clean(), n_seconds < 5, "{report}");
            assert_eq!(log.entries().len(), usize::from(n_seconds < 5));
            assert!(begin.elapsed() < Duration::from_secs(4), "real time passed");
            eventually(|| witness.n_alive() == 0);
        }
    }
}

/// A blocking call that ends with the answer. While it runs, a virtual clock does not jump.
async fn defer_a_call_that_does_not_end() -> mpsc::Sender<()> {
    let (end, may_end) = mpsc::channel::<()>();
    let (begun, has_begun) = filch::sync::oneshot::channel();
    let call = move || {
        begun.send(()).expect("it is awaited");
        let _ = may_end.recv();
    };
    drop(defer_async(async move { to_thread(call).await }));
    has_begun.await.expect("it begins");
    end
}

#[test]
fn a_clock_that_cannot_go_on_does_not_keep_the_end_from_coming() {
    let _watchdog = Watchdog::new();
    for runtime in virtual_flavors() {
        let end = runtime.block_on(defer_a_call_that_does_not_end());
        let report = runtime.shutdown(MOMENT);
        assert_eq!((report.unfinished.len(), report.blocking.len()), (1, 1), "{report}");
        drop(end);
    }
}

#[test]
fn a_local_runtime_whose_clock_cannot_go_on_ends_all_the_same() {
    let _watchdog = Watchdog::new();
    let runtime = Builder::new_current_thread().start_paused(true).build_local();
    let runtime = runtime.expect("the system has descriptors");
    let end = runtime.block_on(defer_a_call_that_does_not_end());
    let report = runtime.shutdown(MOMENT);
    assert_eq!(report.unfinished.len(), 1, "{report}");
    drop(end);
}

#[test]
fn a_task_that_is_stuck_in_a_poll_is_named() {
    let _watchdog = Watchdog::new();
    let runtime = workers(2);
    let (end, may_end) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let stuck = filch::task::Builder::new().name("stubborn").spawn_on(
        async move {
            begun.send(()).expect("it is awaited");
            let _ = may_end.recv();
        },
        runtime.handle(),
    );
    has_begun.recv().expect("it begins");
    let report = runtime.shutdown(MOMENT);
    assert!(report.worker_is_stuck);
    assert_eq!(report.unfinished.len(), 1, "{report}");
    assert_eq!(report.unfinished[0].name.as_deref(), Some("stubborn"));
    assert!(!report.unfinished[0].is_adopted);
    drop(end);
    drop(stuck);
}

#[test]
fn a_shutdown_without_a_grace_drops_everything_and_waits_for_nothing() {
    let _watchdog = Watchdog::new();
    for make in FLAVORS {
        let runtime = make();
        let witness = Witness::default();
        for _ in 0..50 {
            let held = [witness.clone(), witness.clone()];
            runtime.spawn(async move {
                let [one, other] = held;
                let _deferred = defer_async(async move {
                    let _one = one;
                    pending::<()>().await;
                });
                let _other = other;
                loop {
                    yield_now().await;
                }
            });
        }
        let _ = runtime.shutdown(Duration::ZERO);
        // On a busy machine the last steps may take longer than they are waited for.
        eventually(|| witness.n_alive() == 0);
    }
}

#[test]
fn deferred_work_that_panics_harms_nobody() {
    let _watchdog = Watchdog::new();
    for make in FLAVORS {
        let log = Log::default();
        let runtime = make();
        runtime.block_on(async {
            drop(defer_async(async { panic!("in clean-up") }));
            log.leave_over().await;
        });
        assert!(runtime.shutdown(LONG).is_clean());
        assert_eq!(log.entries(), ALL);
    }
}

#[test]
fn a_runtime_dropped_in_async_code_finishes_deferred_work_beside_it() {
    let _watchdog = Watchdog::new();
    for outer in FLAVORS {
        for inner in FLAVORS {
            for is_explicit in [false, true] {
                let log = Log::default();
                let outer = outer();
                let runtime = inner();
                runtime.block_on(log.leave_over());
                outer.block_on(async move {
                    let begin = Instant::now();
                    if is_explicit {
                        runtime.shutdown_background()
                    } else {
                        drop(runtime)
                    }
                    assert!(begin.elapsed() < Duration::from_secs(3));
                });
                eventually(|| log.entries() == ALL);
            }
        }
    }
}

#[test]
fn plain_tasks_spawned_while_the_rest_is_dropped_are_canceled() {
    let _watchdog = Watchdog::new();
    for make in FLAVORS {
        let runtime = make();
        let (tell, told) = mpsc::channel();
        let (begun, has_begun) = filch::sync::oneshot::channel();
        let handle = *runtime.handle();
        runtime.spawn(async move {
            let _drop = OnDrop(move || {
                tell.send(handle.spawn(pending::<()>())).expect("it is awaited");
            });
            begun.send(()).expect("it is awaited");
            pending::<()>().await;
        });
        runtime.block_on(has_begun).expect("it begins");
        drop(runtime);
        let task = told.recv().expect("it was dropped");
        let error = futures_lite::future::block_on(task).expect_err("it was canceled");
        assert!(error.is_cancelled());
    }
}

#[test]
fn a_runtime_that_drops_unfinished_work_says_so_on_stderr() {
    let alone = run_alone("shutdown_grace::unfinished_work", &[]);
    let text = &alone.stderr;
    assert!(text.contains("runtime \"late\" ended and dropped it, unfinished after"), "{text}");
    assert!(text.contains("shutdown_grace.rs:"), "{text}");
    assert!(!text.contains("left a worker behind"), "{text}");
}

#[test]
#[ignore = "run by `a_runtime_that_drops_unfinished_work_says_so_on_stderr` in a process of its own"]
fn unfinished_work() {
    let runtime = Builder::new_multi_thread().name("late").start_paused(true).build();
    let runtime = runtime.expect("the system has threads");
    runtime.block_on(async { drop(defer_async(pending())) });
}

/// Whatever is going on when main ends: each future is dropped once, each clean-up is done, and nothing hangs.
#[test]
fn main_may_end_at_any_moment() {
    let _watchdog = Watchdog::new();
    for round in 0..300_u64 {
        let runtime = FLAVORS[round as usize % FLAVORS.len()]();
        let (n_deferred, n_done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let witness = Witness::default();
        runtime.block_on(async {
            for n in 0..round % 40 {
                let (deferred, done) = (n_deferred.clone(), n_done.clone());
                let held = witness.clone();
                spawn(async move {
                    let _held = held;
                    deferred.fetch_add(1, SeqCst);
                    let _cleanup = defer_async(async move {
                        for _ in 0..n % 4 {
                            yield_now().await;
                        }
                        done.fetch_add(1, SeqCst);
                    });
                    match n % 5 {
                        0 => pending().await,
                        1 => sleep(Duration::from_micros(n * 7)).await,
                        2 => to_thread(|| ()).await,
                        3 => {
                            let group = TaskGroup::scope(async |tg| {
                                tg.spawn(yield_now()).await;
                                Ok(())
                            });
                            drop(group.await);
                        }
                        _ => yield_now().await,
                    }
                });
            }
            for _ in 0..round % 7 {
                yield_now().await;
            }
        });
        let report = runtime.shutdown(LONG);
        assert!(report.is_clean(), "round {round}: {report}");
        assert_eq!(n_deferred.load(SeqCst), n_done.load(SeqCst), "round {round}");
        assert_eq!(witness.n_alive(), 0, "round {round}");
    }
}

/// No task is polled again after one that it waits for was ended with the runtime.
#[test]
fn the_end_of_a_runtime_is_no_failure_to_those_who_wait_for_what_it_ends() {
    async fn busy() {
        loop {
            yield_now().await;
        }
    }
    /// Counts when it has begun to wait, as the last step of that poll.
    fn counted<F: Future + Unpin>(
        n_waiting: Arc<AtomicUsize>,
        mut future: F,
    ) -> impl Future<Output = F::Output> {
        poll_fn(move |cx| {
            let poll = Pin::new(&mut future).poll(cx);
            n_waiting.fetch_add(usize::from(poll.is_pending()), SeqCst);
            poll
        })
    }
    struct Sees(Arc<AtomicUsize>);
    impl Drop for Sees {
        fn drop(&mut self) {
            self.0.fetch_add(usize::from(thread::panicking()), SeqCst);
        }
    }
    let _watchdog = Watchdog::new();
    for round in 0..60 {
        let runtime = workers(2 + round % 3);
        let n_panics = Arc::new(AtomicUsize::new(0));
        let n_waiting = Arc::new(AtomicUsize::new(0));
        let wait = |future: Pin<Box<dyn Future<Output = ()> + Send>>| {
            let sees = Sees(n_panics.clone());
            drop(spawn(async move {
                let _sees = sees;
                future.await;
            }));
        };
        runtime.block_on(async {
            for _ in 0..20 {
                wait(Box::pin(async { drop(filch::gather((0..8).map(|_| busy())).await) }));
                let fails = |_| async {
                    busy().await;
                    Err::<(), _>("busy never ends")
                };
                wait(Box::pin(async move { drop(filch::try_gather((0..2).map(fails)).await) }));
                wait(Box::pin(async { filch::task::race((0..2).map(|_| busy())).await }));
                wait(Box::pin(async {
                    let group = TaskGroup::scope(async |tg| {
                        tg.spawn(busy()).await;
                        Ok(())
                    });
                    drop(group.await);
                }));
                let n = n_waiting.clone();
                wait(Box::pin(async move {
                    counted(n, spawn(busy())).await.expect("it is not ended before this");
                }));
                let n = n_waiting.clone();
                wait(Box::pin(async move {
                    let (sender, receiver) = oneshot::channel::<()>();
                    spawn(async move {
                        busy().await;
                        drop(sender);
                    });
                    counted(n, receiver).await.expect("it is not ended before this");
                }));
                // These meet a runtime that takes no more tasks.
                wait(Box::pin(async {
                    loop {
                        filch::gather((0..2).map(|_| yield_now())).await;
                    }
                }));
                wait(Box::pin(async {
                    let endless = TaskGroup::scope(async |tg| {
                        for _ in 0_u64.. {
                            tg.spawn(async {}).await;
                        }
                        Ok(())
                    });
                    drop(endless.await);
                }));
            }
            while n_waiting.load(SeqCst) < 40 {
                yield_now().await;
            }
            for _ in 0..round % 50 {
                yield_now().await;
            }
        });
        let report = runtime.shutdown(LONG);
        assert!(report.is_clean(), "round {round}: {report}");
        assert_eq!(n_panics.load(SeqCst), 0, "round {round}");
    }
}

#[test]
fn a_call_that_blocks_and_was_aborted_awaits_what_it_starts() {
    let _watchdog = Watchdog::new();
    for make in FLAVORS {
        let runtime = make();
        let handle = *runtime.handle();
        let (go, gone) = mpsc::channel();
        let (begun, has_begun) = mpsc::channel();
        let call = runtime.spawn_blocking(move || {
            begun.send(()).expect("the test waits");
            gone.recv().expect("the test says so");
            let local = LocalRuntime::new().expect("the system has threads");
            let there = handle.block_on(filch::gather((1..3).map(ready)));
            (local.block_on(filch::gather((1..3).map(ready))), there)
        });
        has_begun.recv().expect("it begins");
        call.abort();
        go.send(()).expect("it waits");
        let gathered = runtime.block_on(call).expect("it ran");
        assert_eq!(gathered, (vec![1, 2], vec![1, 2]));
    }
}
