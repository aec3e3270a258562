//! `as_completed`.

use super::{HOUR, after_each_poll, on_each_stopped, poll_once};
use crate::tools::{Witness, on_each_flavor, panic_of, text_of};
use filch::spawn;
use filch::task::{CancelScope, all_tasks, as_completed, yield_now};
use filch::time::{Duration, Instant, sleep, timeout};
use futures_lite::{FutureExt, StreamExt};
use std::future::{Ready, pending};
use std::panic::AssertUnwindSafe;
use std::pin::pin;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn outputs_come_in_the_order_of_the_ends() {
    on_each_stopped(|runtime| {
        runtime.block_on(async {
            let mut naps = as_completed([4, 1, 3, 2].map(|n: u32| async move {
                sleep(n * HOUR).await;
                n
            }));
            for n in 1..=4 {
                assert_eq!(naps.len(), 5 - n as usize);
                assert_eq!(naps.next().await, Some(n));
            }
            assert!(naps.is_empty());
            assert_eq!(naps.next().await, None);
            assert_eq!(naps.next().await, None);
        });
    });
}

#[test]
fn without_children_there_is_nothing_to_wait_for() {
    let none: [Ready<u32>; 0] = [];
    let mut none = as_completed(none);
    assert_eq!((none.len(), none.is_empty()), (0, true));
    assert_eq!(futures_lite::future::block_on(none.next()), None);
}

#[test]
fn it_starts_at_the_call() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let mut one = as_completed([async { 1 }]);
            while !all_tasks().is_empty() {
                yield_now().await;
            }
            assert_eq!(one.next().await, Some(1));
        });
    });
}

#[test]
fn it_is_a_stream() {
    on_each_flavor(|runtime| {
        let mut outputs: Vec<_> = runtime
            .block_on(async { as_completed((0..1000).map(|i| async move { i })).collect().await });
        outputs.sort_unstable();
        assert!(outputs.into_iter().eq(0..1000));
    });
}

#[test]
fn every_output_comes_once_out_of_many() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let mut all = as_completed((0..100_000_usize).map(|i| async move {
                if i % 2 == 0 {
                    yield_now().await;
                }
                i
            }));
            let mut sum = 0;
            while let Some(i) = all.next().await {
                sum += i;
            }
            assert_eq!(sum, (0..100_000).sum());
        });
    });
}

#[test]
fn a_panic_goes_on_and_the_others_do_too() {
    on_each_stopped(|runtime| {
        runtime.block_on(async {
            let mut naps = as_completed((1..=3_u32).map(|n| async move {
                sleep(n * SECOND).await;
                assert!(n != 2, "{n} is bad");
                n
            }));
            assert_eq!(naps.next().await, Some(1));
            let panic = AssertUnwindSafe(naps.next()).catch_unwind().await;
            assert_eq!(text_of(panic.expect_err("it is bad")), "2 is bad");
            assert_eq!(naps.next().await, Some(3));
            assert_eq!(naps.next().await, None);
        });
    });
}

#[test]
fn a_timeout_around_one_wait_ends_nobody() {
    on_each_stopped(|runtime| {
        runtime.block_on(async {
            let mut nap = as_completed([async {
                sleep(HOUR).await;
                1
            }]);
            let mut n_timeouts = 0;
            let output = loop {
                match timeout(600 * SECOND, nap.next()).await {
                    Ok(output) => break output,
                    Err(_) => n_timeouts += 1,
                }
            };
            assert!((5..=6).contains(&n_timeouts), "{n_timeouts}");
            assert_eq!(output, Some(1));
        });
    });
}

#[test]
fn a_timeout_around_its_place_ends_the_children() {
    on_each_stopped(|runtime| {
        let witness = Witness::default();
        let captured = witness.clone();
        runtime.block_on(async {
            let surrounded = async {
                let mut never = as_completed([async move {
                    let _captured = captured;
                    pending::<()>().await;
                }]);
                never.next().await
            };
            assert!(timeout(SECOND, surrounded).await.is_err());
            assert_eq!(witness.n_alive(), 0);
        });
    });
}

#[test]
fn dropped_after_any_output_it_leaves_no_child_behind() {
    after_each_poll(|n_outputs| async move {
        let witness = Witness::default();
        let children = (0..10).map(|i| {
            let captured = witness.clone();
            async move {
                match i % 2 {
                    0 => pending().await,
                    _ => captured,
                }
            }
        });
        let mut some = as_completed(children);
        for _ in 0..n_outputs.min(5) {
            drop(some.next().await.expect("there are five"));
        }
        assert!(n_outputs < 5 || poll_once(&mut pin!(some.next())).await.is_pending());
        drop(some);
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn waits_dropped_after_any_poll_lose_no_output() {
    after_each_poll(|n_polls| async move {
        let mut all = as_completed((0..20).map(|i| async move {
            yield_now().await;
            i
        }));
        let mut sum = 0;
        for _ in 0..n_polls {
            if let std::task::Poll::Ready(output) = poll_once(&mut pin!(all.next())).await {
                sum += output.expect("there are more");
            }
            yield_now().await;
        }
        while let Some(output) = all.next().await {
            sum += output;
        }
        assert_eq!(sum, (0..20).sum());
    });
}

#[test]
fn an_aborted_child_gives_nothing() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let mut never = as_completed([pending::<()>(), pending()]);
            all_tasks().iter().for_each(|task| task.abort_handle().abort());
            assert_eq!(never.next().await, None);
            assert_eq!(never.len(), 0);
        });
    });
}

#[test]
fn carried_out_of_what_ended_its_children_it_says_so() {
    on_each_stopped(|runtime| {
        for is_spawned in [false, true] {
            let message = panic_of(|| {
                runtime.block_on(async {
                    let mut carried = None;
                    let surrounded = async {
                        let mut never = as_completed([pending::<()>()]);
                        let mut next = Box::pin(async move { never.next().await });
                        assert!(poll_once(&mut next).await.is_pending());
                        // The task inherits what surrounds it, and is elsewhere all the same.
                        carried = Some(if is_spawned {
                            spawn(next).boxed()
                        } else {
                            async { Ok(next.await) }.boxed()
                        });
                        pending::<()>().await;
                    };
                    assert!(timeout(SECOND, surrounded).await.is_err());
                    let error =
                        carried.expect("it was carried out").await.expect_err("it panicked");
                    std::panic::resume_unwind(error.into_panic());
                });
            });
            assert!(message.contains("completions.rs") && message.contains("JoinSet"), "{message}");
        }
    });
}

#[test]
fn what_is_ended_while_a_shield_beside_it_goes_on_gives_nothing() {
    on_each_stopped(|runtime| {
        let witness = Witness::default();
        let captured = witness.clone();
        runtime.block_on(async {
            let surrounded = async {
                let shielded = CancelScope::new().shield(true);
                let sleeping = shielded.run(sleep(HOUR));
                let mut never = as_completed([async move {
                    let _captured = captured;
                    pending::<()>().await;
                }]);
                filch::join!(sleeping, async {
                    never.next().await;
                    unreachable!("it gives nothing any more");
                })
            };
            let begin = Instant::now();
            assert!(timeout(SECOND, surrounded).await.is_err());
            assert_eq!(begin.elapsed(), HOUR);
            assert_eq!(witness.n_alive(), 0);
        });
    });
}

#[test]
fn children_that_an_outer_end_took_are_not_awaited_for_ever_behind_a_shield() {
    on_each_stopped(|runtime| {
        let task = runtime.spawn(async {
            let behind_a_shield = async {
                let mut naps = as_completed([sleep(HOUR)]);
                let shield = CancelScope::new().shield(true);
                shield.run(async move { naps.next().await.is_some() }).await.is_ok()
            };
            timeout(SECOND, behind_a_shield).await.is_ok()
        });
        let error = runtime.block_on(task).expect_err("it says that they were ended");
        assert!(error.is_panic());
    });
}
