//! Ends that meet: a group that is to end for two reasons, or is told twice.

use super::{HOUR, Oops, fail_after, ms, on_each};
use filch::TaskGroup;
use filch::spawn;
use filch::task::{CancelScope, Outcome, cancelled, local_scope};
use filch::time::{Instant, sleep, timeout};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Goes on for a while whatever happens outside.
async fn shielded(ms: u64) {
    let scope = CancelScope::new().shield(true);
    scope.run(sleep(super::ms(ms))).await.expect("nobody cancels the shield itself");
}

#[test]
fn a_panic_of_the_body_is_not_lost_when_a_timeout_ends_the_group_meanwhile() {
    on_each(|| async {
        let task = spawn(timeout(
            ms(100),
            TaskGroup::scope(async |tg| {
                tg.spawn(shielded(300));
                sleep(ms(20)).await;
                if tg.len() == 1 {
                    panic!("body");
                }
                Ok(())
            }),
        ));
        assert!(task.await.expect_err("the body panics").is_panic());
    });
}

async fn failing(is_seen: Arc<AtomicBool>) {
    let scope = TaskGroup::scope(async |tg| {
        tg.spawn(shielded(300));
        tg.create_task(fail_after(ms(20), 1));
        pending::<()>().await;
        Ok(())
    });
    let error = scope.await.expect_err("a child fails");
    is_seen.store(error.errors().any(|error| error.downcast_ref() == Some(&Oops(1))), SeqCst);
}

#[test]
fn a_failure_before_an_outer_end_is_seen_also_behind_a_combinator_with_wakers_of_its_own() {
    on_each(|| async {
        let is_seen = Arc::new(AtomicBool::new(false));
        let _ = timeout(ms(100), failing(is_seen.clone())).await;
        assert!(is_seen.swap(false, SeqCst));
        let inside = local_scope(async |scope| {
            scope.spawn(failing(is_seen.clone()));
            pending::<()>().await;
        });
        let _ = timeout(ms(100), inside).await;
        assert!(is_seen.load(SeqCst));
    });
}

#[test]
fn a_group_that_was_told_to_end_may_still_give_its_children_a_shorter_grace() {
    on_each(|| async {
        let begin = Instant::now();
        let task = spawn(TaskGroup::scope(async |tg| {
            tg.spawn(sleep(HOUR));
            cancelled().await;
            tg.cancel().grace(ms(100)).await;
            Ok(())
        }));
        sleep(ms(20)).await;
        let outcome = task.cancel().grace(ms(2000)).await;
        assert!(matches!(outcome, Outcome::Done(Ok(()))), "{outcome:?}");
        assert_eq!(begin.elapsed(), ms(120));
    });
}

#[test]
fn of_two_graces_the_one_that_ends_sooner_counts() {
    on_each(|| async {
        for (first, second, end) in [(2000, 50, 90), (50, 2000, 70)] {
            let begin = Instant::now();
            let scope = TaskGroup::scope(async |tg| {
                tg.spawn(sleep(HOUR));
                sleep(ms(20)).await;
                drop(tg.cancel().grace(ms(first)));
                sleep(ms(20)).await;
                tg.cancel().grace(ms(second)).await;
                Ok(())
            });
            scope.await.expect("it was only canceled");
            assert_eq!(begin.elapsed(), ms(end));
        }
    });
}

#[test]
fn a_scope_that_is_opened_after_a_notice_is_told_as_well() {
    on_each(|| async {
        let is_told = Arc::new(AtomicBool::new(false));
        let inner_is_told = is_told.clone();
        let begin = Instant::now();
        let scope = TaskGroup::scope(async |tg| {
            tg.spawn(async move {
                cancelled().await;
                let inner = TaskGroup::scope(async |tg| {
                    tg.spawn(async move {
                        cancelled().await;
                        inner_is_told.store(true, SeqCst);
                    });
                    Ok(())
                });
                inner.await.expect("it was only told");
            });
            sleep(ms(20)).await;
            tg.cancel().grace(ms(1000)).await;
            Ok(())
        });
        scope.await.expect("it was only canceled");
        assert!(is_told.load(SeqCst));
        assert_eq!(begin.elapsed(), ms(20));
    });
}

#[test]
fn a_scope_that_the_body_opens_after_a_notice_is_told_as_well() {
    on_each(|| async {
        let begin = Instant::now();
        let scope = TaskGroup::scope(async |tg| {
            drop(tg.cancel().grace(ms(1000)));
            let inner = TaskGroup::scope(async |tg| {
                tg.spawn(async {
                    cancelled().await;
                });
                Ok(())
            });
            inner.await.expect("it was only told");
            Ok(())
        });
        scope.await.expect("it was only told");
        assert_eq!(begin.elapsed(), ms(0));
    });
}
