//! **Property:** the value arrives or comes back, once; neither end waits for a decision that was made.

use super::*;
use crate::model::{assert_rejected, block_on, check, poll, thread};
use channel::COMPLETE;
use filch_core::sys::sync::atomic::Ordering::*;
use std::pin::pin;

fn joined<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the thread does not panic")
}

#[test]
fn the_value_arrives() {
    check(|| {
        let (sender, receiver) = channel();
        let thread = thread::spawn(move || sender.send(Box::new(1)).expect("the receiver waits"));
        assert_eq!(block_on(receiver), Ok(Box::new(1)));
        joined(thread);
    });
}

#[test]
fn a_dropped_sender_is_noticed() {
    check(|| {
        let (sender, receiver) = channel::<i32>();
        let thread = thread::spawn(move || drop(sender));
        assert!(block_on(receiver).is_err());
        joined(thread);
    });
}

#[test]
fn a_dropped_receiver_is_noticed() {
    check(|| {
        let (mut sender, mut receiver) = channel::<i32>();
        let thread = thread::spawn(move || {
            let _ = poll(pin!(&mut receiver));
            drop(receiver);
        });
        block_on(sender.closed());
        assert_eq!(sender.send(1), Err(1));
        joined(thread);
    });
}

#[test]
fn the_value_is_received_or_comes_back() {
    check(|| {
        let (sender, mut receiver) = channel();
        let thread = thread::spawn(move || sender.send(Box::new(1)).is_ok());
        receiver.close();
        let received = receiver.try_recv().is_ok();
        assert_eq!(joined(thread), received);
    });
}

#[test]
fn a_receiver_may_leave_while_the_value_is_sent() {
    check(|| {
        let (sender, mut receiver) = channel();
        let thread = thread::spawn(move || drop(sender.send(Box::new(1))));
        let _ = poll(pin!(&mut receiver));
        drop(receiver);
        joined(thread);
    });
}

#[test]
fn both_wakers_may_change() {
    check(|| {
        let (mut sender, mut receiver) = channel();
        let thread = thread::spawn(move || {
            // With a waker that does nothing first, then with one that unparks this thread.
            let _ = poll(pin!(sender.closed()));
            let _ = poll(pin!(async {
                block_on(async { poll(pin!(sender.closed())).is_ready() });
            }));
            sender.send(1)
        });
        if poll(pin!(&mut receiver)).is_pending() {
            assert_eq!(block_on(receiver), Ok(1));
        }
        assert_eq!(joined(thread), Ok(()));
    });
}

#[test]
fn both_ends_may_leave_while_they_wait() {
    check(|| {
        let (mut sender, mut receiver) = channel::<Box<i32>>();
        let thread = thread::spawn(move || {
            let _ = poll(pin!(sender.closed()));
            drop(sender);
        });
        let _ = poll(pin!(&mut receiver));
        drop(receiver);
        joined(thread);
    });
}

#[test]
fn a_closed_channel_is_freed_once() {
    check(|| {
        let (sender, mut receiver) = channel::<Box<i32>>();
        let thread = thread::spawn(move || drop(sender));
        let _ = poll(pin!(&mut receiver));
        receiver.close();
        let _ = receiver.try_recv();
        drop(receiver);
        joined(thread);
    });
}

/// Ends a sender without its drop.
fn ending<T>(sender: Sender<T>, end: impl FnOnce(&Channel<T>)) {
    end(std::mem::ManuallyDrop::new(sender).channel());
}

/// A decision that looks at the word and writes it in two steps.
#[test]
#[ignore = "fails: run by the test below"]
fn broken_decision_in_two_steps() {
    check(|| {
        let (sender, receiver) = channel::<i32>();
        let thread = thread::spawn(move || {
            ending(sender, |channel| {
                let before = channel.state.load(Acquire);
                let waker = (before & channel::RX_WAKER != 0).then(|| channel.rx_waker.copy());
                channel.state.store((before | COMPLETE) & !channel::RX_WAKER, Release);
                // SAFETY: none; the model must fail before, or here.
                channel::wake(waker.map(|copy| unsafe { copy.into_waker() }));
            });
        });
        assert!(block_on(receiver).is_err());
        joined(thread);
    });
}

#[test]
fn a_decision_in_two_steps_is_rejected() {
    assert_rejected("oneshot::loom_tests::broken_decision_in_two_steps");
}

/// A decision that does not notice that the waker was exchanged after it was copied.
#[test]
#[ignore = "fails: run by the test below"]
fn broken_decision_with_a_former_waker() {
    check(|| {
        let (sender, mut receiver) = channel::<i32>();
        let _ = poll(pin!(&mut receiver));
        let thread = thread::spawn(move || {
            ending(sender, |channel| {
                let _the_former_does_nothing = channel.rx_waker.copy();
                channel.state.fetch_or(COMPLETE, AcqRel);
            });
        });
        assert!(block_on(receiver).is_err());
        joined(thread);
    });
}

#[test]
fn a_decision_with_a_former_waker_is_rejected() {
    assert_rejected("oneshot::loom_tests::broken_decision_with_a_former_waker");
}
