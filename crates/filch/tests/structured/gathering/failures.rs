//! `try_gather`.

use super::{HOUR, after_each_poll, on_each_stopped, poll_once};
use crate::tools::{Hand, OnDrop, Witness, on_each_flavor, panic_of, text_of};
use filch::sync::oneshot;
use filch::task::coop::{self, RestoreOnPending};
use filch::task::{CancelScope, all_tasks, yield_now};
use filch::time::{Duration, sleep, timeout};
use filch::{spawn, try_gather};
use std::future::{Future, Ready, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn values_come_in_the_order_of_the_input() {
    on_each_stopped(|runtime| {
        for keeps_going in [false, true] {
            let gathered = try_gather((0..50_u32).map(|i| async move {
                sleep((50 - i) * SECOND).await;
                Ok::<_, ()>(i)
            }));
            let gathered = if keeps_going { gathered.keep_going() } else { gathered };
            assert_eq!(runtime.block_on(gathered), Ok((0..50).collect()));
        }
    });
}

#[test]
fn an_empty_one_is_ready_at_once() {
    let none = || None::<Ready<Result<u32, ()>>>;
    assert_eq!(Hand::default().poll(&mut try_gather(none())), Poll::Ready(Ok(Vec::new())));
    assert!(Hand::default().poll(&mut try_gather(none()).keep_going()).is_ready());
}

#[test]
fn an_error_in_any_place_ends_the_others_before_it_is_given() {
    on_each_flavor(|runtime| {
        for bad in 0..5 {
            let witness = Witness::default();
            let children = (0..5).map(|i| {
                let captured = witness.clone();
                async move {
                    let _captured = captured;
                    if i == bad {
                        yield_now().await;
                        return Err(i);
                    }
                    pending().await
                }
            });
            let result: Result<Vec<()>, _> = runtime.block_on(async {
                let result = try_gather(children).await;
                assert_eq!(witness.n_alive(), 0);
                assert!(all_tasks().is_empty());
                result
            });
            assert_eq!(result, Err(bad));
        }
    });
}

#[test]
fn the_error_that_is_first_in_time_is_given() {
    on_each_stopped(|runtime| {
        let children = (0..10_u32).map(|i| async move {
            sleep((10 - i) * SECOND).await;
            if i == 0 { Ok(()) } else { Err(i) }
        });
        assert_eq!(runtime.block_on(try_gather(children)), Err(9));
    });
}

#[test]
fn a_panic_in_any_place_ends_the_others_and_goes_on() {
    on_each_flavor(|runtime| {
        for bad in 0..5 {
            let witness = Witness::default();
            let children = (0..5).map(|i| {
                let captured = witness.clone();
                async move {
                    let _captured = captured;
                    assert!(i != bad, "{i} is bad");
                    pending::<Result<(), ()>>().await
                }
            });
            let message = panic_of(|| runtime.block_on(try_gather(children)));
            assert_eq!(message, format!("{bad} is bad"));
            assert_eq!(witness.n_alive(), 0);
        }
    });
}

#[test]
fn a_panic_of_a_child_that_is_being_ended_goes_before_the_error() {
    on_each_stopped(|runtime| {
        let children = [false, true].map(|fails| async move {
            if fails {
                sleep(SECOND).await;
                return Err(());
            }
            let _bomb = OnDrop(|| panic!("in its drop"));
            pending::<Result<(), ()>>().await
        });
        assert_eq!(panic_of(|| runtime.block_on(try_gather(children))), "in its drop");
    });
}

#[test]
fn dropped_after_any_poll_it_leaves_no_child_behind() {
    for keeps_going in [false, true] {
        after_each_poll(|n_polls| async move {
            let witness = Witness::default();
            let children = (0..10).map(|i| {
                let captured = witness.clone();
                async move {
                    let _captured = captured;
                    if i % 3 == 0 {
                        return Ok::<_, ()>(());
                    }
                    pending().await
                }
            });
            let gathered = try_gather(children);
            let mut gathered = if keeps_going { gathered.keep_going() } else { gathered };
            for _ in 0..n_polls {
                assert!(poll_once(&mut gathered).await.is_pending());
                yield_now().await;
            }
            drop(gathered);
            assert_eq!(witness.n_alive(), 0);
        });
    }
}

#[test]
fn a_timeout_around_it_ends_the_children() {
    on_each_stopped(|runtime| {
        for keeps_going in [false, true] {
            let witness = Witness::default();
            let captured = witness.clone();
            let gathered = try_gather([async move {
                let _captured = captured;
                sleep(HOUR).await;
                Ok::<_, ()>(())
            }]);
            let gathered = if keeps_going { gathered.keep_going() } else { gathered };
            runtime.block_on(async {
                assert!(timeout(SECOND, gathered).await.is_err());
                assert_eq!(witness.n_alive(), 0);
            });
        }
    });
}

#[test]
fn an_error_from_before_an_end_from_outside_is_given() {
    on_each_stopped(|runtime| {
        for keeps_going in [false, true] {
            let scope = CancelScope::new();
            let canceled = scope.clone();
            let children = [true, false].map(|fails| {
                let scope = canceled.clone();
                async move {
                    if fails {
                        sleep(SECOND).await;
                        drop(scope.cancel());
                        return Err("no");
                    }
                    pending::<Result<(), _>>().await
                }
            });
            let gathered = try_gather(children);
            let gathered = if keeps_going { gathered.keep_going() } else { gathered };
            assert_eq!(runtime.block_on(scope.run(gathered)), Ok(Err("no")));
        }
    });
}

#[test]
fn an_error_at_the_very_deadline_around_it_is_given_when_it_came_to_pass() {
    on_each_stopped(|runtime| {
        for keeps_going in [false, true] {
            let has_failed = Arc::new(AtomicBool::new(false));
            let notes = has_failed.clone();
            let gathered = try_gather([async move {
                sleep(SECOND).await;
                notes.store(true, SeqCst);
                Err::<(), _>("no")
            }]);
            let gathered = if keeps_going { gathered.keep_going() } else { gathered };
            let result = runtime.block_on(async { timeout(SECOND, gathered).await });
            assert_eq!(result == Ok(Err("no")), has_failed.load(SeqCst));
        }
    });
}

#[test]
fn a_panic_from_before_an_end_from_outside_goes_on() {
    on_each_stopped(|runtime| {
        let scope = CancelScope::new();
        let cancel = scope.clone();
        let gathered = try_gather([async move {
            drop(cancel.cancel());
            panic!("bad");
            #[expect(unreachable_code, reason = "it names the type")]
            Ok::<(), ()>(())
        }]);
        assert_eq!(panic_of(|| runtime.block_on(scope.run(gathered))), "bad");
    });
}

#[test]
fn an_error_is_given_at_an_end_from_outside_also_by_a_task_that_has_spent_its_budget() {
    on_each_stopped(|runtime| {
        let scope = CancelScope::new();
        let cancel = scope.clone();
        let mut gathered = try_gather([async move {
            drop(cancel.cancel());
            Err::<(), _>("no")
        }]);
        let task = runtime.spawn(scope.run(poll_fn(move |cx| {
            while coop::poll_proceed(cx).map(RestoreOnPending::made_progress).is_ready() {}
            Pin::new(&mut gathered).poll(cx)
        })));
        assert_eq!(runtime.block_on(task).expect("it does not panic"), Ok(Err("no")));
    });
}

#[test]
fn what_keeps_going_gives_the_error_at_once_and_the_rest_runs_on() {
    on_each_stopped(|runtime| {
        runtime.block_on(async {
            let (tell, told) = oneshot::channel();
            let mut tell = Some(tell);
            let children = (0..2).map(|i| {
                let tell = if i == 0 { tell.take() } else { None };
                async move {
                    let Some(tell) = tell else { return Err("no") };
                    sleep(HOUR).await;
                    tell.send(7).expect("the test waits for it");
                    Ok(())
                }
            });
            assert_eq!(try_gather(children).keep_going().await, Err("no"));
            assert_eq!(told.await, Ok(7));
        });
    });
}

#[test]
fn what_was_let_go_is_not_ended_by_what_surrounded_its_gather() {
    on_each_stopped(|runtime| {
        runtime.block_on(async {
            let (tell, told) = oneshot::channel();
            let task = spawn(async move {
                let mut tell = Some(tell);
                let children = (0..2).map(|i| {
                    let tell = if i == 0 { tell.take() } else { None };
                    async move {
                        let Some(tell) = tell else { return Err("no") };
                        sleep(HOUR).await;
                        tell.send(7).expect("the test waits for it");
                        Ok(())
                    }
                });
                let surrounded = async {
                    assert_eq!(try_gather(children).keep_going().await, Err("no"));
                    pending::<()>().await;
                };
                assert!(timeout(SECOND, surrounded).await.is_err());
            });
            task.await.expect("it does not panic");
            assert_eq!(told.await, Ok(7));
        });
    });
}

#[test]
fn what_keeps_going_passes_a_panic_on_at_once() {
    on_each_stopped(|runtime| {
        runtime.block_on(async {
            let children = [false, true].map(|is_bad| async move {
                assert!(!is_bad, "bad");
                sleep(HOUR).await;
                Ok::<_, ()>(())
            });
            let task = spawn(try_gather(children).keep_going());
            let error = task.await.expect_err("it panicked");
            assert_eq!(text_of(error.into_panic()), "bad");
            assert!(!all_tasks().is_empty(), "the other one goes on");
        });
    });
}

#[test]
fn what_was_let_go_ends_with_the_runtime() {
    on_each_flavor(|_| {
        let witness = Witness::default();
        let runtime = crate::tools::workers(2);
        let children = (0..2).map(|i| {
            let captured = witness.clone();
            async move {
                let _captured = captured;
                if i == 0 { Err(()) } else { pending::<Result<(), ()>>().await }
            }
        });
        assert_eq!(runtime.block_on(try_gather(children).keep_going()), Err(()));
        drop(runtime);
        assert_eq!(witness.n_alive(), 0);
    });
}

#[test]
fn polled_after_its_result_it_says_so() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let mut gathered = try_gather([async { Err::<(), _>(1) }]);
            assert_eq!((&mut gathered).await, Err(1));
            let again = catch_unwind(AssertUnwindSafe(|| Hand::default().poll(&mut gathered)));
            let message = text_of(again.expect_err("it panics"));
            assert!(message.ends_with("await it once"), "{message}");
        });
    });
}
