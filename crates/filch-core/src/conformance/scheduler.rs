//! Checks of a [`Scheduler`].
//!
//! The scheduler gets a runtime without sources and timers, and a [`Park`](crate::seam::Park) that waits on a condition
//! variable. Each check drives it by [`Scheduler::block_on`], so that one without threads of its own runs its tasks.

#![allow(
    clippy::missing_panics_doc,
    reason = "a check panics to say that it failed; see the parent module"
)]

mod rig;

use crate::seam::Scheduler;
use crate::task::JoinHandle;
use rig::{Flag, Rig, yield_once};
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// So long a poll lasts that sees the end begin.
// Why: a shutdown that does not wait returns earlier, also on a busy machine.
const NOTICEABLE: Duration = Duration::from_millis(100);

/// Makes a test of each check of this module. The expression, when called, makes a fresh scheduler.
#[macro_export]
macro_rules! scheduler_suite {
    (@tests $factory:tt $($check:ident)*) => {$(
        #[test]
        fn $check() {
            $crate::conformance::scheduler::$check(::std::sync::Arc::new(($factory)()));
        }
    )*};
    ($factory:expr $(,)?) => {
        $crate::scheduler_suite! {
            @tests { $factory }
            every_spawned_task_runs
            tasks_spawned_by_tasks_run
            tasks_spawned_by_other_threads_run
            a_wake_from_another_thread_runs_the_task
            a_batch_of_wakes_runs_every_task
            block_on_answers_what_needs_no_wait
            block_on_answers_after_a_wake_from_another_thread
            block_on_may_be_called_again
            a_panicking_task_does_not_kill_a_worker
            a_yield_lets_others_run
            an_aborted_task_is_dropped
            the_end_drops_what_is_queued
            the_end_drops_what_waits
            no_task_is_polled_after_the_shutdown
        }
    };
}

const MANY: usize = 2000;

/// Every task spawned from outside is polled to its end.
pub fn every_spawned_task_runs(scheduler: Arc<dyn Scheduler>) {
    Rig::check(scheduler, |rig| {
        let n_ran = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..MANY)
            .map(|_| {
                let n_ran = n_ran.clone();
                rig.spawn(async move { n_ran.fetch_add(1, SeqCst) })
            })
            .collect();
        rig.join_all(tasks);
        assert_eq!(n_ran.load(SeqCst), MANY);
    });
}

/// Tasks spawned by tasks are polled to their end, and chains of them too.
pub fn tasks_spawned_by_tasks_run(scheduler: Arc<dyn Scheduler>) {
    Rig::check(scheduler, |rig| {
        let runtime = rig.runtime();
        let chains = (0..10).map(|_| {
            rig.spawn(async move {
                for _ in 0..MANY / 10 {
                    rig::spawn_on(runtime, yield_once()).await.expect("a child ends well");
                }
            })
        });
        let chains = chains.collect();
        rig.join_all(chains);
    });
}

/// Tasks spawned by threads that are no workers run, while the workers sleep and while they work.
pub fn tasks_spawned_by_other_threads_run(scheduler: Arc<dyn Scheduler>) {
    Rig::check(scheduler, |rig| {
        let runtime = rig.runtime();
        let threads = [(); 3].map(|()| {
            thread::spawn(move || {
                (0..MANY / 4).map(|_| rig::spawn_on(runtime, yield_once())).collect::<Vec<_>>()
            })
        });
        for thread in threads {
            let tasks = thread.join().expect("the thread only spawns");
            rig.join_all(tasks);
        }
    });
}

/// A task that sleeps is polled again when a thread that is no worker wakes it.
pub fn a_wake_from_another_thread_runs_the_task(scheduler: Arc<dyn Scheduler>) {
    Rig::check(scheduler, |rig| {
        for _ in 0..50 {
            let flag = Flag::new();
            let task = rig.spawn(flag.clone().wait());
            let thread = thread::spawn(move || flag.raise());
            rig.join_all(vec![task]);
            thread.join().expect("the thread only wakes");
        }
    });
}

/// Wakes that are collected and handed over as one batch run every task.
pub fn a_batch_of_wakes_runs_every_task(scheduler: Arc<dyn Scheduler>) {
    Rig::check(scheduler, |rig| {
        let flag = Flag::new();
        let tasks: Vec<_> = (0..MANY / 10).map(|_| rig.spawn(flag.clone().wait())).collect();
        let raiser = flag.clone();
        rig.join_all(vec![rig.spawn(async move {
            while raiser.n_waiting() < MANY / 10 {
                yield_once().await;
            }
            raiser.raise(); // On a worker, so by `schedule_batch`.
        })]);
        rig.join_all(tasks);
    });
}

/// `block_on` answers for a future that is done at its first poll.
pub fn block_on_answers_what_needs_no_wait(scheduler: Arc<dyn Scheduler>) {
    Rig::check(scheduler, |rig| {
        let mut was_polled = false;
        rig.block_on(async { was_polled = true });
        assert!(was_polled, "`block_on` returned before its future was done");
    });
}

/// `block_on` polls its future again after a wake from another thread, and leaves it alone before.
pub fn block_on_answers_after_a_wake_from_another_thread(scheduler: Arc<dyn Scheduler>) {
    Rig::check(scheduler, |rig| {
        let flag = Flag::new();
        let raiser = flag.clone();
        let thread = thread::spawn(move || {
            while raiser.n_waiting() == 0 {
                thread::yield_now();
            }
            raiser.raise();
        });
        rig.block_on(flag.wait());
        thread.join().expect("the thread only wakes");
    });
}

/// One `block_on` after another works, and tasks of the first live on into the second.
pub fn block_on_may_be_called_again(scheduler: Arc<dyn Scheduler>) {
    Rig::check(scheduler, |rig| {
        let flag = Flag::new();
        let task = rig.spawn(flag.clone().wait());
        for _ in 0..10 {
            rig.block_on(yield_once());
        }
        flag.raise();
        rig.join_all(vec![task]);
    });
}

/// After tasks have panicked, as many as there are workers and more, others still run.
pub fn a_panicking_task_does_not_kill_a_worker(scheduler: Arc<dyn Scheduler>) {
    Rig::check(scheduler, |rig| {
        let n_panics = rig.n_workers() * 4;
        let tasks: Vec<JoinHandle<()>> = (0..n_panics)
            .map(|_| rig.spawn(async { std::panic::resume_unwind(Box::new("expected")) }))
            .collect();
        for task in tasks {
            let error = rig.join(task).expect_err("the task panics");
            assert!(error.is_panic(), "a panic came out as {error}");
        }
        let tasks = (0..MANY / 10).map(|_| rig.spawn(yield_once())).collect();
        rig.join_all(tasks);
    });
}

/// Tasks that yield for ever keep no other task from running.
pub fn a_yield_lets_others_run(scheduler: Arc<dyn Scheduler>) {
    Rig::check(scheduler, |rig| {
        let is_over = Arc::new(AtomicBool::new(false));
        let spinners: Vec<_> = (0..rig.n_workers() * 2)
            .map(|_| {
                let is_over = is_over.clone();
                rig.spawn(async move {
                    while !is_over.load(SeqCst) {
                        yield_once().await;
                    }
                })
            })
            .collect();
        rig.join_all(vec![rig.spawn(async move {
            yield_once().await;
            is_over.store(true, SeqCst);
        })]);
        rig.join_all(spinners);
    });
}

/// An aborted task that waits is dropped and answers "canceled".
pub fn an_aborted_task_is_dropped(scheduler: Arc<dyn Scheduler>) {
    Rig::check(scheduler, |rig| {
        let flag = Flag::new();
        let task = rig.spawn(flag.clone().wait());
        task.abort();
        let error = rig.join(task).expect_err("nobody raises the flag");
        assert!(error.is_cancelled(), "an abort came out as {error}");
        assert_eq!(flag.n_owners(), 1, "the future of an aborted task was not dropped");
    });
}

/// Tasks that are queued when the runtime ends are dropped and answer "canceled", or have run.
pub fn the_end_drops_what_is_queued(scheduler: Arc<dyn Scheduler>) {
    Rig::check_to_the_end(scheduler, |rig| {
        let owned = Arc::new(());
        let spin = |owned: Arc<()>| async move {
            loop {
                yield_once().await;
                let _ = &owned;
            }
        };
        let tasks: Vec<JoinHandle<()>> =
            (0..MANY / 10).map(|_| rig.spawn(spin(owned.clone()))).collect();
        rig.end();
        assert_eq!(Arc::strong_count(&owned), 1, "the end left futures behind");
        for task in tasks {
            assert!(rig::join_outside(task).is_err_and(|error| error.is_cancelled()));
        }
    });
}

/// Tasks that wait when the runtime ends are dropped, and a wake that comes later does nothing.
pub fn the_end_drops_what_waits(scheduler: Arc<dyn Scheduler>) {
    Rig::check_to_the_end(scheduler, |rig| {
        let flag = Flag::new();
        let tasks: Vec<_> = (0..10).map(|_| rig.spawn(flag.clone().wait())).collect();
        let looker = flag.clone();
        rig.block_on(poll_fn(move |cx| {
            cx.waker().wake_by_ref();
            if looker.n_waiting() == 10 { Poll::Ready(()) } else { Poll::Pending }
        }));
        let forgotten = rig.spawn(pending::<()>());
        drop(forgotten);
        rig.end();
        assert_eq!(flag.n_owners(), 1, "the end left futures behind");
        flag.raise();
        for task in tasks {
            assert!(rig::join_outside(task).is_err_and(|error| error.is_cancelled()));
        }
    });
}

/// When `shutdown` has returned, no thread of the scheduler is in a poll, and none begins.
pub fn no_task_is_polled_after_the_shutdown(scheduler: Arc<dyn Scheduler>) {
    Rig::check_to_the_end(scheduler, |rig| {
        let n_in_poll = rig.n_in_poll();
        let began = Flag::new();
        let is_ending = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..rig.n_workers() * 2)
            .map(|_| {
                let (began, n_in_poll) = (began.clone(), n_in_poll.clone());
                let is_ending = is_ending.clone();
                rig.spawn(async move {
                    loop {
                        n_in_poll.fetch_add(1, SeqCst);
                        began.raise();
                        // Why: so that the end most likely begins during a poll.
                        (0..2000).for_each(|_| thread::yield_now());
                        if is_ending.load(SeqCst) {
                            thread::sleep(NOTICEABLE);
                        }
                        n_in_poll.fetch_sub(1, SeqCst);
                        yield_once().await;
                    }
                })
            })
            .collect::<Vec<JoinHandle<()>>>();
        rig.block_on(began.wait());
        is_ending.store(true, SeqCst);
        rig.end();
        assert_eq!(rig.n_in_poll_at_shutdown(), Some(0), "a task was in a poll after `shutdown`");
        drop(busy);
    });
}
