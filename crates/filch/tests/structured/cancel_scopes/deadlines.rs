//! Deadlines: seen, moved, missed.

use super::{detach, on_each, secs, settle};
use crate::tools::{Witness, workers};
use crate::watchdog::Watchdog;
use filch::spawn;
use filch::sync::oneshot;
use filch::task::{
    CancelScope, checkpoint, deadline, fail_after, fail_at, move_on_after, move_on_at,
};
use filch::time::{Duration, Instant, sleep, timeout, timeout_at};
use std::future::{pending, ready};
use std::thread;

#[test]
fn a_deadline_ends_what_is_inside() {
    on_each(|| async {
        let (begin, witness) = (Instant::now(), Witness::default());
        let scope = CancelScope::after(secs(2));
        assert_eq!(scope.deadline(), Some(begin + secs(2)));
        let inside = witness.clone();
        let outcome = scope.run(async move {
            let _inside = inside;
            pending::<()>().await;
        });
        let cancelled = outcome.await.expect_err("it is endless");
        assert!(cancelled.is_elapsed() && scope.is_cancelled());
        assert_eq!(cancelled.to_string(), "canceled: deadline has elapsed");
        assert_eq!((begin.elapsed(), witness.n_alive()), (secs(2), 0));
    });
}

#[test]
fn what_is_done_at_its_deadline_is_in_time() {
    on_each(|| async {
        let at = Instant::now() + secs(2);
        let in_time = async move {
            filch::time::sleep_until(at).await;
            7
        };
        assert_eq!(CancelScope::at(at).run(in_time).await, Ok(7));
        assert_eq!(
            CancelScope::at(at - secs(1)).run(ready(7)).await,
            Ok(7),
            "even if it began late"
        );
    });
}

#[test]
fn a_deadline_that_has_passed_ends_what_is_not_done_at_once() {
    on_each(|| async {
        sleep(secs(10)).await;
        let begin = Instant::now();
        let scope = CancelScope::at(begin - secs(5));
        assert!(scope.run(pending::<()>()).await.is_err());
        assert!(CancelScope::after(Duration::ZERO).run(pending::<()>()).await.is_err());
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

#[test]
fn never_is_a_deadline_too() {
    on_each(|| async {
        let scope = CancelScope::after(Duration::MAX);
        let outcome = scope.run(async {
            sleep(secs(1 << 33)).await;
            deadline()
        });
        assert_eq!(outcome.await, Ok(None));
        let seen = timeout(Duration::MAX, async { deadline() }).await;
        assert_eq!(seen, Ok(None));
    });
}

#[test]
fn a_deadline_can_be_moved_while_the_run_waits() {
    on_each(|| async {
        // The first deadline, the one that is set after one second, and when it ends.
        for (first, then, ends) in [
            (Some(10), Some(20), Some(20)),
            (Some(20), Some(10), Some(10)),
            (None, Some(5), Some(5)),
            (Some(5), None, None),
            (Some(5), Some(0), Some(1)),
        ] {
            let begin = Instant::now();
            let scope = CancelScope::new();
            scope.set_deadline(first.map(|first| begin + secs(first)));
            let handle = scope.clone();
            detach(async move {
                sleep(secs(1)).await;
                handle.set_deadline(then.map(|then| begin + secs(then)));
            });
            let result = scope.run(sleep(secs(60))).await;
            assert_eq!(result.is_err(), ends.is_some());
            assert_eq!(begin.elapsed(), secs(ends.unwrap_or(60)), "{first:?}, then {then:?}");
            assert_eq!(scope.deadline(), then.map(|then| begin + secs(then)));
        }
    });
}

#[test]
fn a_deadline_can_be_moved_from_inside_again_and_again() {
    on_each(|| async {
        let begin = Instant::now();
        let scope = CancelScope::after(secs(3));
        let idle = scope.clone();
        let outcome = scope.run(async move {
            for _ in 0..10 {
                sleep(secs(2)).await;
                idle.set_deadline(Some(Instant::now() + secs(3)));
            }
            pending::<()>().await;
        });
        assert!(outcome.await.is_err());
        assert_eq!(begin.elapsed(), secs(23));
    });
}

#[test]
fn a_deadline_moved_by_the_poll_in_which_it_comes_does_not_count() {
    on_each(|| async {
        let begin = Instant::now();
        let scope = CancelScope::at(begin + secs(2));
        let handle = scope.clone();
        let outcome = scope.run(async move {
            sleep(secs(2)).await;
            handle.set_deadline(Some(begin + secs(5)));
            pending::<()>().await;
        });
        assert!(outcome.await.is_err());
        assert_eq!(begin.elapsed(), secs(5));
    });
}

#[test]
fn an_inner_timeout_reports_when_the_outer_deadline_is_moved_away_at_the_last_moment() {
    on_each(|| async {
        let at = Instant::now() + secs(2);
        let scope = CancelScope::at(at);
        let handle = scope.clone();
        let outcome = scope.run(async move {
            let inner = timeout_at(at, pending::<()>());
            let (inner, ()) = filch::join!(inner, async move {
                filch::time::sleep_until(at).await;
                handle.set_deadline(None);
            });
            inner.is_err()
        });
        assert_eq!(outcome.await, Ok(true));
    });
}

#[test]
fn other_threads_may_move_a_deadline() {
    let _watchdog = Watchdog::new();
    let runtime = workers(2);
    for round in 0..200_u32 {
        let scope = CancelScope::after(secs(3600));
        let handle = scope.clone();
        let task = runtime.spawn(async move { scope.run(pending::<()>()).await });
        for _ in 0..round % 20 {
            thread::yield_now();
        }
        handle.set_deadline(Some(Instant::now()));
        let ended = runtime.block_on(task).expect("it does not panic");
        assert!(ended.expect_err("it is endless").is_elapsed());
    }
}

#[test]
fn the_nearest_deadline_is_visible_inside() {
    on_each(|| async {
        let begin = Instant::now();
        let at = |seconds| Some(begin + secs(seconds));
        assert_eq!(deadline(), None);
        assert_eq!(timeout(secs(5), async { deadline() }).await, Ok(at(5)));
        for (outer, inner) in [(5, 9), (9, 5)] {
            let seen = CancelScope::after(secs(outer))
                .run(async move { timeout(secs(inner), async { deadline() }).await });
            assert_eq!(seen.await, Ok(Ok(at(5))));
            let seen =
                timeout(secs(outer), CancelScope::after(secs(inner)).run(async { deadline() }));
            assert_eq!(seen.await, Ok(Ok(at(5))));
        }
        let scope = CancelScope::after(secs(5));
        let handle = scope.clone();
        let seen = scope.run(async move {
            handle.set_deadline(Some(begin + secs(7)));
            deadline()
        });
        assert_eq!(seen.await, Ok(at(7)));
        assert_eq!(deadline(), None);
    });
}

#[test]
fn a_task_inherits_the_deadlines_around_its_spawn() {
    on_each(|| async {
        let begin = Instant::now();
        let scope = CancelScope::after(secs(9));
        let handle = scope.clone();
        let outcome = scope.run(async move {
            let tasks = timeout(secs(5), async { [spawn(async { deadline() })] }).await;
            let [task] = tasks.expect("a spawn is quick");
            assert_eq!(task.await.expect("no panic"), Some(begin + secs(5)));
            let later = spawn(async {
                sleep(secs(1)).await;
                deadline()
            });
            settle().await;
            handle.set_deadline(Some(begin + secs(3)));
            assert_eq!(later.await.expect("no panic"), Some(begin + secs(3)));
        });
        assert_eq!(outcome.await, Ok(()));
    });
}

#[test]
fn of_equal_deadlines_the_outer_one_reports() {
    on_each(|| async {
        let at = Instant::now() + secs(2);
        let outer = timeout_at(at, timeout_at(at, pending::<()>()));
        assert!(outer.await.is_err());
        let at = at + secs(2);
        let outer = CancelScope::at(at).run(timeout_at(at, pending::<()>()));
        assert!(outer.await.is_err());
        let at = at + secs(2);
        let outer = timeout_at(at, CancelScope::at(at).run(pending::<()>()));
        assert!(outer.await.is_err());
        let at = at + secs(2);
        let outer = CancelScope::at(at).run(CancelScope::at(at).run(pending::<()>()));
        assert!(outer.await.is_err());
        let at = at + secs(2);
        let outer = move_on_at(at, fail_at(at, CancelScope::at(at).run(pending::<()>())));
        assert!(outer.await.is_none());
    });
}

#[test]
fn of_unequal_deadlines_the_earlier_one_reports() {
    on_each(|| async {
        let late = |inner, outer| async move {
            let inner = CancelScope::after(secs(inner));
            CancelScope::after(secs(outer)).run(inner.run(pending::<()>())).await
        };
        assert!(matches!(late(1, 2).await, Ok(Err(_))));
        assert!(late(2, 1).await.is_err());
    });
}

#[test]
fn trios_words_do_what_they_say() {
    on_each(|| async {
        let begin = Instant::now();
        assert_eq!(fail_after(secs(1), ready(7)).await, Ok(7));
        assert!(fail_after(secs(1), pending::<()>()).await.is_err());
        assert!(fail_at(begin + secs(2), pending::<()>()).await.is_err());
        assert_eq!(move_on_after(secs(1), ready(7)).await, Some(7));
        assert_eq!(move_on_after(secs(1), pending::<()>()).await, None);
        assert_eq!(move_on_at(begin + secs(4), pending::<()>()).await, None);
        assert_eq!(begin.elapsed(), secs(4));
    });
}

#[test]
fn a_loop_with_checkpoints_can_be_ended() {
    let _watchdog = Watchdog::new();
    for runtime in [workers(1), crate::tools::current_thread()] {
        runtime.block_on(async {
            let endless = move_on_after(Duration::from_millis(5), async {
                loop {
                    checkpoint().await;
                }
            });
            assert_eq!(endless.await, None::<()>);
        });
    }
}

#[test]
fn what_is_carried_out_of_a_deadline_does_not_hand_it_on() {
    on_each(|| async {
        let (go, has_gone) = oneshot::channel();
        let far = Instant::now() + secs(100);
        let mut work = Box::pin(timeout_at(far, async {
            assert_ne!(spawn(async { deadline() }).await.expect("it ends well"), Some(far));
            has_gone.await.expect("it is told");
            spawn(async { deadline() }).await.expect("it ends well")
        }));
        timeout(secs(1), work.as_mut()).await.expect_err("it waits");
        go.send(()).expect("it waits");
        assert_eq!(work.await, Ok(Some(far)));
    });
}
