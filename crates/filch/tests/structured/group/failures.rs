//! What becomes of errors and panics.

use super::{HOUR, Oops, fail_after, ms, numbers, on_each};
use crate::tools::{Witness, panic_of, text_of};
use filch::TaskGroup;
use filch::task::{Cause, Failure, GroupError};
use filch::time::{Instant, sleep};
use futures_lite::FutureExt as _;
use std::panic::AssertUnwindSafe;

#[test]
fn the_first_error_ends_the_siblings_and_the_body() {
    on_each(|| async {
        let (begin, witness) = (Instant::now(), Witness::default());
        let scope = TaskGroup::scope(async |tg| {
            for _ in 0..3 {
                let witness = witness.clone();
                tg.spawn(async move {
                    sleep(HOUR).await;
                    drop(witness);
                });
            }
            tg.create_task(fail_after(ms(10), 1)).await;
            unreachable!("a child that failed has no value")
        });
        let error: GroupError = scope.await.map(|(): ()| ()).unwrap_err();
        assert_eq!(numbers(&error), [1]);
        assert!(!error.is_cancelled() && !error.is_elapsed());
        assert_eq!((begin.elapsed(), witness.n_alive()), (ms(10), 0));
    });
}

#[test]
fn the_error_of_the_body_ends_the_children() {
    on_each(|| async {
        let begin = Instant::now();
        let scope = TaskGroup::scope(async |tg| {
            tg.spawn(sleep(HOUR));
            sleep(ms(5)).await;
            Err::<(), _>(Oops(9).into())
        });
        let error = scope.await.unwrap_err();
        assert_eq!(numbers(&error), [9]);
        assert!(error.first().unwrap().is_body());
        assert_eq!(begin.elapsed(), ms(5));
    });
}

#[test]
fn all_errors_are_kept_in_the_order_in_which_they_came() {
    on_each(|| async {
        let scope = TaskGroup::builder().fail_fast(false).scope(async |tg| {
            for (after, number) in [(30, 3), (10, 1), (20, 2)] {
                tg.create_task(fail_after(ms(after), number));
            }
            tg.spawn(async {
                sleep(ms(15)).await;
                panic!("a panic among them")
            });
            Ok(())
        });
        let error = scope.await.unwrap_err();
        assert_eq!(numbers(&error), [1, 2, 3]);
        let panics: Vec<_> = error.panics().map(ToString::to_string).collect();
        assert!(panics.len() == 1 && panics[0].contains("a panic among them"), "{panics:?}");
        assert!(error.failures()[1].panic().is_some());
    });
}

#[test]
fn an_ordered_group_lists_failures_in_the_order_of_the_spawns_and_the_body_last() {
    on_each(|| async {
        let builder = TaskGroup::builder().fail_fast(false).ordered();
        let scope = builder.scope(async |tg| {
            for (after, number) in [(30, 3), (10, 1), (20, 2)] {
                tg.create_task(fail_after(ms(after), number));
            }
            Err::<(), _>(Oops(0).into())
        });
        assert_eq!(numbers(&scope.await.unwrap_err()), [3, 1, 2, 0]);
    });
}

#[test]
fn a_group_that_goes_on_after_failures_lets_everybody_finish() {
    on_each(|| async {
        let begin = Instant::now();
        let scope = TaskGroup::builder().fail_fast(false).scope(async |tg| {
            let failed = tg.create_task(fail_after(ms(1), 1));
            let error = failed.join().await.unwrap_err();
            assert!(!error.is_cancelled() && !error.is_panic(), "{error}");
            let fine = tg.spawn(sleep(ms(20)));
            fine.await;
            Ok(())
        });
        assert_eq!(numbers(&scope.await.unwrap_err()), [1]);
        assert_eq!(begin.elapsed(), ms(21));
    });
}

#[test]
fn a_panic_of_a_child_ends_the_group_and_is_told_with_name_and_place() {
    on_each(|| async {
        let scope = TaskGroup::scope(async |tg| {
            tg.spawn(sleep(HOUR));
            tg.build_task().name("crasher").spawn(async { panic!("it broke") }).await;
            Ok(())
        });
        let error = scope.await.unwrap_err();
        assert!(
            error.to_string().contains("\"crasher\"") && error.to_string().contains("it broke")
        );
        let [failure] = <[Failure; 1]>::try_from(error.into_failures()).expect("there is one");
        assert_eq!(failure.name(), Some("crasher"));
        assert!(failure.spawned_at().unwrap().file().ends_with("failures.rs"));
        let Cause::Panic(panic) = failure.into_cause() else { panic!("it was a panic") };
        assert_eq!(text_of(panic.into_panic()), "it broke");
    });
}

#[test]
fn a_panic_of_the_body_goes_on_once_the_children_have_ended() {
    on_each(|| async {
        let witness = Witness::default();
        let inside = witness.clone();
        let scope = TaskGroup::scope(async move |tg| {
            tg.spawn(async move {
                sleep(HOUR).await;
                drop(inside);
            });
            sleep(ms(1)).await;
            if ms(1) > ms(0) {
                panic!("the body broke");
            }
            Ok(())
        });
        let payload = AssertUnwindSafe(scope).catch_unwind().await.unwrap_err();
        assert_eq!(text_of(payload), "the body broke");
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn a_panic_in_the_drop_of_a_canceled_child_is_kept() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a panic in a drop");
        }
    }
    on_each(|| async {
        let scope = TaskGroup::scope(async |tg| {
            tg.spawn(async {
                let _bomb = Bomb;
                sleep(HOUR).await;
            });
            sleep(ms(1)).await;
            Err::<(), _>(Oops(1).into())
        });
        let error = scope.await.unwrap_err();
        assert_eq!(numbers(&error), [1]);
        assert_eq!(error.panics().count(), 1);
    });
}

#[test]
fn a_conversion_of_an_error_that_panics_is_a_panic_of_the_child() {
    struct Unconvertible;
    impl From<Unconvertible> for u8 {
        fn from(_: Unconvertible) -> u8 {
            panic!("there is no such number")
        }
    }
    on_each(|| async {
        let scope = TaskGroup::scope_of::<u8, (), _>(async |tg| {
            tg.create_task(async { Err::<(), _>(Unconvertible) });
            Ok(())
        });
        let error = scope.await.unwrap_err();
        assert!(error.panics().next().unwrap().to_string().contains("no such number"));
    });
}

#[test]
fn children_of_a_failed_group_say_what_became_of_them() {
    on_each(|| async {
        let mut children = vec![];
        let scope = TaskGroup::scope(async |tg| {
            children.push(tg.spawn(async {}));
            children.push(tg.spawn(sleep(HOUR)));
            children.push(tg.create_task(fail_after(ms(1), 1)));
            Ok(())
        });
        scope.await.unwrap_err();
        let results: Vec<_> = children.into_iter().map(|child| child.try_result()).collect();
        assert!(results[0].is_ok());
        assert!(results[1].as_ref().unwrap_err().is_cancelled());
        let failed = results[2].as_ref().unwrap_err();
        assert!(!failed.is_cancelled() && !failed.is_panic());
        assert!(failed.to_string().contains("its group has the error"));
    });
}

#[test]
fn failures_are_parted_by_a_predicate() {
    on_each(|| async {
        let scope = TaskGroup::builder().fail_fast(false).scope(async |tg| {
            for number in 1..=4 {
                tg.create_task(fail_after(ms(number.into()), number));
            }
            Ok(())
        });
        let error = scope.await.unwrap_err();
        let is_even = |failure: &Failure| numbers_of(failure).is_multiple_of(2);
        let (even, odd) = error.split(is_even);
        assert_eq!(numbers(&even.unwrap()), [2, 4]);
        let (none, odd) = odd.unwrap().split(is_even);
        assert!(none.is_none());
        assert_eq!(numbers(&odd.unwrap()), [1, 3]);
    });
}

fn numbers_of(failure: &Failure) -> u32 {
    failure.error().and_then(filch::Error::downcast_ref::<Oops>).expect("it is an Oops").0
}

#[test]
fn a_start_whose_child_fails_first_gives_the_error_of_the_child() {
    on_each(|| async {
        let scope = TaskGroup::scope(async |tg| {
            tg.start(async |started| {
                sleep(ms(1)).await;
                if ms(1) > ms(0) {
                    return Err(Oops(1));
                }
                started.ready(());
                Ok(())
            })
            .await;
            Ok(())
        });
        assert_eq!(numbers(&scope.await.unwrap_err()), [1]);
    });
}

#[test]
fn a_start_ends_with_its_group() {
    on_each(|| async {
        let scope = TaskGroup::scope(async |tg| {
            tg.create_task(fail_after(ms(1), 1));
            tg.start(async |_started: filch::task::Started<()>| {
                sleep(HOUR).await;
                Ok::<_, Oops>(())
            })
            .await;
            Ok(())
        });
        assert_eq!(numbers(&scope.await.unwrap_err()), [1]);
    });
}

#[test]
fn a_start_whose_child_never_gets_ready_says_so() {
    let runtime = crate::tools::workers(1);
    let message = panic_of(|| {
        runtime.block_on(TaskGroup::scope(async |tg| {
            tg.start(async |_started: filch::task::Started<()>| Ok::<_, Oops>(())).await;
            Ok(())
        }))
    });
    assert!(message.contains("without calling Started::ready"), "{message}");
}
