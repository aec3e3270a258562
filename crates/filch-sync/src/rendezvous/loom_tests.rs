//! **Property:** a value is taken by one receiver, and its sender is told so; or it stays with its sender. Neither end
//! sleeps while the other one waits for it.

use super::*;
use crate::model::{Arc, assert_rejected, block_on, check, check_to, poll, thread};
use crate::mpmc::channel::Channel;
use crate::wait_queue::Waiter;
use offers::Offer;
use std::pin::pin;
use std::task::Poll;

fn joined<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the thread does not panic")
}

#[test]
fn a_value_passes() {
    check_to(2, || {
        let (sender, receiver) = channel();
        let thread = thread::spawn(move || {
            sender.blocking_send(Box::new(1)).expect("the receiver is there");
            sender.blocking_send(Box::new(2)).expect("the receiver is there");
        });
        assert_eq!(receiver.blocking_recv(), Some(Box::new(1)));
        assert_eq!(receiver.blocking_recv(), Some(Box::new(2)));
        assert_eq!(receiver.blocking_recv(), None);
        joined(thread);
    });
}

#[test]
fn two_senders_are_both_served() {
    check_to(1, || {
        let (sender, receiver) = channel();
        let threads = [(1, sender.clone()), (2, sender)]
            .map(|(n, sender)| thread::spawn(move || sender.blocking_send(n).is_ok()));
        let sum = receiver.blocking_recv().unwrap_or(0) + receiver.blocking_recv().unwrap_or(0);
        assert_eq!(sum, 3);
        assert!(threads.into_iter().all(joined));
    });
}

#[test]
fn a_send_that_is_dropped_was_received_or_not_made() {
    check(|| {
        let (sender, receiver) = channel();
        let thread = thread::spawn(move || receiver.try_recv().is_ok());
        let mut send = Box::pin(sender.send(Arc::new(())));
        let is_told = match poll(send.as_mut()) {
            Poll::Ready(sent) => sent.is_ok(),
            Poll::Pending => matches!(poll(send.as_mut()), Poll::Ready(Ok(()))),
        };
        drop(send);
        let was_received = joined(thread);
        assert!(was_received || !is_told);
    });
}

#[test]
fn a_receiver_that_leaves_wakes_the_next() {
    check_to(2, || {
        let (sender, receiver) = channel();
        let mut leaving = Box::pin({
            let receiver = receiver.clone();
            async move { receiver.recv().await }
        });
        assert!(poll(leaving.as_mut()).is_pending());
        let waiting = thread::spawn(move || receiver.blocking_recv());
        let sending = thread::spawn(move || sender.blocking_send(1).expect("receivers are there"));
        drop(leaving);
        assert_eq!(joined(waiting), Some(1));
        joined(sending);
    });
}

#[test]
fn a_value_is_received_or_comes_back() {
    check(|| {
        let (sender, receiver) = channel();
        let thread = thread::spawn(move || sender.blocking_send(1).is_ok());
        let received = receiver.try_recv().is_ok();
        receiver.close();
        assert_eq!(joined(thread), received);
        assert_eq!(receiver.blocking_recv(), None);
    });
}

/// One value for a receiver that begins to wait.
fn one_value(offer: fn(&Channel<i32, Offers<i32>>)) {
    let (tx, rx) = ends::channel(Offers::new());
    let thread = thread::spawn(move || offer(&tx.channel));
    assert_eq!(block_on(rx.recv()), Some(1));
    joined(thread);
}

/// Tells a receiver to look, and offers its value after.
fn broken_offer(channel: &Channel<i32, Offers<i32>>) {
    let offer = pin!(Offer::new(1));
    let offer = offer.into_ref();
    let waiter = pin!(Waiter::new(&channel.room, offer.address()));
    let waiter = waiter.into_ref();
    channel.announce();
    block_on(std::future::poll_fn(|cx| waiter.poll(Some(cx.waker()))));
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_offer_after_the_announcement() {
    check(|| one_value(broken_offer));
}

#[test]
fn an_offer_after_the_announcement_is_rejected() {
    assert_rejected("rendezvous::loom_tests::broken_offer_after_the_announcement");
}

#[test]
fn an_offer_before_the_announcement_is_seen() {
    check(|| {
        one_value(|channel| {
            let offer = pin!(Offer::new(1));
            let offer = offer.into_ref();
            let waiter = pin!(Waiter::new(&channel.room, offer.address()));
            let waiter = waiter.into_ref();
            let mut is_announced = false;
            block_on(std::future::poll_fn(|cx| {
                let poll = waiter.poll(Some(cx.waker()));
                if poll.is_pending() && !std::mem::replace(&mut is_announced, true) {
                    channel.announce();
                }
                poll.map(drop)
            }));
        });
    });
}

#[test]
fn try_send_is_for_a_receiver_that_waits() {
    check(|| {
        let (sender, receiver) = channel();
        let mut recv = Box::pin(receiver.recv());
        let is_waiting = poll(recv.as_mut()).is_pending();
        assert!(is_waiting);
        let thread =
            thread::spawn(move || (sender.try_send(1).is_ok(), sender.try_send(2).is_ok()));
        let first = match poll(recv.as_mut()) {
            Poll::Ready(value) => value,
            Poll::Pending => block_on(recv),
        };
        assert_eq!(first, Some(1));
        assert_eq!(joined(thread), (true, false));
    });
}
