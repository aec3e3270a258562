//! Ends that somebody asks for.

use super::{HOUR, fail_after, ms, numbers, on_each, settle};
use crate::tools::Witness;
use filch::TaskGroup;
use filch::time::{Duration, Instant, sleep, timeout};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

#[test]
fn a_canceled_group_has_not_failed_when_its_body_has_a_value() {
    on_each(|| async {
        let witness = Witness::default();
        let scope = TaskGroup::scope(async |tg| {
            let child = witness.clone();
            tg.spawn(async move {
                sleep(HOUR).await;
                drop(child);
            });
            settle().await;
            tg.cancel().await;
            assert_eq!(witness.n_alive(), 0);
            Ok(5)
        });
        assert_eq!(scope.await.expect("it was only canceled"), 5);
    });
}

#[test]
fn a_cancel_that_is_dropped_acts_and_the_body_ends_at_its_next_await() {
    on_each(|| async {
        let scope = TaskGroup::scope(async |tg| {
            tg.spawn(sleep(HOUR));
            drop(tg.cancel().reason("enough"));
            assert!(tg.is_cancelled());
            sleep(HOUR).await;
            Ok(())
        });
        let error = scope.await.unwrap_err();
        assert!(error.is_cancelled() && error.failures().is_empty());
        assert_eq!(error.reason().unwrap().as_str(), "enough");
        assert_eq!(error.to_string(), "task group was ended: enough");
    });
}

#[test]
fn a_child_may_end_its_own_group() {
    on_each(|| async {
        let scope = TaskGroup::scope(async |tg| {
            let own = tg.clone();
            tg.spawn(async move {
                own.cancel().await;
                unreachable!("it ends here");
            });
            pending::<()>().await;
            Ok(())
        });
        assert!(scope.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn somebody_outside_may_end_a_group_and_wait_for_it() {
    on_each(|| async {
        let (sender, receiver) = filch::sync::oneshot::channel();
        let witness = Witness::default();
        let inside = witness.clone();
        let task = filch::spawn(TaskGroup::scope(async move |tg| {
            tg.spawn(async move {
                sleep(HOUR).await;
                drop(inside);
            });
            let _ = sender.send(tg.clone());
            pending::<()>().await;
            Ok(())
        }));
        let tg = receiver.await.expect("the body sends it");
        tg.cancel().reason("from outside").await;
        assert_eq!(witness.n_alive(), 0);
        let error = task.await.expect("it does not panic").unwrap_err();
        assert_eq!(error.reason().unwrap().as_str(), "from outside");
    });
}

#[test]
fn a_spawn_on_a_group_that_is_to_end_drops_the_future_at_once() {
    on_each(|| async {
        let witness = Witness::default();
        let scope = TaskGroup::scope(async |tg| {
            drop(tg.cancel());
            let inside = witness.clone();
            let child = tg.spawn(async move { drop(inside) });
            assert_eq!(witness.n_alive(), 0);
            assert!(child.join().await.unwrap_err().is_cancelled());
            Ok(())
        });
        let _ = scope.await;
    });
}

#[test]
fn a_timeout_ends_children_and_body() {
    on_each(|| async {
        let begin = Instant::now();
        let scope = TaskGroup::builder().timeout(ms(20)).scope(async |tg| {
            tg.spawn(sleep(HOUR));
            sleep(HOUR).await;
            Ok(())
        });
        let error = scope.await.unwrap_err();
        assert!(error.is_elapsed() && !error.is_cancelled() && error.failures().is_empty());
        assert_eq!(begin.elapsed(), ms(20));
        let fast = TaskGroup::builder().timeout(ms(20)).scope(async |tg| {
            tg.spawn(sleep(ms(5)));
            Ok(1)
        });
        assert_eq!(fast.await.expect("it was fast enough"), 1);
    });
}

#[test]
fn a_timeout_is_counted_from_the_first_poll() {
    on_each(|| async {
        let scope = TaskGroup::builder().timeout(ms(20)).scope(async |tg| {
            tg.spawn(sleep(HOUR));
            Ok(())
        });
        sleep(ms(50)).await;
        let begin = Instant::now();
        assert!(scope.await.unwrap_err().is_elapsed());
        assert_eq!(begin.elapsed(), ms(20));
    });
}

#[test]
fn of_a_timeout_and_a_deadline_the_earlier_one_counts() {
    on_each(|| async {
        for (timeout, deadline, ends) in [
            (None, Some(ms(20)), ms(20)),
            (Some(ms(10)), Some(ms(20)), ms(10)),
            (Some(ms(20)), Some(ms(10)), ms(10)),
            (Some(Duration::MAX), Some(ms(10)), ms(10)),
        ] {
            let begin = Instant::now();
            let mut builder = TaskGroup::builder();
            if let Some(after) = timeout {
                builder = builder.timeout(after);
            }
            if let Some(after) = deadline {
                builder = builder.deadline(begin + after);
            }
            let scope = builder.scope(async |tg| {
                assert_eq!(filch::task::deadline(), Some(begin + ends));
                tg.spawn(sleep(HOUR));
                Ok(())
            });
            assert!(scope.await.unwrap_err().is_elapsed());
            assert_eq!(begin.elapsed(), ends);
        }
        let endless = TaskGroup::builder().timeout(Duration::MAX).scope(async |tg| {
            assert_eq!(filch::task::deadline(), None);
            tg.spawn(sleep(HOUR));
            Ok(())
        });
        endless.await.expect("never is not a time");
    });
}

#[test]
fn a_deadline_that_has_passed_ends_a_group_before_its_body_is_polled() {
    on_each(|| async {
        let scope = TaskGroup::builder()
            .deadline(Instant::now())
            .scope(async |_| -> Result<(), _> { unreachable!("nobody polls it") });
        assert!(scope.await.unwrap_err().is_elapsed());
    });
}

#[test]
fn of_equal_deadlines_the_outer_one_reports() {
    on_each(|| async {
        let inner = TaskGroup::builder().timeout(ms(20)).scope(async |tg| {
            tg.spawn(sleep(HOUR));
            Ok(())
        });
        assert!(timeout(ms(20), inner).await.is_err());
        let begin = Instant::now();
        let outer = TaskGroup::builder()
            .timeout(ms(20))
            .scope(async |_| Ok(timeout(ms(20), pending::<()>()).await.is_err()));
        assert!(outer.await.unwrap_err().is_elapsed());
        assert_eq!(begin.elapsed(), ms(20));
    });
}

#[test]
fn with_a_grace_children_are_told_first() {
    on_each(|| async {
        let begin = Instant::now();
        let scope = TaskGroup::scope(async |tg| {
            tg.spawn(async {
                filch::task::cancelled().await;
                sleep(ms(10)).await;
            });
            let stubborn = tg.spawn(sleep(HOUR));
            settle().await;
            drop(tg.cancel().reason("closing time").grace(ms(30)));
            let end = stubborn.join().await;
            assert!(end.unwrap_err().is_cancelled());
            Ok(())
        });
        let _ = scope.await;
        assert_eq!(begin.elapsed(), ms(30));
    });
}

#[test]
fn with_a_grace_a_group_ends_as_soon_as_all_are_done() {
    on_each(|| async {
        let begin = Instant::now();
        let scope = TaskGroup::scope(async |tg| {
            tg.spawn(async {
                filch::task::cancelled().await;
                sleep(ms(10)).await;
            });
            settle().await;
            tg.cancel().grace(HOUR).await;
            Ok(())
        });
        scope.await.expect("it was only canceled");
        assert_eq!(begin.elapsed(), ms(10));
    });
}

#[test]
fn a_timeout_around_a_scope_awaits_the_children() {
    on_each(|| async {
        let witness = Witness::default();
        let scope = TaskGroup::scope(async |tg| {
            let inside = witness.clone();
            tg.spawn(async move {
                sleep(HOUR).await;
                drop(inside);
            });
            Ok(())
        });
        assert!(timeout(ms(5), scope).await.is_err());
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn an_outer_end_is_not_swallowed() {
    on_each(|| async {
        let went_on = Arc::new(AtomicBool::new(false));
        let inside = went_on.clone();
        let outer = TaskGroup::scope(async |tg| {
            tg.create_task(fail_after(ms(5), 1));
            tg.spawn(async move {
                let _ = TaskGroup::scope(async |inner| {
                    inner.spawn(sleep(HOUR));
                    sleep(HOUR).await;
                    Ok(())
                })
                .await;
                inside.store(true, SeqCst);
            });
            Ok(())
        });
        assert_eq!(numbers(&outer.await.unwrap_err()), [1]);
        assert!(!went_on.load(SeqCst));
    });
}

#[test]
fn awaiting_a_child_that_came_too_late_ends_the_body() {
    on_each(|| async {
        let scope = TaskGroup::scope(async |tg| {
            drop(tg.cancel());
            tg.spawn(sleep(HOUR)).await;
            unreachable!("the child has no value");
        });
        let error = scope.await.map(|(): ()| ()).unwrap_err();
        assert!(error.is_cancelled());
    });
}
