//! What `select!` promises: what is evaluated, polled and dropped, and when.

use super::probe::{Diary, finish, poll_once};
use filch::sync::{Notify, oneshot};
use filch_core::coop::{Budget, with_budget};
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

#[test]
fn the_ready_branch_wins_over_pending_ones() {
    for _ in 0..100 {
        let n = finish(async {
            filch::select! {
                _ = pending::<()>() => 0,
                n = ready(1) => n,
                _ = pending::<()>() => 2,
            }
        });
        assert_eq!(n, 1);
    }
}

#[test]
fn conditions_are_evaluated_first_then_futures_each_once() {
    let diary = Diary::default();
    let condition = |name: &str, value| {
        diary.note(format!("if {name}"));
        value
    };
    let future = |name, pending| {
        diary.note(format!("new {name}"));
        diary.probe(name, pending)
    };
    let winner = finish(async {
        filch::select! {
            biased;
            name = future("a", 9), if condition("a", true) => name,
            name = future("b", 0), if condition("b", false) => name,
            name = future("c", 1), if condition("c", true) => name,
        }
    });
    assert_eq!(winner, "c");
    let diary = diary.read();
    assert_eq!(diary[..6], ["if a", "if b", "if c", "new a", "new b", "new c"]);
    assert_eq!(diary[6..10], ["poll a", "poll c", "poll a", "poll c"]);
}

#[test]
fn a_disabled_branch_is_created_but_never_polled() {
    let diary = Diary::default();
    finish(async {
        filch::select! {
            _ = diary.probe("disabled", 0), if false => panic!("its condition is false"),
            _ = diary.probe("enabled", 5) => {}
        }
    });
    let diary = diary.read();
    assert!(!diary.contains(&"poll disabled".to_owned()));
    assert!(diary.contains(&"drop disabled".to_owned()));
}

#[test]
fn an_output_that_does_not_match_disables_its_branch() {
    let diary = Diary::default();
    let winner = finish(async {
        filch::select! {
            biased;
            "other" = diary.probe("a", 0) => "no",
            name = diary.probe("b", 2) => name,
        }
    });
    assert_eq!(winner, "b");
    // Polled once: a probe panics when it is polled after completion.
    assert_eq!(diary.read()[..4], ["poll a", "poll b", "poll b", "poll b"]);
}

#[test]
fn an_output_that_does_not_match_is_dropped_whole() {
    let count = Rc::new(());
    finish(async {
        filch::select! {
            biased;
            (_, Some(never)) = ready((count.clone(), None::<Rc<()>>)) => drop(never),
            _ = async { assert_eq!(Rc::strong_count(&count), 1) } => {}
        }
    });
}

#[test]
fn else_runs_when_every_branch_is_disabled() {
    let text = finish(async {
        filch::select! {
            Some(_) = ready(None::<u8>) => "matched",
            _ = pending::<()>(), if false => "enabled",
            Ok(()) = async { Err::<(), ()>(()) } => "ok",
            else => "else",
        }
    });
    assert_eq!(text, "else");
}

#[test]
fn else_waits_while_a_branch_may_still_match() {
    let (sender, receiver) = oneshot::channel::<u8>();
    let mut select = pin!(async {
        filch::select! {
            Some(_) = ready(None::<u8>) => 0,
            Ok(n) = receiver => n,
            else => 1,
        }
    });
    assert!(poll_once(select.as_mut()).is_pending());
    drop(sender);
    assert_eq!(poll_once(select.as_mut()), Poll::Ready(1));
}

#[test]
#[should_panic(expected = "all branches of `select!` are disabled and there is no `else` branch")]
fn without_else_it_panics_when_every_branch_is_disabled() {
    finish(async {
        filch::select! {
            Some(()) = ready(None) => {}
            _ = pending::<()>(), if false => {}
        }
    });
}

#[test]
fn all_futures_are_dropped_before_the_handler_runs() {
    let diary = Diary::default();
    finish(async {
        filch::select! {
            biased;
            _ = diary.probe("a", 9) => {}
            _ = diary.probe("b", 0) => diary.note("handler"),
            _ = diary.probe("c", 9) => {}
        }
    });
    let mut diary = diary.read();
    assert_eq!(diary[..2], ["poll a", "poll b"]);
    assert_eq!(diary.pop().as_deref(), Some("handler"));
    diary[2..].sort();
    assert_eq!(diary[2..], ["drop a", "drop b", "drop c"]);
}

#[test]
fn all_futures_are_dropped_before_else_runs() {
    let diary = Diary::default();
    finish(async {
        filch::select! {
            "other" = diary.probe("a", 0) => {}
            else => diary.note("else"),
        }
    });
    assert_eq!(diary.read(), ["poll a", "drop a", "else"]);
}

#[test]
fn a_dropped_select_drops_its_futures() {
    let diary = Diary::default();
    {
        let mut select = pin!(async {
            filch::select! {
                _ = diary.probe("a", 9) => {}
                _ = diary.probe("b", 9) => {}
            }
        });
        assert!(poll_once(select.as_mut()).is_pending());
        diary.read();
    }
    let mut dropped = diary.read();
    dropped.sort();
    assert_eq!(dropped, ["drop a", "drop b"]);
}

#[test]
fn a_handler_may_use_what_another_branch_borrowed_mutably() {
    async fn fill(buffer: &mut Vec<u8>) {
        buffer.push(1);
        pending().await
    }

    let mut buffer = Vec::new();
    finish(async {
        filch::select! {
            biased;
            () = fill(&mut buffer) => {}
            () = ready(()) => buffer.push(2),
        }
    });
    assert_eq!(buffer, [1, 2]);
}

#[test]
fn branches_may_share_what_they_do_not_change() {
    let text = "shared".to_owned();
    let length = finish(async {
        filch::select! {
            n = async { text.len() } => n,
            n = async { text.len() } => n,
        }
    });
    assert_eq!(length, text.len());
}

#[test]
fn handlers_may_all_move_the_same_value() {
    let value = Box::new(1);
    let moved = finish(async {
        filch::select! {
            _ = ready(()) => value,
            _ = ready(()) => value,
            else => value,
        }
    });
    assert_eq!(*moved, 1);
}

#[test]
fn a_biased_select_takes_the_first_ready_branch_every_time() {
    finish(async {
        for _ in 0..1000 {
            filch::select! {
                biased;
                _ = pending::<()>() => panic!("it is pending"),
                _ = ready(()) => {}
                _ = ready(()) => panic!("an earlier branch is ready"),
            }
        }
    });
}

#[test]
fn every_ready_branch_gets_its_share() {
    let mut chosen = [0; 4];
    finish(async {
        for _ in 0..4000 {
            let branch = filch::select! {
                _ = ready(()) => 0,
                _ = ready(()) => 1,
                _ = ready(()) => 2,
                _ = ready(()) => 3,
            };
            chosen[branch] += 1;
        }
    });
    // 1000 expected, standard deviation 27.
    assert!(chosen.iter().all(|n| (800..1200).contains(n)), "{chosen:?}");
}

#[test]
fn the_start_is_drawn_anew_for_every_poll() {
    let diary = Diary::default();
    let mut select = pin!(async {
        filch::select! {
            _ = diary.probe("a", 1000) => {}
            _ = diary.probe("b", 1000) => {}
        }
    });
    let mut first = Vec::new();
    for _ in 0..100 {
        assert!(poll_once(select.as_mut()).is_pending());
        first.push(diary.read().swap_remove(0));
    }
    assert!(first.contains(&"poll a".to_owned()) && first.contains(&"poll b".to_owned()));
}

#[test]
fn a_pinned_future_goes_on_where_it_stopped() {
    let diary = Diary::default();
    let turns = finish(async {
        let long = diary.probe("long", 5);
        filch::pin!(long);
        let mut turns = 0;
        loop {
            filch::select! {
                biased;
                name = &mut long => {
                    assert_eq!(name, "long");
                    break turns;
                }
                _ = ready(()) => turns += 1,
            }
        }
    });
    assert_eq!(turns, 5);
    assert_eq!(diary.read().len(), 6 + 1);
}

#[test]
fn a_future_replaced_in_its_handler_is_polled_next_turn() {
    let diary = Diary::default();
    finish(async {
        let current = diary.probe("first", 1);
        filch::pin!(current);
        let mut names = Vec::new();
        while names.len() < 2 {
            filch::select! {
                name = &mut current => {
                    names.push(name);
                    current.set(diary.probe("second", 1));
                }
                else => unreachable!(),
            }
        }
        assert_eq!(names, ["first", "second"]);
    });
}

#[test]
fn a_loop_drains_its_sources_and_ends_in_else() {
    let left = RefCell::new(vec![1, 2, 3]);
    let right = RefCell::new(vec![10, 20]);
    let sum = finish(async {
        let mut sum = 0;
        loop {
            filch::select! {
                Some(n) = async { left.borrow_mut().pop() } => sum += n,
                Some(n) = async { right.borrow_mut().pop() } => sum += n,
                else => break sum,
            }
        }
    });
    assert_eq!(sum, 36);
}

#[test]
fn selects_nest_in_futures_and_in_handlers() {
    let n = finish(async {
        filch::select! {
            n = async {
                filch::select! {
                    n = ready(1) => n + 1,
                    _ = pending::<()>() => 0,
                }
            } => filch::select! {
                Some(_) = ready(None::<u8>) => 0,
                _ = pending::<()>() => 0,
                m = async { filch::select! { m = ready(n) => m + 1, else => 0 } } => m + 1,
            },
            _ = pending::<()>() => 0,
        }
    });
    assert_eq!(n, 4);
}

#[test]
fn a_handler_may_await() {
    filch::block_on(async {
        let (sender, receiver) = oneshot::channel();
        let n = filch::select! {
            _ = ready(()) => {
                filch::spawn(async { sender.send(3).expect("the receiver waits") });
                receiver.await.expect("the sender sends")
            }
            _ = pending::<()>() => 0,
        };
        assert_eq!(n, 3);
    });
}

#[test]
fn a_wake_of_any_branch_polls_all() {
    filch::block_on(async {
        let notify = Arc::new(Notify::new());
        let (polls, notified) = (Cell::new(0), notify.clone());
        filch::spawn(async move { notify.notify_one() });
        filch::select! {
            biased;
            _ = poll_fn(|_| {
                polls.set(polls.get() + 1);
                Poll::<()>::Pending
            }) => {}
            _ = notified.notified() => {}
        }
        assert!(polls.get() >= 1);
    });
}

#[test]
fn it_can_be_spawned_when_its_parts_can() {
    filch::block_on(async {
        let task = filch::spawn(async {
            filch::select! {
                n = async { 1 } => filch::spawn(async move { n }).await.expect("the task does not panic"),
                _ = filch::time::sleep(Duration::from_secs(3600)) => 0,
            }
        });
        assert_eq!(task.await.expect("the task does not panic"), 1);
    });
}

#[test]
fn without_poll_budget_nothing_is_polled() {
    let diary = Diary::default();
    let mut select = pin!(async {
        filch::select! {
            name = diary.probe("a", 0) => name,
            else => "else",
        }
    });
    let polled = with_budget(Budget::new(0), || poll_once(select.as_mut()));
    assert!(polled.is_pending());
    assert!(diary.read().is_empty());
    let polled = with_budget(Budget::new(1), || poll_once(select.as_mut()));
    assert_eq!(polled, Poll::Ready("a"));
}

#[filch::test]
async fn a_loop_over_branches_that_are_always_ready_lets_other_tasks_run() {
    let done = Arc::new(AtomicBool::new(false));
    let seen = done.clone();
    let spinner = filch::spawn(async move {
        let mut turns = 0_u64;
        while !seen.load(Ordering::Relaxed) {
            let (sender, receiver) = oneshot::channel();
            sender.send(()).expect("the receiver exists");
            filch::select! {
                biased;
                _ = receiver => turns += 1,
                _ = pending::<()>() => {}
            }
            assert!(turns < 1_000_000, "the poll budget does not reach `select!`");
        }
    });
    let other = filch::spawn(async move { done.store(true, Ordering::Relaxed) });
    let (spinner, other) = filch::join!(spinner, other);
    spinner.expect("the spinner does not panic");
    other.expect("the task does not panic");
}
