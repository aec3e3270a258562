//! A `LocalRuntime` beside others: its tasks sleep, read and call, are woken by many threads, and end with it.

use crate::tools::{current_thread, workers};
use crate::watchdog::Watchdog;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::UnixStream;
use filch::runtime::{Builder, LocalRuntime};
use filch::sync::{Notify, oneshot};
use filch::task::{JoinSet, spawn_local, yield_now};
use filch::time::{Duration, Instant, sleep, timeout};
use filch::{spawn, to_thread};
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};

fn local_runtime() -> LocalRuntime {
    LocalRuntime::new().expect("there are descriptors")
}

/// Notes the thread it is dropped on. Not `Send`.
struct Homebody(Rc<RefCell<Vec<ThreadId>>>);

impl Drop for Homebody {
    fn drop(&mut self) {
        self.0.borrow_mut().push(thread::current().id());
    }
}

#[test]
fn local_tasks_sleep_read_and_call() {
    let _watchdog = Watchdog::new();
    let log = Rc::new(RefCell::new(Vec::new()));
    local_runtime().block_on(async {
        let (mut one, mut two) = UnixStream::pair().expect("there are descriptors");
        let mut tasks = JoinSet::new();
        let noted = log.clone();
        tasks.spawn_local(async move {
            sleep(Duration::from_millis(2)).await;
            two.write_all(b"x").await.expect("the peer lives");
            noted.borrow_mut().push("wrote");
        });
        let noted = log.clone();
        tasks.spawn_local(async move {
            one.read_u8().await.expect("it is written");
            to_thread(|| ()).await;
            noted.borrow_mut().push("read");
        });
        tasks.join_all().await;
    });
    assert_eq!(*log.borrow(), ["wrote", "read"]);
}

#[test]
fn local_tasks_woken_by_many_threads_lose_no_wake() {
    const N_ROUNDS: usize = 500;
    let _watchdog = Watchdog::new();
    let home = thread::current().id();
    let runtime = local_runtime();
    let bells: Vec<_> = (0..4).map(|_| Arc::new((Notify::new(), Notify::new()))).collect();
    let threads: Vec<_> = bells
        .iter()
        .cloned()
        .map(|bell| {
            thread::spawn(move || {
                for _ in 0..N_ROUNDS {
                    bell.0.notify_one();
                    futures_lite::future::block_on(bell.1.notified());
                }
            })
        })
        .collect();
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for bell in bells {
            let not_send = Rc::new(());
            tasks.spawn_local(async move {
                for _ in 0..N_ROUNDS {
                    bell.0.notified().await;
                    assert_eq!(thread::current().id(), home);
                    bell.1.notify_one();
                }
                drop(not_send);
            });
        }
        tasks.join_all().await;
    });
    threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
}

#[test]
fn a_local_task_woken_or_aborted_while_nobody_runs_it_goes_on_later() {
    let _watchdog = Watchdog::new();
    let runtime = local_runtime();
    let drops = Rc::new(RefCell::new(Vec::new()));
    let (send, receive) = oneshot::channel();
    let woken = runtime.spawn_local({
        let homebody = Homebody(drops.clone());
        async move {
            let _homebody = homebody;
            receive.await
        }
    });
    let aborted = runtime.spawn_local({
        let homebody = Homebody(drops.clone());
        async move {
            let _homebody = homebody;
            pending::<()>().await;
        }
    });
    runtime.block_on(yield_now());
    let abort = aborted.abort_handle();
    let thread = thread::spawn(move || {
        send.send(9).expect("somebody waits for it");
        abort.abort();
    });
    thread.join().expect("it does not panic");
    assert!(drops.borrow().is_empty(), "nobody runs them");
    assert_eq!(runtime.block_on(woken).expect("it does not panic"), Ok(9));
    assert!(runtime.block_on(aborted).expect_err("it was aborted").is_cancelled());
    assert_eq!(*drops.borrow(), [thread::current().id(); 2]);
}

#[test]
fn a_local_runtime_ends_at_home_while_other_threads_wake_its_tasks() {
    let _watchdog = Watchdog::new();
    for n in 0..200 {
        let drops = Rc::new(RefCell::new(Vec::new()));
        let wakers = Rc::new(RefCell::new(Vec::<Waker>::new()));
        let runtime = local_runtime();
        for _ in 0..10 {
            let (homebody, wakers) = (Homebody(drops.clone()), wakers.clone());
            runtime.spawn_local(async move {
                let _homebody = homebody;
                let mut is_told = false;
                poll_fn(|cx| {
                    if !is_told {
                        wakers.borrow_mut().push(cx.waker().clone());
                        is_told = true;
                    }
                    Poll::<()>::Pending
                })
                .await;
            });
        }
        runtime.block_on(yield_now());
        let wakers = wakers.take();
        assert_eq!(wakers.len(), 10);
        let waking = thread::spawn(move || {
            for waker in wakers {
                waker.wake_by_ref();
                waker.wake();
            }
        });
        if n % 2 == 0 {
            runtime.block_on(yield_now());
        }
        drop(runtime);
        assert_eq!(*drops.borrow(), [thread::current().id(); 10]);
        waking.join().expect("it does not panic");
    }
}

#[test]
fn a_local_runtime_may_live_inside_a_blocking_call() {
    let _watchdog = Watchdog::new();
    for outer in [workers(1), current_thread()] {
        let output = outer.block_on(to_thread(|| {
            let runtime = local_runtime();
            let value = Rc::new(Cell::new(1));
            let shared = value.clone();
            let task = runtime.spawn_local(async move { shared.set(2) });
            runtime.block_on(task).expect("it does not panic");
            value.get()
        }));
        assert_eq!(output, 2);
    }
}

#[test]
fn a_local_runtime_dropped_inside_async_code_ends_there() {
    let _watchdog = Watchdog::new();
    let drops = Rc::new(RefCell::new(Vec::new()));
    workers(1).block_on(async {
        let runtime = local_runtime();
        let homebody = Homebody(drops.clone());
        runtime.spawn_local(async move {
            let _homebody = homebody;
            pending::<()>().await;
        });
        drop(runtime);
        assert_eq!(*drops.borrow(), [thread::current().id()]);
    });
}

#[test]
fn two_local_runtimes_take_turns_on_one_thread() {
    let _watchdog = Watchdog::new();
    let (one, two) = (local_runtime(), local_runtime());
    let log = Rc::new(RefCell::new(Vec::new()));
    let step = |name: &'static str| {
        let log = log.clone();
        async move {
            for n in 0..3 {
                log.borrow_mut().push((name, n));
                yield_now().await;
            }
        }
    };
    let (in_one, in_two) = (one.spawn_local(step("one")), two.spawn_local(step("two")));
    two.block_on(in_two).expect("it does not panic");
    one.block_on(in_one).expect("it does not panic");
    let expected = ["two", "one"].into_iter().flat_map(|name| (0..3).map(move |n| (name, n)));
    assert!(log.borrow().iter().copied().eq(expected));
}

#[test]
fn local_and_other_tasks_share_time_and_budget() {
    let _watchdog = Watchdog::new();
    let mut builder = Builder::new_current_thread();
    let runtime = builder.start_paused(true).build_local().expect("there are descriptors");
    runtime.block_on(async {
        let begin = Instant::now();
        let hour = Duration::from_secs(3600);
        let local = spawn_local(async move {
            let not_send = Rc::new(());
            sleep(2 * hour).await;
            drop(not_send);
            begin.elapsed()
        });
        let other = spawn(async move {
            sleep(hour).await;
            begin.elapsed()
        });
        assert_eq!(other.await.expect("it does not panic"), hour);
        assert_eq!(local.await.expect("it does not panic"), 2 * hour);
        timeout(hour, pending::<()>()).await.expect_err("it never ends");
        assert_eq!(begin.elapsed(), 3 * hour);
    });
}
