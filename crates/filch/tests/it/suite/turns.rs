//! Whoever can always go on lets others run.

use super::Cell;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::UnixStream;
use filch::spawn;
use filch::sync::{Semaphore, oneshot};
use filch::task::yield_now;
use filch::time::{Duration, pause, resume, sleep, timeout};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// As many greedy tasks as there may be workers, and one that ends them.
async fn others_run_beside<F: Future<Output = ()> + Send + 'static>(step: fn() -> F) {
    let is_over = Arc::new(AtomicBool::new(false));
    let greedy: Vec<_> = (0..4)
        .map(|_| {
            let is_over = is_over.clone();
            spawn(async move {
                while !is_over.load(SeqCst) {
                    step().await;
                }
            })
        })
        .collect();
    let ending = spawn(async move {
        for _ in 0..10 {
            yield_now().await;
        }
        is_over.store(true, SeqCst);
    });
    ending.await.expect("it does not panic");
    for task in greedy {
        task.await.expect("it does not panic");
    }
}

pub(super) fn a_task_that_yields_lets_others_run(cell: Cell) {
    cell.run(others_run_beside(yield_now));
}

pub(super) fn a_task_that_acquires_for_ever_lets_others_run(cell: Cell) {
    static DOOR: Semaphore = Semaphore::const_new(1000);
    cell.run(others_run_beside(|| async { drop(DOOR.acquire().await) }));
}

pub(super) fn a_task_that_receives_for_ever_lets_others_run(cell: Cell) {
    cell.run(others_run_beside(|| async {
        let (send, receive) = oneshot::channel();
        send.send(()).expect("the receiver lives");
        receive.await.expect("it was sent");
    }));
}

/// Never pending but for the budget.
async fn always_ready() {
    static DOOR: Semaphore = Semaphore::const_new(1000);
    loop {
        drop(DOOR.acquire().await);
    }
}

/// Lets time pass: with somebody always ready a virtual clock stands still for good.
fn let_time_pass(cell: Cell) {
    if cell.is_virtual() {
        resume();
    }
}

pub(super) fn a_timeout_ends_a_task_that_is_always_ready(cell: Cell) {
    cell.run(async {
        let_time_pass(cell);
        let task = spawn(timeout(Duration::from_millis(5), always_ready()));
        task.await.expect("it does not panic").expect_err("it never ends by itself");
    });
}

pub(super) fn a_timeout_ends_a_block_on_that_is_always_ready(cell: Cell) {
    cell.run(async {
        let_time_pass(cell);
        timeout(Duration::from_millis(5), always_ready())
            .await
            .expect_err("it never ends by itself");
        if cell.is_virtual() {
            pause();
        }
    });
}

pub(super) fn sockets_are_served_beside_tasks_that_yield(cell: Cell) {
    cell.run(async {
        let_time_pass(cell);
        let greedy: Vec<_> = (0..4)
            .map(|_| {
                spawn(async {
                    loop {
                        yield_now().await;
                    }
                })
            })
            .collect();
        let (mut one, mut two) = UnixStream::pair().expect("there are descriptors");
        let echo = spawn(async move {
            while let Ok(byte) = two.read_u8().await {
                two.write_all(&[byte]).await.expect("the peer lives");
            }
        });
        let asking = spawn(async move {
            for n in 0..10 {
                sleep(Duration::from_micros(100)).await;
                one.write_all(&[n]).await.expect("the peer lives");
                assert_eq!(one.read_u8().await.expect("the peer lives"), n);
            }
        });
        asking.await.expect("it does not panic");
        echo.await.expect("it does not panic");
        greedy.iter().for_each(|task| task.abort());
    });
}
