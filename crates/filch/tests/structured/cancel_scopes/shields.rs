//! What a cancel does not reach: shielded scopes, and work that is a task of its own.

use super::{Tally, detach, on_each, secs, settle};
use crate::tools::{OnDrop, Witness, text_of};
use filch::task::{CancelScope, Reason, TaskGroup, cancelled, deadline, shield, yield_now};
use filch::time::{Instant, sleep, timeout};
use filch::{join, spawn};
use std::future::{Future, pending, poll_fn};
use std::task::Poll;

#[test]
fn a_shield_keeps_a_timeout_waiting() {
    on_each(|| async {
        let (begin, tally) = (Instant::now(), Tally::default());
        let inside = tally.clone();
        let late = timeout(secs(1), async move {
            CancelScope::new()
                .shield(true)
                .run(async {
                    assert_eq!(deadline(), None);
                    sleep(secs(5)).await;
                    inside.note("shielded");
                })
                .await
                .expect("nobody cancels it");
            sleep(secs(5)).await;
            inside.note("behind the shield");
        });
        assert!(late.await.is_err());
        assert_eq!((begin.elapsed(), tally.all()), (secs(5), vec!["shielded"]));
    });
}

#[test]
fn what_is_done_with_its_shield_counts_as_done() {
    on_each(|| async {
        let shielded = CancelScope::new().shield(true);
        let late = timeout(secs(1), shielded.run(async { sleep(secs(5)).await }));
        assert_eq!(late.await, Ok(Ok(())));
    });
}

#[test]
fn a_shield_keeps_scopes_around_it_waiting() {
    on_each(|| async {
        let (begin, outer) = (Instant::now(), CancelScope::new());
        let handle = outer.clone();
        detach(async move {
            sleep(secs(1)).await;
            handle.cancel().reason("outer");
        });
        let outcome = outer.run(async {
            let inner = CancelScope::new().shield(true);
            inner.run(async { sleep(secs(3)).await }).await.expect("nobody cancels it");
            pending::<()>().await;
        });
        assert_eq!(outcome.await.expect_err("endless").reason().as_str(), "outer");
        assert_eq!(begin.elapsed(), secs(3));
    });
}

#[test]
fn a_shield_keeps_notices_out() {
    on_each(|| async {
        let (begin, outer) = (Instant::now(), CancelScope::new());
        outer.cancel().grace(secs(2));
        let outcome = outer.run(async {
            let inner = CancelScope::new().shield(true);
            let told = inner.run(timeout(secs(5), cancelled())).await;
            assert!(told.expect("nobody cancels it").is_err());
            assert!(!inner.is_cancelled());
            pending::<()>().await;
        });
        assert!(outcome.await.is_err());
        assert_eq!(begin.elapsed(), secs(5));
    });
}

#[test]
fn its_own_deadline_and_cancel_reach_into_a_shield() {
    on_each(|| async {
        let begin = Instant::now();
        let inner = CancelScope::after(secs(2)).shield(true);
        let late = timeout(secs(1), async {
            let inner = inner.run(pending::<()>()).await;
            assert!(inner.expect_err("endless").is_elapsed());
            sleep(secs(5)).await;
        });
        assert!(late.await.is_err());
        assert_eq!(begin.elapsed(), secs(2));
        let inner = CancelScope::new().shield(true);
        let handle = inner.clone();
        detach(async move {
            sleep(secs(2)).await;
            handle.cancel();
        });
        let late = timeout(secs(1), async {
            assert!(inner.run(pending::<()>()).await.is_err());
            sleep(secs(5)).await;
        });
        assert!(late.await.is_err());
        assert_eq!(begin.elapsed(), secs(4));
    });
}

#[test]
fn deadlines_behind_a_shield_count_for_themselves() {
    on_each(|| async {
        let at = Instant::now() + secs(1);
        let outer = filch::time::timeout_at(at, async {
            let shielded = CancelScope::new().shield(true);
            shielded.run(filch::time::timeout_at(at, pending::<()>())).await
        });
        assert!(outer.await.expect("the shield was done").expect("nobody cancels it").is_err());
    });
}

#[test]
fn a_drop_reaches_into_a_shield() {
    on_each(|| async {
        let witness = Witness::default();
        let inside = witness.clone();
        let task = spawn(async move {
            let shielded = CancelScope::new().shield(true);
            let run = shielded.run(async move {
                let _inside = inside;
                pending::<()>().await;
            });
            run.await
        });
        settle().await;
        assert_eq!(witness.n_alive(), 1);
        task.abort();
        assert!(task.await.expect_err("it was aborted").is_cancelled());
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn an_end_from_outside_is_not_reported_by_scopes_that_are_polled_beside_a_shield() {
    on_each(|| async {
        let (begin, tally) = (Instant::now(), Tally::default());
        let inside = tally.clone();
        let late = timeout(secs(1), async move {
            let shielded = CancelScope::new().shield(true);
            let plain = CancelScope::new();
            join!(shielded.run(async { sleep(secs(5)).await }), async {
                let _ = plain.run(pending::<()>()).await;
                inside.note("swallowed");
            })
        });
        assert!(late.await.is_err());
        assert_eq!(begin.elapsed(), secs(5));
        assert!(tally.all().is_empty());
    });
}

#[test]
fn a_group_waits_for_the_shields_of_its_children() {
    on_each(|| async {
        let (begin, tally) = (Instant::now(), Tally::default());
        let inside = tally.clone();
        let late = timeout(
            secs(1),
            TaskGroup::scope(async move |group| {
                group.spawn(async move {
                    let shielded = CancelScope::new().shield(true);
                    let told = shielded.run(timeout(secs(3), cancelled())).await;
                    assert!(told.expect("nobody cancels it").is_err());
                    inside.note("shielded");
                    yield_now().await;
                    inside.note("behind the shield");
                });
                pending::<()>().await;
                Ok(())
            }),
        );
        assert!(late.await.is_err());
        assert_eq!((begin.elapsed(), tally.all()), (secs(3), vec!["shielded"]));
    });
}

#[test]
fn shielded_work_gives_its_output() {
    on_each(|| async {
        assert_eq!(shield(async { 7 }).await, 7);
        let (begin, mut work) = (Instant::now(), shield(sleep(secs(2))));
        sleep(secs(1)).await;
        (&mut work).await;
        assert_eq!(begin.elapsed(), secs(2), "a sleep counts from its making");
    });
}

#[test]
fn shielded_work_starts_with_the_first_poll() {
    on_each(|| async {
        let tally = Tally::default();
        let inside = tally.clone();
        let work = shield(async move { inside.note("begun") });
        settle().await;
        drop(work);
        settle().await;
        assert!(tally.all().is_empty());
    });
}

#[test]
fn a_panic_of_shielded_work_goes_on_in_who_awaits_it() {
    on_each(|| async {
        let task = spawn(async { shield(async { panic!("inside") }).await });
        let error = task.await.expect_err("it panics");
        assert_eq!(text_of(error.into_panic()), "inside");
    });
}

#[test]
fn shielded_work_goes_on_when_nobody_awaits_it() {
    on_each(|| async {
        let (begin, tally) = (Instant::now(), Tally::default());
        let inside = tally.clone();
        let late = timeout(
            secs(1),
            shield(async move {
                assert_eq!(deadline(), None);
                let told = timeout(secs(3), cancelled()).await;
                inside.note(if told.is_ok() { "told" } else { "left alone" });
            }),
        );
        assert!(late.await.is_err());
        assert_eq!(begin.elapsed(), secs(1), "nobody waits for it");
        sleep(secs(5)).await;
        assert_eq!(tally.all(), ["left alone"]);
    });
}

#[test]
fn the_nearest_group_awaits_shielded_work() {
    on_each(|| async {
        let (begin, tally) = (Instant::now(), Tally::default());
        let inside = tally.clone();
        let group = TaskGroup::scope(async move |group| {
            group.spawn(async move {
                let late = timeout(
                    secs(1),
                    shield(async move {
                        sleep(secs(3)).await;
                        inside.note("done");
                    }),
                );
                assert!(late.await.is_err());
            });
            Ok(())
        });
        group.await.expect("no child fails");
        assert_eq!((begin.elapsed(), tally.all()), (secs(3), vec!["done"]));
    });
}

#[test]
fn a_canceled_group_awaits_shielded_work_still() {
    on_each(|| async {
        let (begin, tally) = (Instant::now(), Tally::default());
        let inside = tally.clone();
        let late = timeout(
            secs(1),
            TaskGroup::scope(async move |_| {
                shield(async move {
                    sleep(secs(3)).await;
                    inside.note("done");
                })
                .await;
                Ok(())
            }),
        );
        assert!(late.await.is_err());
        assert_eq!((begin.elapsed(), tally.all()), (secs(3), vec!["done"]));
    });
}

#[test]
fn a_shield_polled_again_after_its_output_gets_a_sentence() {
    on_each(|| async {
        let task = spawn(async {
            let mut work = shield(async {});
            (&mut work).await;
            (&mut work).await;
        });
        let error = task.await.expect_err("it panics");
        assert!(text_of(error.into_panic()).contains("await it once"));
    });
}

#[test]
fn a_panic_in_a_shield_ends_the_wait_of_a_late_timeout() {
    on_each(|| async {
        let witness = Witness::default();
        let inside = witness.clone();
        let task = spawn(timeout(secs(1), async move {
            let shielded = CancelScope::new().shield(true);
            let run = shielded.run(async move {
                let _inside = inside;
                sleep(secs(3)).await;
                panic!("inside of the shield");
            });
            run.await
        }));
        let error = task.await.expect_err("it panics");
        assert_eq!(text_of(error.into_panic()), "inside of the shield");
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn a_shield_that_was_dropped_protects_nothing() {
    on_each(|| async {
        let begin = Instant::now();
        let late = timeout(secs(1), async {
            let shielded = CancelScope::new().shield(true);
            let mut run = Box::pin(shielded.run(pending::<()>()));
            poll_fn(|cx| {
                assert!(run.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            drop(run);
            pending::<()>().await;
            drop(shielded);
        });
        assert!(late.await.is_err());
        assert_eq!(begin.elapsed(), secs(1));
    });
}

#[test]
fn the_reason_of_a_deadline_reaches_what_is_inside() {
    on_each(|| async {
        let reasons = std::sync::Arc::new(std::sync::Mutex::new(None::<Reason>));
        let seen = reasons.clone();
        let scope = CancelScope::after(secs(1));
        let outcome = scope.run(async move {
            detach(async move {
                let reason = cancelled().await;
                *seen.lock().expect("no panic") = Some(reason);
            });
            let _drops = OnDrop(|| ());
            pending::<()>().await;
        });
        assert!(outcome.await.is_err());
        settle().await;
        let reason = reasons.lock().expect("no panic").clone();
        assert_eq!(reason.expect("it was told").as_str(), "deadline has elapsed");
    });
}
