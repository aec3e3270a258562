//! **Property:** each message arrives once, in its sender's order, or comes back; the receiver waits for nothing that is
//! there, and learns when nothing more comes; room that is free is used by whoever waits for it.
//!
//! In a model a block holds two messages, so that its end is met.

use super::list::{List, Pop};
use super::state::{RX_WAITS, State};
use super::*;
use crate::lock::foreign;
use crate::model::{Arc, assert_rejected, block_on, check, check_to, poll, thread};
use filch_core::sys::sync::atomic::Ordering::*;
use std::future::poll_fn;
use std::task::Poll;

fn joined<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the thread does not panic")
}

#[test]
fn messages_cross_blocks_in_order() {
    check_to(2, || {
        let (sender, mut receiver) = unbounded_channel();
        let thread = thread::spawn(move || {
            for n in 0..3 {
                sender.send(Box::new(n)).expect("the receiver is there");
            }
        });
        for n in 0..3 {
            assert_eq!(receiver.blocking_recv(), Some(Box::new(n)));
        }
        assert_eq!(receiver.blocking_recv(), None);
        joined(thread);
    });
}

#[test]
fn two_senders_fill_a_block() {
    check_to(2, || {
        let (sender, mut receiver) = unbounded_channel();
        let threads = [sender.clone(), sender].map(|sender| {
            thread::spawn(move || {
                sender.send(Box::new(1)).expect("the receiver is there");
                sender.send(Box::new(2)).expect("the receiver is there");
            })
        });
        threads.into_iter().for_each(joined);
        let mut sum = 0;
        while let Ok(n) = receiver.try_recv() {
            sum += *n;
        }
        assert_eq!(sum, 6);
    });
}

#[test]
fn two_senders_and_a_receiver_that_waits() {
    check_to(2, || {
        let (sender, mut receiver) = channel(2);
        let threads = [sender.clone(), sender].map(|sender| {
            thread::spawn(move || sender.try_send(Box::new(1)).expect("there is room"))
        });
        let mut sum = 0;
        while let Some(n) = receiver.blocking_recv() {
            sum += *n;
        }
        assert_eq!(sum, 2);
        threads.into_iter().for_each(joined);
    });
}

#[test]
fn a_sender_waits_for_room() {
    check_to(2, || {
        let (sender, mut receiver) = channel(1);
        let thread = thread::spawn(move || {
            sender.blocking_send(1).expect("the receiver is there");
            sender.blocking_send(2).expect("the receiver is there");
        });
        assert_eq!(receiver.blocking_recv(), Some(1));
        assert_eq!(receiver.blocking_recv(), Some(2));
        assert_eq!(receiver.blocking_recv(), None);
        joined(thread);
    });
}

#[test]
fn a_message_is_received_or_comes_back() {
    check(|| {
        let (sender, mut receiver) = unbounded_channel();
        let thread = thread::spawn(move || sender.send(Box::new(1)).is_ok());
        receiver.close();
        let received = receiver.blocking_recv().is_some();
        assert_eq!(joined(thread), received);
    });
}

#[test]
fn a_receiver_may_leave_while_messages_are_sent() {
    check(|| {
        let (sender, receiver) = channel(1);
        let thread = thread::spawn(move || {
            let _ = sender.blocking_send(Box::new(1));
            let _ = sender.blocking_send(Box::new(2));
            block_on(sender.closed());
        });
        drop(receiver);
        joined(thread);
    });
}

#[test]
fn a_receiver_that_gave_up_may_leave_while_a_message_is_sent() {
    check(|| {
        let (sender, mut receiver) = channel(1);
        assert!(poll(Box::pin(receiver.recv()).as_mut()).is_pending());
        let thread = thread::spawn(move || drop(sender.try_send(Box::new(1))));
        drop(receiver);
        joined(thread);
    });
}

#[test]
fn a_receiver_that_is_polled_again_may_change_its_waker() {
    check(|| {
        let (sender, mut receiver) = channel(1);
        assert!(poll(Box::pin(receiver.recv()).as_mut()).is_pending());
        let thread = thread::spawn(move || sender.try_send(1).expect("there is room"));
        assert_eq!(receiver.blocking_recv(), Some(1));
        assert_eq!(receiver.blocking_recv(), None);
        joined(thread);
    });
}

#[test]
fn a_permit_that_is_dropped_lets_a_closed_channel_end() {
    check(|| {
        let (sender, mut receiver) = channel::<i32>(1);
        let permit = sender.clone().try_reserve_owned().expect("there is room");
        receiver.close();
        let thread = thread::spawn(move || drop(permit));
        assert_eq!(receiver.blocking_recv(), None);
        joined(thread);
        drop(sender);
    });
}

#[test]
fn the_last_of_two_permits_ends_a_closed_channel() {
    check_to(2, || {
        let (sender, mut receiver) = channel::<i32>(2);
        let permits = [sender.clone(), sender.clone()]
            .map(|sender| sender.try_reserve_owned().expect("there is room"));
        receiver.close();
        let threads = permits.map(|permit| thread::spawn(move || drop(permit)));
        assert_eq!(receiver.blocking_recv(), None);
        threads.into_iter().for_each(joined);
        drop(sender);
    });
}

#[test]
fn the_last_sender_ends_the_channel() {
    check(|| {
        let (sender, mut receiver) = unbounded_channel::<i32>();
        let threads = [sender.clone(), sender].map(|sender| thread::spawn(move || drop(sender)));
        assert_eq!(receiver.blocking_recv(), None);
        threads.into_iter().for_each(joined);
    });
}

#[test]
fn a_canceled_send_leaves_its_room_to_the_next() {
    check(|| {
        let (sender, mut receiver) = channel(1);
        sender.try_send(1).expect("there is room");
        let mut leaving = Box::pin(sender.send(2));
        assert!(poll(leaving.as_mut()).is_pending());
        let thread = thread::spawn(move || {
            assert_eq!(receiver.try_recv(), Ok(1));
            receiver
        });
        drop(leaving);
        sender.blocking_send(3).expect("the receiver is there");
        assert_eq!(joined(thread).try_recv(), Ok(3));
    });
}

#[test]
fn room_for_many_is_set_aside_and_goes_back() {
    check(|| {
        let (sender, mut receiver) = channel(2);
        sender.try_send(1).expect("there is room");
        sender.try_send(2).expect("there is room");
        let mut leaving = Box::pin(sender.reserve_many(2));
        assert!(poll(leaving.as_mut()).is_pending());
        let thread = thread::spawn(move || {
            assert_eq!(receiver.try_recv(), Ok(1));
            receiver
        });
        drop(leaving);
        sender.blocking_send(3).expect("the receiver is there");
        let mut receiver = joined(thread);
        assert_eq!(sender.capacity(), 0);
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Ok(3)));
        assert_eq!(sender.capacity(), 2);
    });
}

#[test]
fn room_granted_to_a_send_that_is_dropped_lets_a_closed_channel_end() {
    check(|| {
        let (sender, mut receiver) = channel(1);
        sender.try_send(1).expect("there is room");
        let another = sender.clone();
        let mut leaving = Box::pin(async move { another.send(2).await });
        assert!(poll(leaving.as_mut()).is_pending());
        assert_eq!(receiver.try_recv(), Ok(1));
        receiver.close();
        let thread = thread::spawn(move || drop(leaving));
        assert_eq!(receiver.blocking_recv(), None);
        joined(thread);
        drop(sender);
    });
}

/// A message that is sent while the receiver leaves, by a sender that stays.
fn receiver_leaves(send: fn(&Sender<std::sync::Arc<()>>, std::sync::Arc<()>)) {
    let (sender, receiver) = channel(2);
    let message = std::sync::Arc::new(());
    let thread = thread::spawn({
        let (sender, message) = (sender.clone(), message.clone());
        move || send(&sender, message)
    });
    drop(receiver);
    joined(thread);
    assert_eq!(std::sync::Arc::strong_count(&message), 1, "nobody drops it");
    assert_eq!(sender.capacity(), 2);
}

#[test]
fn no_message_outlives_the_receiver() {
    check(|| receiver_leaves(|sender, message| drop(sender.try_send(message))));
}

#[test]
fn no_message_with_a_permit_outlives_the_receiver() {
    check(|| {
        receiver_leaves(|sender, message| {
            if let Ok(permit) = sender.try_reserve() {
                permit.send(message);
            }
        });
    });
}

/// Looks whether the receiver is there, and claims in a second step.
fn broken_send_with_room(sender: &Sender<std::sync::Arc<()>>, message: std::sync::Arc<()>) {
    let Ok(permit) = sender.try_reserve() else { return };
    if sender.list().turnstile.state().is(super::state::ENDED) {
        return;
    }
    std::mem::forget(permit);
    sender.list().claim_unseen().write(message);
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_look_for_the_receiver_too_early() {
    check(|| receiver_leaves(broken_send_with_room));
}

#[test]
fn a_look_for_the_receiver_too_early_is_rejected() {
    assert_rejected("mpsc::loom_tests::broken_look_for_the_receiver_too_early");
}

/// One message for a receiver that starts to wait by `register`.
fn one_message(register: fn(&List<i32, false>, State<false>, &std::task::Waker) -> bool) {
    let list = Arc::new(List::new(usize::MAX));
    let thread = thread::spawn({
        let list = list.clone();
        move || list.claim().unwrap_or_else(|_| unreachable!("never closed")).write(1)
    });
    block_on(poll_fn(|cx| {
        loop {
            // SAFETY: this thread is the one receiver.
            match unsafe { list.pop() } {
                Pop::Message(_) => return Poll::Ready(()),
                Pop::Busy => thread::yield_now(),
                Pop::Empty(state) if register(&list, state, cx.waker()) => return Poll::Pending,
                Pop::Empty(_) => {}
            }
        }
    }));
    joined(thread);
}

#[test]
fn a_message_for_a_receiver_that_starts_to_wait_is_seen() {
    check(|| {
        // SAFETY: called by the one receiver, which received all there was in this state.
        one_message(|list, state, waker| unsafe { list.turnstile.register(state, waker) });
    });
}

/// Waits from whatever the word has become, and may miss what was claimed meanwhile.
fn broken_register(
    list: &List<i32, false>,
    _state: State<false>,
    waker: &std::task::Waker,
) -> bool {
    let state = list.turnstile.state();
    // SAFETY: a lie: `state` may hold what was not received.
    unsafe { list.turnstile.register(state, waker) }
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_wait_from_another_state() {
    check(|| one_message(broken_register));
}

#[test]
fn a_wait_from_another_state_is_rejected() {
    assert_rejected("mpsc::loom_tests::broken_wait_from_another_state");
}

/// A receiver that waits, is polled before it is woken, and waits again; `send` is how the two messages are sent.
fn two_messages(send: fn(&List<i32, false>)) {
    let list = Arc::new(List::new(usize::MAX));
    // SAFETY: this thread is the one receiver, and nothing was sent.
    assert!(unsafe { list.turnstile.register(list.turnstile.state(), std::task::Waker::noop()) });
    let thread = thread::spawn({
        let list = list.clone();
        move || {
            send(&list);
            send(&list);
        }
    });
    for _ in 0..2 {
        block_on(poll_fn(|cx| {
            loop {
                // SAFETY: this thread is the one receiver, which received all there was in this state.
                match unsafe { list.pop() } {
                    Pop::Message(_) => return Poll::Ready(()),
                    Pop::Busy => thread::yield_now(),
                    Pop::Empty(state) if unsafe { list.turnstile.register(state, cx.waker()) } => {
                        return Poll::Pending;
                    }
                    Pop::Empty(_) => {}
                }
            }
        }));
    }
    joined(thread);
}

fn send(list: &List<i32, false>) {
    list.claim().unwrap_or_else(|_| unreachable!("never closed")).write(1);
}

#[test]
fn a_waker_is_taken_before_the_message_is_ready() {
    check_to(2, || two_messages(send));
}

/// Takes the waker after the message is ready, when the receiver may be about to store the next one.
fn broken_send(list: &List<i32, false>) {
    let before = list.turnstile.word.fetch_and(!RX_WAITS, AcqRel);
    send(list);
    // SAFETY: a lie: the message is ready.
    if let Some(waker) = unsafe { list.turnstile.take_rx_waker(State(before)) } {
        foreign(|| waker.wake());
    }
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_waker_taken_too_late() {
    check_to(2, || two_messages(broken_send));
}

#[test]
fn a_waker_taken_too_late_is_rejected() {
    assert_rejected("mpsc::loom_tests::broken_waker_taken_too_late");
}

/// A sender that waits for the room of one message; `give_back` is how the receiver gives it back.
fn one_room(give_back: fn(&List<i32, true>)) {
    let list = Arc::new(List::<i32, true>::new(1));
    list.turnstile.try_take_room(1).expect("there is room");
    let thread = thread::spawn({
        let list = list.clone();
        move || give_back(&list)
    });
    let admitted = block_on(list.turnstile.take_room(1));
    assert!(admitted.is_ok());
    joined(thread);
}

#[test]
fn room_for_a_sender_that_starts_to_wait_is_seen() {
    check(|| one_room(|list| list.turnstile.give_back(1)));
}

/// Looks whether somebody waits, and gives back in a second step.
fn broken_give_back(list: &List<i32, true>) {
    if list.turnstile.state().is(super::state::TX_WAIT) {
        list.turnstile.give_back(1);
    } else {
        list.turnstile.word.fetch_sub(super::state::ROOM, AcqRel);
    }
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_give_back_in_two_steps() {
    check(|| one_room(broken_give_back));
}

#[test]
fn giving_back_in_two_steps_is_rejected() {
    assert_rejected("mpsc::loom_tests::broken_give_back_in_two_steps");
}
