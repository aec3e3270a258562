//! Panics of user code, wherever it may stand: each comes out at one place, and the workers go on.

use crate::tools::{Hand, OnDrop, Witness, on_each_flavor, panic_of, text_of};
use filch::runtime::Runtime;
use filch::spawn;
use filch::sync::oneshot;
use filch::task::{JoinHandle, yield_now};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Every worker still polls tasks.
#[track_caller]
fn assert_alive(runtime: &Runtime) {
    let tasks: Vec<_> = (0..64).map(|i| runtime.spawn(async move { i })).collect();
    let sum = runtime.block_on(async {
        let mut sum = 0;
        for task in tasks {
            sum += task.await.expect("a panic elsewhere does not reach it");
        }
        sum
    });
    assert_eq!(sum, 64 * 63 / 2);
}

#[track_caller]
fn panic_of_task<T>(runtime: &Runtime, task: JoinHandle<T>) -> String {
    let Err(error) = runtime.block_on(task) else { panic!("it did not panic") };
    assert!(error.is_panic() && !error.is_cancelled());
    text_of(error.into_panic())
}

#[test]
fn a_panicking_task_does_not_kill_its_worker() {
    on_each_flavor(|runtime| {
        for i in 0..10 {
            let task = runtime.spawn(async move {
                yield_now().await;
                assert!(i > 10, "boom {i}");
            });
            assert_eq!(panic_of_task(runtime, task), format!("boom {i}"));
        }
        assert_alive(runtime);
    });
}

#[test]
fn the_error_of_a_panic_tells_its_message_and_its_task() {
    on_each_flavor(|runtime| {
        let task = runtime.spawn(async { panic!("no {}", "milk") });
        let id = task.id();
        let error = runtime.block_on(task).expect_err("it panicked");
        assert_eq!(error.id(), id);
        assert_eq!(error.to_string(), format!("task {id} panicked with message \"no milk\""));
        assert!(std::io::Error::from(error).to_string().contains("no milk"));
        let task = runtime.spawn(async { std::panic::panic_any(5_u8) });
        let error = runtime.block_on(task).expect_err("it panicked");
        assert!(error.to_string().ends_with(" panicked"), "{error}");
        assert_eq!(error.into_panic().downcast_ref::<u8>(), Some(&5));
    });
}

#[test]
fn asking_a_cancelled_task_for_its_panic_says_what_to_ask_first() {
    on_each_flavor(|runtime| {
        let task = runtime.spawn(pending::<()>());
        task.abort();
        let error = runtime.block_on(task).expect_err("it was aborted");
        let message = panic_of(|| error.into_panic());
        assert!(message.contains("was cancelled"), "{message}");
        assert!(message.contains("ask is_panic first or call try_into_panic"), "{message}");
    });
}

#[test]
fn a_panic_in_the_drop_of_a_done_future_is_the_tasks_panic() {
    struct Bomb(bool);
    impl Future for Bomb {
        type Output = Witness;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Witness> {
            Poll::Ready(Witness::default())
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0, "dropped badly");
        }
    }
    on_each_flavor(|runtime| {
        let task = runtime.spawn(Bomb(true));
        assert_eq!(panic_of_task(runtime, task), "dropped badly");
        assert!(runtime.block_on(runtime.spawn(Bomb(false))).is_ok());
        assert_alive(runtime);
    });
}

#[test]
fn a_panic_in_the_drop_of_an_aborted_future_is_the_tasks_panic() {
    on_each_flavor(|runtime| {
        let (started, has_started) = oneshot::channel();
        let task = runtime.spawn(async move {
            let _bomb = OnDrop(|| panic!("dropped badly"));
            started.send(()).expect("the test waits for it");
            pending::<()>().await;
        });
        runtime.block_on(has_started).expect("it starts");
        task.abort();
        assert_eq!(panic_of_task(runtime, task), "dropped badly");
        assert_alive(runtime);
    });
}

#[test]
fn a_panic_in_the_drop_of_an_output_reaches_nobody() {
    on_each_flavor(|runtime| {
        // Nobody asks for the output: it is dropped by the worker, or by the late drop of the handle.
        for is_late in [false, true] {
            let (go, may_go) = oneshot::channel::<()>();
            let task = runtime.spawn(async move {
                may_go.await.expect("the test lets it go");
                OnDrop(|| panic!("a bad output"))
            });
            let abort = task.abort_handle();
            let mut handle = is_late.then_some(task);
            go.send(()).expect("the task waits for it");
            runtime.block_on(async {
                while !abort.is_finished() {
                    yield_now().await;
                }
            });
            drop(handle.take());
        }
        assert_alive(runtime);
    });
}

#[test]
fn a_panic_in_the_drop_of_a_panics_payload_reaches_nobody() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("a payload that panics");
        }
    }
    on_each_flavor(|runtime| {
        let task = runtime.spawn(async { std::panic::panic_any(Payload) });
        let abort = task.abort_handle();
        drop(task);
        runtime.block_on(async {
            while !abort.is_finished() {
                yield_now().await;
            }
        });
        assert_alive(runtime);
    });
}

#[test]
fn a_panic_in_a_joiners_waker_does_not_reach_the_worker() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("a bad waker");
        }
    }
    on_each_flavor(|runtime| {
        let (go, may_go) = oneshot::channel::<()>();
        let mut task = runtime.spawn(async move { may_go.await.expect("the test lets it go") });
        let waker = Waker::from(Arc::new(Bomb));
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
        go.send(()).expect("the task waits for it");
        runtime.block_on(async {
            while !task.is_finished() {
                yield_now().await;
            }
        });
        assert_alive(runtime);
        assert!(matches!(Hand::default().poll(&mut task), Poll::Ready(Ok(()))));
    });
}

#[test]
fn a_panic_in_one_waker_does_not_keep_others_from_being_woken() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("a bad waker");
        }
    }
    on_each_flavor(|runtime| {
        let notify = Arc::new(filch::sync::Notify::new());
        let mut bad = Box::pin(notify.notified());
        let waker = Waker::from(Arc::new(Bomb));
        assert!(bad.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let mut good = Box::pin(notify.notified());
        let hand = Hand::default();
        assert!(hand.poll(&mut good).is_pending());
        let notifier = notify.clone();
        // Whether the notifier hears of the panic is the lock's business; the second waiter must not.
        let _ = runtime.block_on(runtime.spawn(async move { notifier.notify_waiters() }));
        assert_eq!(hand.wakes(), 1);
        assert_alive(runtime);
    });
}

#[test]
fn a_panic_in_block_on_passes_through_and_leaves_the_runtime_usable() {
    on_each_flavor(|runtime| {
        let witness = Witness::default();
        let captured = witness.clone();
        let message = panic_of(|| {
            runtime.block_on(async {
                let _captured = captured;
                spawn(async {}).await.expect("it ends");
                panic!("main is done for");
            })
        });
        assert_eq!(message, "main is done for");
        assert_eq!(witness.n_alive(), 0);
        assert_alive(runtime);
    });
}

#[test]
fn a_waker_that_outlives_a_panicked_task_wakes_nobody() {
    on_each_flavor(|runtime| {
        let (tell, told) = oneshot::channel();
        let mut tell = Some(tell);
        let task = runtime.spawn(poll_fn(move |cx: &mut Context<'_>| -> Poll<()> {
            let tell = tell.take().expect("it panics in its first poll");
            tell.send(cx.waker().clone()).expect("the test waits for it");
            panic!("after giving its waker away");
        }));
        let waker = runtime.block_on(told).expect("it tells");
        assert_eq!(panic_of_task(runtime, task), "after giving its waker away");
        waker.wake_by_ref();
        waker.wake();
        assert_alive(runtime);
    });
}
