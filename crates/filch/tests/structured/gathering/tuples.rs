//! `gather!`.

use super::{HOUR, after_each_poll, on_each_stopped, poll_once};
use crate::tools::{Hand, Witness, on_each_flavor, panic_of};
use filch::gather;
use filch::task::{all_tasks, current_task, yield_now};
use filch::time::{Duration, sleep, timeout};
use std::future::pending;
use std::pin::pin;
use std::task::Poll;

#[test]
fn outputs_of_unlike_types_come_as_a_tuple() {
    on_each_stopped(|runtime| {
        let (number, text, unit, result) = runtime.block_on(async {
            gather!(
                async {
                    sleep(HOUR).await;
                    1_u8
                },
                async { "two".to_owned() },
                yield_now(),
                async { Err::<(), _>('4') },
            )
        });
        assert_eq!((number, text.as_str(), unit, result), (1, "two", (), Err('4')));
    });
}

#[test]
fn none_and_one() {
    assert_eq!(Hand::default().poll(&mut pin!(async { gather!() })), Poll::Ready(()));
    on_each_flavor(|runtime| {
        assert_eq!(runtime.block_on(async { gather!(async { 1 }) }), (1,));
    });
}

#[test]
fn each_is_a_task_of_its_own_named_by_the_place_of_the_macro() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let this = || async { current_task().expect("it runs in a task") };
            let line = line!() + 1;
            let (a, b) = gather!(this(), this());
            assert_ne!(a, b);
            for task in [a, b] {
                assert!(task.spawned_at().file().ends_with("tuples.rs"));
                assert_eq!(task.spawned_at().line(), line);
            }
        });
    });
}

#[test]
fn a_panic_in_any_place_goes_on_once_all_have_ended() {
    on_each_flavor(|runtime| {
        for bad in 0..3 {
            let witness = Witness::default();
            let child = |i: usize| {
                let captured = witness.clone();
                async move {
                    let _captured = captured;
                    assert!(i != bad, "{i} is bad");
                    for _ in 0..10 {
                        yield_now().await;
                    }
                }
            };
            let message = panic_of(|| {
                runtime.block_on(async { gather!(child(0), child(1), child(2)) });
            });
            assert_eq!(message, format!("{bad} is bad"));
            assert_eq!(witness.n_alive(), 0);
        }
    });
}

#[test]
fn it_works_inside_a_task_with_the_question_mark() {
    async fn parse(text: &'static str) -> Result<u32, std::num::ParseIntError> {
        text.parse()
    }
    async fn sum(a: &'static str, b: &'static str) -> Result<u32, std::num::ParseIntError> {
        let (a, b) = gather!(parse(a), parse(b));
        Ok(a? + b?)
    }
    on_each_flavor(|runtime| {
        let task = runtime.spawn(async { (sum("1", "2").await, sum("1", "x").await) });
        let (good, bad) = runtime.block_on(task).expect("it does not panic");
        assert_eq!(good, Ok(3));
        assert!(bad.is_err());
    });
}

#[test]
fn an_expression_that_leaves_starts_nothing() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let left = async {
                let missing: Option<std::future::Ready<()>> = None;
                gather!(pending::<()>(), missing?);
                Some(())
            };
            assert_eq!(left.await, None);
            assert!(all_tasks().is_empty());
        });
    });
}

#[test]
fn dropped_after_any_poll_it_leaves_no_child_behind() {
    after_each_poll(|n_polls| async move {
        let witness = Witness::default();
        let (first, second) = (witness.clone(), witness.clone());
        let mut gathered = Box::pin(async move {
            gather!(
                async move {
                    let _first = first;
                    pending::<()>().await;
                },
                async move { second },
            )
        });
        for _ in 0..n_polls {
            assert!(poll_once(&mut gathered).await.is_pending());
            yield_now().await;
        }
        drop(gathered);
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn a_timeout_around_it_ends_the_children() {
    on_each_stopped(|runtime| {
        let witness = Witness::default();
        let captured = witness.clone();
        runtime.block_on(async {
            let gathered = async {
                gather!(pending::<()>(), async move {
                    let _captured = captured;
                    pending::<u32>().await
                })
            };
            assert!(timeout(Duration::from_secs(1), gathered).await.is_err());
            assert_eq!(witness.n_alive(), 0);
        });
    });
}
