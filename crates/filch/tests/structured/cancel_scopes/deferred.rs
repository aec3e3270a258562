//! Clean-up that is run whatever happens.

use super::{Tally, on_each, secs, settle};
use crate::sanitizer::forget;
use crate::tools::{Witness, text_of};
use filch::spawn;
use filch::task::{
    CancelScope, TaskGroup, cancelled, deadline, defer_async, move_on_after, yield_now,
};
use filch::time::{Instant, sleep, timeout};
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// A clean-up of two seconds.
async fn clean_up(tally: Tally) {
    tally.note("begun");
    sleep(secs(2)).await;
    tally.note("done");
}

#[test]
fn a_clean_up_begins_when_its_block_is_left() {
    on_each(|| async {
        let (begin, tally) = (Instant::now(), Tally::default());
        {
            let _guard = defer_async(clean_up(tally.clone()));
            sleep(secs(1)).await;
            assert!(tally.all().is_empty());
        }
        assert_eq!(begin.elapsed(), secs(1), "nobody waits for it in place");
        settle().await;
        assert_eq!(tally.all(), ["begun"]);
        sleep(secs(3)).await;
        assert_eq!(tally.all(), ["begun", "done"]);
    });
}

#[test]
fn a_clean_up_is_run_after_a_cancel_a_timeout_a_panic_and_an_abort() {
    on_each(|| async {
        let tally = Tally::default();
        let endless = |tally: Tally| async move {
            let _guard = defer_async(clean_up(tally));
            pending::<()>().await;
        };
        assert!(timeout(secs(1), endless(tally.clone())).await.is_err());
        let scope = CancelScope::after(secs(1));
        assert!(scope.run(endless(tally.clone())).await.is_err());
        let aborted = spawn(endless(tally.clone()));
        settle().await;
        aborted.abort();
        assert!(aborted.await.is_err());
        let noted = tally.clone();
        let panics = spawn(async move {
            let _guard = defer_async(clean_up(noted));
            panic!("on purpose");
        });
        assert!(panics.await.expect_err("it panics").is_panic());
        sleep(secs(10)).await;
        assert_eq!(tally.all().iter().filter(|what| **what == "done").count(), 4);
    });
}

#[test]
fn clean_ups_run_side_by_side() {
    on_each(|| async {
        let (begin, tally) = (Instant::now(), Tally::default());
        let (first, second) = (tally.clone(), tally.clone());
        let group = TaskGroup::scope(async move |_| {
            let _first = defer_async(clean_up(first));
            let _second = defer_async(clean_up(second));
            yield_now().await;
            Ok(())
        });
        group.await.expect("nothing fails");
        assert_eq!(
            (begin.elapsed(), tally.all()),
            (secs(2), vec!["begun", "begun", "done", "done"])
        );
    });
}

#[test]
fn the_nearest_group_awaits_a_clean_up_even_when_it_is_canceled() {
    on_each(|| async {
        let (begin, tally) = (Instant::now(), Tally::default());
        let noted = tally.clone();
        let late = timeout(
            secs(1),
            TaskGroup::scope(async |group| {
                group.spawn(async move {
                    let _guard = defer_async(clean_up(noted));
                    pending::<()>().await;
                });
                Ok(())
            }),
        );
        assert!(late.await.is_err());
        assert_eq!((begin.elapsed(), tally.all()), (secs(3), vec!["begun", "done"]));
    });
}

#[test]
fn no_deadline_and_no_cancel_reaches_a_clean_up() {
    on_each(|| async {
        let tally = Tally::default();
        let (scope, noted) = (CancelScope::after(secs(1)), tally.clone());
        let outcome = scope.run(async move {
            let _guard = defer_async(async move {
                assert_eq!(deadline(), None);
                let told = timeout(secs(2), cancelled()).await;
                noted.note(if told.is_ok() { "told" } else { "left alone" });
            });
            pending::<()>().await;
        });
        assert!(outcome.await.is_err());
        sleep(secs(5)).await;
        assert_eq!(tally.all(), ["left alone"]);
    });
}

#[test]
fn a_clean_up_can_be_run_in_place_or_never() {
    on_each(|| async {
        let (begin, tally) = (Instant::now(), Tally::default());
        defer_async(clean_up(tally.clone())).run().await;
        assert_eq!((begin.elapsed(), tally.all()), (secs(2), vec!["begun", "done"]));
        let witness = Witness::default();
        let inside = witness.clone();
        defer_async(async move {
            let _inside = inside;
            tally.note("never");
        })
        .defuse();
        assert_eq!(witness.n_alive(), 0);
        settle().await;
    });
}

#[test]
fn a_clean_up_that_is_interrupted_goes_on_where_it_was() {
    on_each(|| async {
        let tally = Tally::default();
        let guard = defer_async(clean_up(tally.clone()));
        assert_eq!(move_on_after(secs(1), guard.run()).await, None);
        assert_eq!(tally.all(), ["begun"]);
        sleep(secs(2)).await;
        assert_eq!(tally.all(), ["begun", "done"]);
        let unpolled = defer_async(clean_up(tally.clone())).run();
        drop(unpolled);
        sleep(secs(3)).await;
        assert_eq!(tally.all(), ["begun", "done", "begun", "done"]);
    });
}

#[test]
fn a_clean_up_that_is_done_is_not_run_again() {
    on_each(|| async {
        let tally = Tally::default();
        let noted = tally.clone();
        let mut run = pin!(defer_async(async move { noted.note("once") }).run());
        poll_fn(|cx| {
            assert!(run.as_mut().poll(cx).is_ready());
            assert!(run.as_mut().poll(cx).is_ready());
            Poll::Ready(())
        })
        .await;
        settle().await;
        assert_eq!(tally.all(), ["once"]);
    });
}

#[test]
fn a_panic_of_a_clean_up_that_is_run_in_place_passes_through_and_it_is_not_run_again() {
    on_each(|| async {
        let tally = Tally::default();
        let noted = tally.clone();
        let task = spawn(async move {
            let guard = defer_async(async move {
                yield_now().await;
                noted.note("once");
                panic!("in the clean-up");
            });
            guard.run().await;
        });
        assert_eq!(text_of(task.await.expect_err("it panics").into_panic()), "in the clean-up");
        settle().await;
        assert_eq!(tally.all(), ["once"]);
    });
}

#[test]
fn a_forgotten_guard_does_nothing() {
    on_each(|| async {
        let tally = Tally::default();
        forget(defer_async(clean_up(tally.clone())));
        settle().await;
        assert!(tally.all().is_empty());
    });
}

filch::context! {
    static REQUEST: u32;
}

#[test]
fn a_clean_up_sees_the_context_values_of_its_guard() {
    on_each(|| async {
        let tally = Tally::default();
        let noted = tally.clone();
        let guard = REQUEST.scope(7, async move {
            defer_async(async move {
                assert_eq!(REQUEST.get(), 7);
                noted.note("seen");
            })
        });
        let guard = guard.await;
        drop(guard);
        sleep(secs(1)).await;
        assert_eq!(tally.all(), ["seen"]);
    });
}
