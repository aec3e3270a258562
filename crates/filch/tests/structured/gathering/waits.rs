//! `wait`.

use super::{HOUR, after_each_poll, on_each_stopped, poll_once};
use crate::tools::{Hand, on_each_flavor, text_of};
use filch::spawn;
use filch::sync::oneshot;
use filch::task::{
    All, FirstCompleted, FirstError, JoinHandle, Waited, all_tasks, spawn_many, wait, yield_now,
};
use filch::time::{Duration, Instant, sleep};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

const SECOND: Duration = Duration::from_secs(1);

/// Tasks that end after so many seconds.
fn naps<const N: usize>(seconds: [u32; N]) -> Vec<JoinHandle<u32>> {
    spawn_many(seconds.map(|n| async move {
        sleep(n * SECOND).await;
        n
    }))
}

/// What finished tasks gave. Each answers at its first poll.
fn outputs<T>(done: Vec<JoinHandle<T>>) -> Vec<T> {
    let output = |mut task: JoinHandle<T>| match Hand::default().poll(&mut task) {
        Poll::Ready(output) => output.expect("it does not panic"),
        Poll::Pending => panic!("it has ended"),
    };
    done.into_iter().map(output).collect()
}

#[test]
fn the_first_to_end_ends_the_wait() {
    on_each_stopped(|runtime| {
        runtime.block_on(async {
            let begin = Instant::now();
            let Waited { done, pending } = wait(naps([3, 1, 2]), FirstCompleted, None).await;
            assert_eq!(begin.elapsed(), SECOND);
            assert_eq!(outputs(done), [1]);
            let Waited { done, pending } = wait(pending, FirstCompleted, None).await;
            assert_eq!(outputs(done), [2]);
            let Waited { done, pending } = wait(pending, FirstCompleted, None).await;
            assert_eq!(outputs(done), [3]);
            assert!(pending.is_empty());
        });
    });
}

#[test]
fn all_must_end_or_the_time_be_over() {
    on_each_stopped(|runtime| {
        runtime.block_on(async {
            let begin = Instant::now();
            let Waited { done, pending } = wait(naps([3, 1, 9, 2, 8]), All, 5 * SECOND).await;
            assert_eq!(begin.elapsed(), 5 * SECOND);
            assert_eq!(outputs(done), [3, 1, 2]);
            let Waited { done, pending } = wait(pending, All, Duration::MAX).await;
            assert_eq!(begin.elapsed(), 9 * SECOND);
            assert_eq!(outputs(done), [9, 8]);
            assert!(pending.is_empty());
        });
    });
}

#[test]
fn the_first_error_ends_the_wait() {
    on_each_stopped(|runtime| {
        runtime.block_on(async {
            let begin = Instant::now();
            let tasks = spawn_many((1..=4_u32).map(|n| async move {
                sleep(n * SECOND).await;
                if n == 3 { Err(n) } else { Ok(n) }
            }));
            let Waited { done, pending } = wait(tasks, FirstError, None).await;
            assert_eq!(begin.elapsed(), 3 * SECOND);
            assert_eq!(outputs(done), [Ok(1), Ok(2), Err(3)]);
            let Waited { done, pending } = wait(pending, FirstError, HOUR).await;
            assert_eq!(begin.elapsed(), 4 * SECOND);
            assert_eq!(outputs(done), [Ok(4)]);
            assert!(pending.is_empty());
        });
    });
}

#[test]
fn a_panic_is_an_error_and_an_abort_is_none() {
    on_each_stopped(|runtime| {
        runtime.block_on(async {
            let tasks = spawn_many((1..=4_u32).map(|n| async move {
                sleep(n * SECOND).await;
                assert!(n != 2, "bad");
                Ok::<_, ()>(n)
            }));
            tasks[0].abort();
            let begin = Instant::now();
            let Waited { mut done, pending } = wait(tasks, FirstError, None).await;
            assert_eq!(begin.elapsed(), 2 * SECOND);
            assert_eq!((done.len(), pending.len()), (2, 2));
            let error = done.pop().expect("two are done").await.expect_err("it panicked");
            assert_eq!(text_of(error.into_panic()), "bad");
            let error = done.pop().expect("one is left").await.expect_err("it was aborted");
            assert!(error.is_cancelled());
        });
    });
}

#[test]
fn without_time_it_tells_who_has_ended() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let tasks = [spawn(async { 1 }), spawn(pending())];
            while all_tasks().len() > 1 {
                yield_now().await;
            }
            let Waited { done, pending } = wait(tasks, All, Duration::ZERO).await;
            assert_eq!(outputs(done), [1]);
            assert_eq!(pending.len(), 1);
        });
    });
}

#[test]
fn without_handles_it_is_ready_at_once() {
    let none: [JoinHandle<u32>; 0] = [];
    let waited = futures_lite::future::block_on(wait(none, All, None));
    assert!(waited.done.is_empty() && waited.pending.is_empty());
}

#[test]
fn those_who_had_ended_before_count() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let tasks = spawn_many((0..100).map(|i| async move { i }));
            while !all_tasks().is_empty() {
                yield_now().await;
            }
            let Waited { done, pending } = wait(tasks, FirstCompleted, None).await;
            assert!(outputs(done).into_iter().eq(0..100));
            assert!(pending.is_empty());
        });
    });
}

#[test]
fn a_dropped_wait_ends_no_task_and_borrowed_handles_keep_their_outputs() {
    after_each_poll(|n_polls| async move {
        let (go, may_go) = oneshot::channel::<()>();
        let mut tasks = [
            spawn(async { 1 }),
            spawn(async move {
                may_go.await.expect("the test lets it go");
                2
            }),
        ];
        let mut waiting = wait(&mut tasks, All, None);
        for _ in 0..n_polls {
            assert!(poll_once(&mut waiting).await.is_pending());
            yield_now().await;
        }
        drop(waiting);
        go.send(()).expect("the task waits for it");
        let Waited { done, pending } = wait(&mut tasks, All, None).await;
        assert_eq!((done.len(), pending.len()), (2, 0));
        assert_eq!(outputs(tasks.into()), [1, 2]);
    });
}

#[test]
fn dropped_with_its_handles_it_lets_the_tasks_go_on() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let (tell, told) = oneshot::channel();
            let task = spawn(async move {
                yield_now().await;
                tell.send(7).expect("the test waits for it");
            });
            let mut waiting = wait([task], All, None);
            let _pending_or_not = poll_once(&mut waiting).await;
            drop(waiting);
            assert_eq!(told.await, Ok(7));
        });
    });
}

#[test]
fn many_are_awaited_together() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let tasks = spawn_many((0..100_000_usize).map(|i| async move {
                yield_now().await;
                i
            }));
            let Waited { done, pending } = wait(tasks, All, None).await;
            for (i, task) in done.into_iter().enumerate() {
                assert_eq!(task.await.expect("it does not panic"), i);
            }
            assert!(pending.is_empty());
        });
    });
}

#[test]
fn polled_after_its_answer_it_says_so() {
    let mut waiting = wait([] as [JoinHandle<u32>; 0], All, None);
    assert!(Hand::default().poll(&mut waiting).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| Hand::default().poll(&mut waiting)));
    let message = text_of(again.expect_err("it panics"));
    assert!(message.ends_with("await it once"), "{message}");
}
