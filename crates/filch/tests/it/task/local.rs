//! Tasks that never leave their thread.

use crate::tools::{Hand, panic_of, workers};
use filch::runtime::LocalRuntime;
use filch::sync::oneshot;
use filch::task::{JoinSet, spawn_local, yield_now};
use filch::{spawn, to_thread};
use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::task::Poll;
use std::thread::{self, ThreadId};

fn local_runtime() -> LocalRuntime {
    LocalRuntime::new().expect("the system has descriptors")
}

/// Says on which thread it was dropped. Not `Send`.
struct Homebody(Rc<Cell<Option<ThreadId>>>);

impl Drop for Homebody {
    fn drop(&mut self) {
        self.0.set(Some(thread::current().id()));
    }
}

#[test]
fn local_tasks_share_what_is_not_send() {
    let counter = Rc::new(Cell::new(0));
    local_runtime().block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..100 {
            let counter = counter.clone();
            set.spawn_local(async move {
                for _ in 0..10 {
                    let before = counter.get();
                    counter.set(before + 1);
                    yield_now().await;
                }
                counter
            });
        }
        assert_eq!(set.join_all().await.len(), 100);
    });
    assert_eq!(counter.get(), 1000);
    assert_eq!(Rc::strong_count(&counter), 1);
}

#[test]
fn spawn_local_elsewhere_says_where_to_call_it() {
    let runtime = workers(1);
    let messages = [
        runtime.block_on(async { panic_of(|| spawn_local(async {})) }),
        runtime
            .block_on(runtime.spawn(async { panic_of(|| spawn_local(async {})) }))
            .expect("it was caught"),
        {
            let local = local_runtime();
            let handle = *local.handle();
            // The right runtime, from another thread.
            thread::spawn(move || {
                let _entered = handle.enter();
                panic_of(|| spawn_local(async {}))
            })
            .join()
            .expect("it was caught")
        },
    ];
    for message in messages {
        assert_eq!(
            message,
            "spawn_local was called outside of a LocalRuntime, so nothing keeps the task on this thread; \
             call it inside LocalRuntime::block_on, or use spawn with a future that is Send"
        );
    }
}

#[test]
fn a_local_task_woken_by_another_thread_is_polled_at_home() {
    let home = thread::current().id();
    local_runtime().block_on(async {
        for _ in 0..100 {
            let (go, may_go) = oneshot::channel();
            let not_send = Rc::new(());
            let task = spawn_local(async move {
                let output: i32 = may_go.await.expect("it is let go");
                drop(not_send);
                (output, thread::current().id())
            });
            to_thread(move || go.send(3).expect("the task waits for it")).await;
            assert_eq!(task.await.expect("it ends"), (3, home));
        }
    });
}

#[test]
fn a_local_task_aborted_by_another_thread_is_dropped_at_home() {
    let dropped_on = Rc::new(Cell::new(None));
    let homebody = Homebody(dropped_on.clone());
    local_runtime().block_on(async {
        let task = spawn_local(async move {
            let _homebody = homebody;
            pending::<()>().await;
        });
        yield_now().await;
        let abort = task.abort_handle();
        to_thread(move || abort.abort()).await;
        assert!(task.await.expect_err("it was aborted").is_cancelled());
    });
    assert_eq!(dropped_on.get(), Some(thread::current().id()));
}

#[test]
fn local_tasks_left_over_are_dropped_at_home() {
    let dropped_on = Rc::new(Cell::new(None));
    let homebody = Homebody(dropped_on.clone());
    let runtime = local_runtime();
    let mut task = runtime.spawn_local(async move {
        let _homebody = homebody;
        pending::<()>().await;
    });
    runtime.block_on(yield_now());
    assert_eq!(dropped_on.get(), None);
    drop(runtime);
    assert_eq!(dropped_on.get(), Some(thread::current().id()));
    let Poll::Ready(Err(error)) = Hand::default().poll(&mut task) else { panic!("it has ended") };
    assert!(error.is_cancelled());
}

#[test]
fn a_waker_of_a_local_task_may_be_used_on_another_thread_after_the_end() {
    let runtime = local_runtime();
    let (tell, told) = std::sync::mpsc::channel();
    let not_send = Rc::new(());
    let captured = not_send.clone();
    let mut tell = Some(tell);
    let task = runtime.spawn_local(std::future::poll_fn(move |cx| {
        let _ = &captured;
        if let Some(tell) = tell.take() {
            tell.send(cx.waker().clone()).expect("the test waits for it");
        }
        Poll::<()>::Pending
    }));
    runtime.block_on(yield_now());
    drop(runtime);
    assert_eq!(Rc::strong_count(&not_send), 1);
    drop(task);
    let waker = told.recv().expect("it told");
    thread::spawn(move || waker.wake()).join().expect("nothing happens");
}

#[test]
fn a_local_runtime_runs_send_tasks_of_other_threads() {
    let runtime = local_runtime();
    let handle = *runtime.handle();
    let home = thread::current().id();
    let remote = thread::spawn(move || handle.spawn(async { thread::current().id() }));
    let task = remote.join().expect("it ends");
    assert_eq!(
        runtime.block_on(async { spawn(task).await }).expect("it ends").expect("it ends"),
        home
    );
}
