//! `join!` and `try_join!`.

use super::probe::{Diary, finish, poll_once};
use filch::sync::oneshot;
use std::cell::Cell;
use std::future::{pending, ready};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

#[test]
fn outputs_come_in_the_order_of_the_futures() {
    let diary = Diary::default();
    let output = finish(async { filch::join!(diary.probe("a", 2), ready(1), diary.probe("c", 0)) });
    assert_eq!(output, ("a", 1, "c"));
}

#[test]
fn one_future_makes_a_tuple_of_one_and_none_the_empty_one() {
    finish(async {
        assert_eq!(filch::join!(ready(1)), (1,));
        assert_eq!(filch::join!(biased; ready(1),), (1,));
        filch::join!();
        assert_eq!(filch::try_join!(ready(Ok::<_, ()>(1))), Ok((1,)));
        assert_eq!(filch::try_join!(biased; ready(Ok::<_, ()>(1)),), Ok((1,)));
        let none: Result<(), ()> = filch::try_join!();
        assert_eq!(none, Ok(()));
    });
}

#[test]
fn futures_run_concurrently() {
    filch::block_on(async {
        let (to_right, from_left) = oneshot::channel();
        let (to_left, from_right) = oneshot::channel();
        let left = async {
            to_right.send(1).expect("right is listening");
            from_right.await.expect("right answers")
        };
        let right = async {
            let n: i32 = from_left.await.expect("left asks");
            to_left.send(n + 1).expect("left is listening");
            n
        };
        assert_eq!(filch::join!(left, right), (2, 1));
    });
}

#[test]
fn futures_may_borrow_from_the_task() {
    finish(async {
        let mut counts = [0, 0];
        let [left, right] = &mut counts;
        filch::join!(async { *left += 1 }, async { *right += 2 });
        assert_eq!(counts, [1, 2]);

        let kept = async { 3 };
        filch::pin!(kept);
        assert_eq!(filch::join!(&mut kept, async { 4 }), (3, 4));
    });
}

#[test]
fn a_completed_future_is_dropped_at_once_and_not_polled_again() {
    let diary = Diary::default();
    let mut join = pin!(async { filch::join!(biased; diary.probe("a", 0), diary.probe("b", 1)) });
    assert!(poll_once(join.as_mut()).is_pending());
    assert_eq!(diary.read(), ["poll a", "drop a", "poll b"]);
    assert_eq!(poll_once(join.as_mut()), Poll::Ready(("a", "b")));
    assert_eq!(diary.read(), ["poll b", "drop b"]);
}

#[test]
fn each_poll_begins_with_the_next_future() {
    let diary = Diary::default();
    let mut join =
        pin!(async { filch::join!(diary.probe("a", 9), diary.probe("b", 9), diary.probe("c", 9)) });
    for order in [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]] {
        assert!(poll_once(join.as_mut()).is_pending());
        assert_eq!(diary.read(), order.map(|name| format!("poll {name}")));
    }
}

#[test]
fn a_biased_join_always_begins_with_the_first_future() {
    let diary = Diary::default();
    let mut join = pin!(async { filch::join!(biased; diary.probe("a", 9), diary.probe("b", 9)) });
    for _ in 0..4 {
        assert!(poll_once(join.as_mut()).is_pending());
        assert_eq!(diary.read(), ["poll a", "poll b"]);
    }
}

#[test]
fn a_dropped_join_drops_its_futures_and_outputs() {
    let diary = Diary::default();
    {
        let mut join = pin!(async {
            filch::join!(
                diary.probe("a", 9),
                async { Some(diary.probe("output", 0)) },
                diary.probe("c", 9)
            );
        });
        assert!(poll_once(join.as_mut()).is_pending());
        diary.read();
    }
    let mut dropped = diary.read();
    dropped.sort();
    assert_eq!(dropped, ["drop a", "drop c", "drop output"]);
}

#[test]
fn try_join_hands_out_all_values() {
    let output: Result<_, String> =
        finish(async { filch::try_join!(async { Ok(1) }, async { Ok("two") }) });
    assert_eq!(output, Ok((1, "two")));
}

#[test]
fn the_first_error_ends_a_try_join_and_drops_the_others() {
    let diary = Diary::default();
    let output: Result<(&str, (), u32), &str> = finish(async {
        filch::try_join!(async { Ok(diary.probe("a", 0).await) }, pending(), async {
            Err(diary.probe("c", 1).await)
        },)
    });
    assert_eq!(output, Err("c"));
    assert_eq!(diary.read(), ["poll a", "drop a", "poll c", "poll c", "drop c"]);
}

#[test]
fn an_error_ends_the_round_in_which_it_appears() {
    let polled = Cell::new(false);
    let output: Result<((), ()), u32> = finish(async {
        filch::try_join!(biased; async { Err(1) }, async {
            polled.set(true);
            Err(2)
        })
    });
    assert_eq!(output, Err(1));
    assert!(!polled.get());
}

#[test]
fn the_error_type_follows_from_the_function() {
    async fn sum(left: &str, right: &str) -> Result<u32, Box<dyn std::error::Error>> {
        let parse = |text: &str| ready(text.parse::<u32>());
        let (left, right) = filch::try_join!(parse(left), parse(right))?;
        Ok(left + right)
    }
    assert_eq!(finish(sum("1", "2")).expect("both are numbers"), 3);
    assert!(finish(sum("1", "b")).is_err());
}

#[test]
fn a_future_that_is_always_ready_does_not_starve_its_neighbor() {
    filch::block_on(async {
        let task = filch::spawn(async {
            let done = AtomicBool::new(false);
            let spin = async {
                let mut turns = 0_u64;
                while !done.load(Ordering::Relaxed) {
                    let (sender, receiver) = oneshot::channel();
                    sender.send(()).expect("the receiver exists");
                    receiver.await.expect("the message is there");
                    turns += 1;
                    assert!(turns < 1_000_000, "the other future is never polled");
                }
            };
            filch::join!(spin, async { done.store(true, Ordering::Relaxed) });
        });
        task.await.expect("the task does not panic");
    });
}

#[test]
fn joins_nest() {
    let output =
        finish(async { filch::join!(async { filch::join!(ready(1), ready(2)) }, ready(3)) });
    assert_eq!(output, ((1, 2), 3));
}

#[test]
fn a_join_of_sendable_futures_can_be_spawned() {
    filch::block_on(async {
        let task = filch::spawn(async {
            filch::join!(async { 1 }, async { filch::try_join!(async { Ok::<_, ()>(2) }) })
        });
        assert_eq!(task.await.expect("the task does not panic"), (1, Ok((2,))));
    });
}

#[test]
fn sixty_four_futures_fit() {
    #[rustfmt::skip]
    macro_rules! times_64 {
        ($join:ident, $future:expr) => {
            filch::$join!(
                $future, $future, $future, $future, $future, $future, $future, $future,
                $future, $future, $future, $future, $future, $future, $future, $future,
                $future, $future, $future, $future, $future, $future, $future, $future,
                $future, $future, $future, $future, $future, $future, $future, $future,
                $future, $future, $future, $future, $future, $future, $future, $future,
                $future, $future, $future, $future, $future, $future, $future, $future,
                $future, $future, $future, $future, $future, $future, $future, $future,
                $future, $future, $future, $future, $future, $future, $future, $future,
            )
        };
    }
    finish(async {
        let count = Cell::new(0);
        let one = async || count.set(count.get() + 1);
        times_64!(join, one());
        assert_eq!(count.get(), 64);
        assert!(
            times_64!(try_join, async {
                one().await;
                Ok::<_, ()>(())
            })
            .is_ok()
        );
        assert_eq!(count.get(), 128);
    });
}
