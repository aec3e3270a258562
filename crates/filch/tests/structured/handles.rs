//! Canceling a task through its handle.

use crate::tools::{Witness, current_thread, on_each_flavor, text_of, workers};
use crate::watchdog::Watchdog;
use filch::runtime::{Builder, LocalRuntime, Runtime};
use filch::task::spawn_blocking;
use filch::task::{self, Outcome, Reason, TaskGroup, Urgency, cancelled, is_cancelled, yield_now};
use filch::time::{Instant, sleep, timeout};
use filch::{spawn, to_thread};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Calls `test` on a runtime of each flavor whose clock stands still but for jumps.
fn on_each_virtual_flavor(test: impl AsyncFn()) {
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let _watchdog = Watchdog::new();
        let runtime = builder.worker_threads(2).start_paused(true).build().expect("it starts");
        runtime.block_on(test());
    }
}

fn reason<T>(outcome: Outcome<T>) -> String {
    match outcome {
        Outcome::Cancelled(reason) => reason.to_string(),
        Outcome::Done(_) => panic!("it was done"),
        _ => panic!("it panicked"),
    }
}

#[test]
fn an_awaited_cancel_tells_the_reason_when_the_future_is_dropped() {
    on_each_flavor(|runtime| {
        let witness = Witness::default();
        let held = witness.clone();
        let task = runtime.spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
        runtime.block_on(async {
            let outcome = task.cancel().reason("the shop closes").await;
            assert_eq!(reason(outcome), "the shop closes");
            assert_eq!(witness.n_alive(), 0);
        });
    });
}

#[test]
fn a_cancel_that_nobody_awaits_ends_the_task() {
    on_each_flavor(|runtime| {
        let witness = Witness::default();
        let held = witness.clone();
        let task = runtime.spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
        task.cancel();
        runtime.block_on(async {
            while witness.n_alive() != 0 {
                yield_now().await;
            }
        });
    });
}

#[test]
fn a_cancel_tells_what_was_done_before_and_what_panicked() {
    on_each_flavor(|runtime| {
        let done = runtime.spawn(async { 7 });
        let failed = runtime.spawn(async { panic!("oh no") });
        runtime.block_on(async {
            while !done.is_finished() || !failed.is_finished() {
                yield_now().await;
            }
            assert!(matches!(done.cancel().await, Outcome::Done(7)));
            match failed.cancel().await {
                Outcome::Panicked(payload) => assert_eq!(text_of(payload), "oh no"),
                other => panic!("{other:?}"),
            }
        });
    });
}

#[test]
fn a_task_that_is_told_has_its_grace_to_end_by_itself() {
    on_each_virtual_flavor(async || {
        let task = spawn(async {
            let reason = cancelled().await;
            assert!(is_cancelled());
            sleep(SECOND).await;
            reason
        });
        yield_now().await;
        let begin = Instant::now();
        match task.cancel().reason("night").grace(2 * SECOND).await {
            Outcome::Done(told) => assert_eq!(told, Reason::from("night")),
            other => panic!("{other:?}"),
        }
        assert_eq!(begin.elapsed().as_secs(), 1);
    });
}

#[test]
fn a_task_that_does_not_end_within_its_grace_is_dropped_then_whoever_waits() {
    on_each_virtual_flavor(async || {
        let begin = Instant::now();
        let task = spawn(pending::<()>());
        assert_eq!(reason(task.cancel().reason("night").grace(3 * SECOND).await), "night");
        assert_eq!(begin.elapsed().as_secs(), 3);

        for is_polled in [false, true] {
            let witness = Witness::default();
            let held = witness.clone();
            let task = spawn(async move {
                let _held = held;
                pending::<()>().await;
            });
            let mut cancel = task.cancel().grace(3 * SECOND);
            if is_polled {
                timeout(SECOND, &mut cancel).await.expect_err("its grace is not over");
            }
            drop(cancel);
            sleep(SECOND).await;
            assert_eq!(witness.n_alive(), 1);
            sleep(3 * SECOND).await;
            assert_eq!(witness.n_alive(), 0);
        }
    });
}

#[test]
fn a_notice_reaches_what_the_task_has_opened() {
    on_each_virtual_flavor(async || {
        let task = spawn(async {
            timeout(9 * SECOND, async {
                TaskGroup::scope(async |tg| {
                    let child = tg.spawn(async { cancelled().await });
                    let own = cancelled().await;
                    Ok((own, child.await))
                })
                .await
            })
            .await
        });
        sleep(SECOND).await;
        match task.cancel().reason("night").grace(SECOND).await {
            Outcome::Done(_) => {}
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn code_outside_of_tasks_and_scopes_is_never_told() {
    on_each_virtual_flavor(async || {
        assert!(!is_cancelled());
        timeout(SECOND, cancelled()).await.expect_err("nobody can ask");
        let task = spawn(async { timeout(SECOND, cancelled()).await.is_err() });
        assert!(task.await.expect("it ends well"), "nobody did ask");
    });
}

#[test]
fn a_blocking_call_is_told_and_awaited() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let (begun, has_begun) = filch::sync::oneshot::channel();
            let call = spawn_blocking(move || {
                begun.send(()).expect("it is awaited");
                while !is_cancelled() {
                    std::thread::yield_now();
                }
                5
            });
            has_begun.await.expect("it begins");
            let outcome = call.cancel().grace(Duration::from_millis(1)).await;
            assert!(matches!(outcome, Outcome::Done(5)), "{outcome:?}");
        });
    });
}

#[test]
fn a_local_task_that_is_canceled_elsewhere_is_dropped_at_home() {
    let _watchdog = Watchdog::new();
    let runtime = LocalRuntime::new().expect("the system has descriptors");
    struct Home(std::thread::ThreadId);
    impl Drop for Home {
        fn drop(&mut self) {
            assert_eq!(self.0, std::thread::current().id());
        }
    }
    runtime.block_on(async {
        let home = Home(std::thread::current().id());
        let task = task::spawn_local(async move {
            let _home = home;
            pending::<()>().await;
        });
        yield_now().await;
        to_thread(move || task.cancel().grace(Duration::from_millis(1))).await;
        let task = task::spawn_local(async { cancelled().await.to_string() });
        let handle = task.abort_handle();
        to_thread(move || handle.cancel(&"by a thread".into(), Urgency::Notice)).await;
        assert_eq!(task.await.expect("it ends by itself"), "by a thread");
    });
}

/// A task that ends by itself, by the notice or by force, whichever comes first, has one outcome and is dropped once.
#[test]
fn a_cancel_meets_the_end_of_its_task_at_any_moment() {
    let _watchdog = Watchdog::new();
    let runtimes: Vec<Runtime> = vec![workers(2), workers(4), current_thread()];
    for round in 0..3000_u64 {
        let runtime = &runtimes[round as usize % runtimes.len()];
        let witness = Witness::default();
        let held = witness.clone();
        let n_yields = round / 3 % 7;
        let task = runtime.spawn(async move {
            let _held = held;
            if n_yields % 2 == 0 {
                cancelled().await;
            }
            for _ in 0..n_yields {
                yield_now().await;
            }
            if n_yields == 5 {
                panic!("as it should");
            }
        });
        runtime.block_on(async {
            for _ in 0..round / 21 % 5 {
                yield_now().await;
            }
            let cancel = task.cancel().grace(Duration::from_micros(round / 105 % 40));
            match cancel.await {
                Outcome::Done(()) | Outcome::Cancelled(_) => {}
                Outcome::Panicked(_) => assert_eq!(n_yields, 5),
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(witness.n_alive(), 0);
    }
}

#[test]
fn a_wait_to_be_canceled_that_is_dropped_leaves_nobody_to_wake() {
    on_each_flavor(|runtime| {
        let was_polled = Arc::new(AtomicBool::new(false));
        let polled = was_polled.clone();
        let task = runtime.spawn(async move {
            {
                let mut waiting = pin!(cancelled());
                poll_fn(|cx| {
                    assert!(waiting.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
            }
            polled.store(true, SeqCst);
            cancelled().await
        });
        runtime.block_on(async {
            while !was_polled.load(SeqCst) {
                yield_now().await;
            }
            let outcome = task.cancel().reason("once").grace(Duration::from_secs(60)).await;
            assert!(matches!(outcome, Outcome::Done(reason) if reason.as_str() == "once"));
        });
    });
}

#[test]
fn a_task_knows_its_parent() {
    on_each_flavor(|runtime| {
        let parent = runtime.spawn(async {
            let child = spawn(async { task::current_task().expect("it is a task").parent() });
            let call = spawn_blocking(|| task::current_task().expect("it is one, too").parent());
            let grandchild = spawn(async {
                spawn(async { task::current_task().expect("it is a task").parent() }).await
            });
            let of_grandchild = grandchild.id();
            let grandparents = grandchild.await.expect("it ends").expect("it ends");
            assert_eq!(grandparents, Some(of_grandchild));
            [child.await.expect("it ends"), call.await.expect("it ends")]
        });
        let id = parent.id();
        let parents = runtime.block_on(parent).expect("it ends");
        assert_eq!(parents, [Some(id), Some(id)]);
        let of_main = runtime.block_on(async {
            spawn(async { task::current_task().expect("it is a task").parent() }).await
        });
        assert_eq!(of_main.expect("it ends"), None);
    });
}

#[test]
fn panics_that_nobody_looks_at_are_counted_by_their_runtime() {
    on_each_flavor(|runtime| {
        let panics = runtime.handle().runtime_ref().unobserved_panics();
        let (tell, told) = mpsc::channel();
        drop(runtime.spawn(async move {
            tell.send(()).expect("it is awaited");
            panic!("unseen");
        }));
        let looked_at = runtime.spawn(async { panic!("seen") });
        runtime.block_on(looked_at).expect_err("it panicked");
        runtime.block_on(to_thread(move || told.recv())).expect("it began");
        runtime.block_on(async {
            while panics.count() == 0 {
                yield_now().await;
            }
        });
        let first = panics.first();
        assert_eq!(first.len(), 1);
        assert!(first[0].to_string().contains("handles.rs:"), "{}", first[0]);
        assert_eq!(first[0].message.as_deref(), Some("unseen"));
    });
}
