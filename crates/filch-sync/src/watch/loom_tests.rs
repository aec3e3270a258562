//! **Property:** a receiver that waits learns of each change, and of the end; the value is not read while it is changed,
//! and the last one who lets go of it hands it on.

use super::channel::Channel;
use super::share::{Share, Sole};
use super::*;
use crate::model::{Arc, assert_rejected, block_on, check, check_to, poll, thread};
use filch_core::sys::sync::atomic::Ordering::*;

fn joined<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the thread does not panic")
}

#[test]
fn a_change_is_seen_by_a_receiver_that_waits() {
    check(|| {
        let (sender, mut receiver) = channel(0);
        let thread = thread::spawn(move || sender.send(1).expect("there is a receiver"));
        block_on(receiver.changed()).expect("the change comes before the end");
        assert_eq!(*receiver.borrow(), 1);
        block_on(receiver.changed()).expect_err("the only sender is gone");
        joined(thread);
    });
}

#[test]
fn two_receivers_see_a_change() {
    check_to(2, || {
        let (sender, receiver) = channel(0);
        let threads = [receiver.clone(), receiver].map(|mut receiver| {
            thread::spawn(move || {
                assert_eq!(block_on(receiver.wait_for(|n| *n == 1)).map(|n| *n), Ok(1))
            })
        });
        sender.send_modify(|n| *n += 1);
        threads.into_iter().for_each(joined);
    });
}

#[test]
fn a_value_that_comes_second_is_waited_for() {
    check(|| {
        let (sender, mut receiver) = channel(0);
        let thread = thread::spawn(move || {
            sender.send(1).expect("there is a receiver");
            sender.send(2).expect("there is a receiver");
            sender // Not dropped yet: the end would wake the receiver as well.
        });
        assert_eq!(block_on(receiver.wait_for(|n| *n == 2)).map(|n| *n), Ok(2));
        joined(thread);
    });
}

#[test]
fn senders_that_are_dropped_at_once_end_the_channel() {
    check(|| {
        let (sender, mut receiver) = channel(0);
        let threads = [sender.clone(), sender].map(|sender| thread::spawn(move || drop(sender)));
        block_on(receiver.changed()).expect_err("nothing was sent");
        threads.into_iter().for_each(joined);
    });
}

#[test]
fn receivers_that_are_dropped_at_once_are_noticed() {
    check(|| {
        let (sender, receiver) = channel(0);
        let threads =
            [receiver.clone(), receiver].map(|receiver| thread::spawn(move || drop(receiver)));
        block_on(sender.closed());
        assert!(sender.send(1).is_err());
        threads.into_iter().for_each(joined);
    });
}

#[test]
fn a_change_waits_for_those_who_look() {
    check_to(2, || {
        let (sender, receiver) = channel(1);
        let threads = [receiver.clone(), receiver].map(|receiver| {
            thread::spawn(move || {
                let value = receiver.borrow();
                assert!(*value == 1 || *value == 2);
            })
        });
        sender.send_modify(|n| *n += 1);
        threads.into_iter().for_each(joined);
        assert_eq!(*sender.borrow(), 2);
    });
}

#[test]
fn two_changes_and_a_look_do_not_meet() {
    check_to(2, || {
        let (sender, receiver) = channel(0);
        let threads = [sender.clone(), sender]
            .map(|sender| thread::spawn(move || sender.send_modify(|n| *n += 1)));
        assert!(*receiver.borrow() <= 2);
        threads.into_iter().for_each(joined);
        assert_eq!(*receiver.borrow(), 2);
    });
}

#[test]
fn a_value_that_is_sent_waits_for_nobody() {
    check(|| {
        let alive = std::sync::Arc::new(());
        let (sender, receiver) = channel(alive.clone());
        let _other = receiver.clone();
        let thread = thread::spawn(move || drop(receiver.borrow()));
        let held = sender.borrow();
        sender.send(std::sync::Arc::new(())).expect("there is a receiver");
        joined(thread);
        assert_eq!(std::sync::Arc::strong_count(&alive), 2, "it is there for who borrowed it");
        drop(held);
        assert_eq!(std::sync::Arc::strong_count(&alive), 1);
    });
}

#[test]
fn a_value_is_overwritten_when_nobody_looks_at_it_any_more() {
    check(|| {
        let (sender, receiver) = channel(1);
        let thread = thread::spawn(move || {
            assert!(*receiver.borrow() <= 2);
            receiver
        });
        sender.send(2).expect("there is a receiver");
        assert_eq!(*joined(thread).borrow(), 2);
    });
}

#[test]
fn a_canceled_wait_has_seen_nothing() {
    check(|| {
        let (sender, mut receiver) = channel(0);
        let thread = thread::spawn(move || {
            if poll(Box::pin(receiver.changed()).as_mut()).is_pending() {
                block_on(receiver.changed()).expect("there was a change");
            }
        });
        sender.send_replace(1);
        joined(thread);
    });
}

/// Two owners end, and one of them gets the value.
fn two_let_go(let_go: fn(Share<usize>) -> Option<Sole<usize>>) {
    let share = Sole::new(1).share();
    let threads = [share.clone(), share].map(|share| {
        thread::spawn(move || {
            assert_eq!(*share, 1);
            match let_go(share) {
                Some(mut value) => {
                    *value.value() += 1;
                    1
                }
                None => 0,
            }
        })
    });
    assert_eq!(threads.map(joined).iter().sum::<usize>(), 1);
}

#[test]
fn one_of_two_owners_is_the_last() {
    check(|| two_let_go(Share::let_go));
}

/// Asks first whether it is the last one.
fn broken_let_go(share: Share<usize>) -> Option<Sole<usize>> {
    if share.counted().n_shares.load(Acquire) == 1 {
        return share.let_go();
    }
    share.counted().n_shares.fetch_sub(1, Release);
    std::mem::forget(share);
    None
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_owner_lets_go_in_two_steps() {
    check(|| two_let_go(broken_let_go));
}

#[test]
fn an_owner_that_lets_go_in_two_steps_is_rejected() {
    assert_rejected("watch::loom_tests::broken_owner_lets_go_in_two_steps");
}

/// Tells of the end before it has come.
fn broken_close(channel: &Channel<i32>) {
    channel.changed.notify_waiters();
    channel.state.fetch_or(1, Release);
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_end_is_told_too_early() {
    check(|| {
        let channel = Arc::new(Channel::new(0));
        let mut receiver = Receiver::new(channel.clone());
        let thread = thread::spawn(move || broken_close(&channel));
        block_on(receiver.changed()).expect_err("nothing was sent");
        joined(thread);
    });
}

#[test]
fn an_end_that_is_told_too_early_is_rejected() {
    assert_rejected("watch::loom_tests::broken_end_is_told_too_early");
}
