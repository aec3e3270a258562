//! `race`.

use super::{HOUR, after_each_poll, on_each_stopped, poll_once};
use crate::tools::{Hand, OnDrop, Witness, on_each_flavor, panic_of, text_of};
use filch::task::{all_tasks, race, yield_now};
use filch::time::{Duration, Instant, sleep, timeout};
use std::future::{Ready, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_first_to_end_wins_and_the_others_are_gone() {
    on_each_stopped(|runtime| {
        for fast in 0..5 {
            let witness = Witness::default();
            let runners = (0..5).map(|i| {
                let captured = witness.clone();
                async move {
                    let _captured = captured;
                    sleep(if i == fast { SECOND } else { HOUR }).await;
                    i
                }
            });
            runtime.block_on(async {
                let begin = Instant::now();
                assert_eq!(race(runners).await, fast);
                assert_eq!(begin.elapsed(), SECOND);
                assert_eq!(witness.n_alive(), 0);
                assert!(all_tasks().is_empty());
            });
        }
    });
}

#[test]
fn of_many_that_are_ready_at_once_exactly_one_wins() {
    on_each_flavor(|runtime| {
        for _ in 0..100 {
            let witness = Witness::default();
            let runners = (0..10).map(|i| {
                let captured = witness.clone();
                async move { (i, captured) }
            });
            let (winner, captured) = runtime.block_on(race(runners));
            assert!(winner < 10);
            assert_eq!(witness.n_alive(), 1);
            drop(captured);
        }
    });
}

#[test]
fn the_panic_of_the_first_goes_on() {
    on_each_stopped(|runtime| {
        let witness = Witness::default();
        let runners = (1..=3_u32).map(|n| {
            let captured = witness.clone();
            async move {
                let _captured = captured;
                sleep(n * SECOND).await;
                panic!("{n} was the first");
            }
        });
        assert_eq!(panic_of(|| runtime.block_on(race::<_>(runners.map(unit)))), "1 was the first");
        assert_eq!(witness.n_alive(), 0);
    });
}

async fn unit(future: impl Future<Output = ()>) {
    future.await;
}

#[test]
fn what_the_others_panic_with_is_not_what_the_race_gives() {
    on_each_stopped(|runtime| {
        let runners = [false, true].map(|is_fast| async move {
            if is_fast {
                sleep(SECOND).await;
                return 1;
            }
            let _bomb = OnDrop(|| panic!("in its drop"));
            pending().await
        });
        assert_eq!(runtime.block_on(race(runners)), 1);
    });
}

#[test]
fn without_runners_there_is_no_race() {
    let none: [Ready<u32>; 0] = [];
    let message = panic_of(|| Hand::default().poll(&mut race(none)));
    assert!(message.contains("races.rs") && message.contains("has no future"), "{message}");
}

#[test]
fn dropped_after_any_poll_it_leaves_no_child_behind() {
    after_each_poll(|n_polls| async move {
        let witness = Witness::default();
        let mut racing = race((0..5).map(|_| {
            let captured = witness.clone();
            async move {
                let _captured = captured;
                pending::<()>().await;
            }
        }));
        for _ in 0..n_polls {
            assert!(poll_once(&mut racing).await.is_pending());
            yield_now().await;
        }
        drop(racing);
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn a_timeout_around_it_ends_the_children() {
    on_each_stopped(|runtime| {
        let witness = Witness::default();
        let captured = witness.clone();
        runtime.block_on(async {
            let racing = race([async move {
                let _captured = captured;
                pending::<()>().await;
            }]);
            assert!(timeout(SECOND, racing).await.is_err());
            assert_eq!(witness.n_alive(), 0);
        });
    });
}

#[test]
fn when_all_were_aborted_it_says_so() {
    on_each_flavor(|runtime| {
        let message = panic_of(|| {
            runtime.block_on(async {
                filch::join!(race([pending::<()>(), pending()]), async {
                    while all_tasks().is_empty() {
                        yield_now().await;
                    }
                    all_tasks().iter().for_each(|task| task.abort_handle().abort());
                });
            });
        });
        assert!(message.contains("was aborted"), "{message}");
    });
}

#[test]
fn polled_after_its_output_it_says_so() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let mut racing = race([async { 1 }]);
            assert_eq!((&mut racing).await, 1);
            let again = catch_unwind(AssertUnwindSafe(|| Hand::default().poll(&mut racing)));
            let message = text_of(again.expect_err("it panics"));
            assert!(message.ends_with("await it once"), "{message}");
        });
    });
}
