//! Wakers that panic, and wakers that use the channel which wakes them.

use crate::tools::{Count, call, poll_with, ready, unclonable};
use filch_sync::mpsc;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Waker;

fn explode() -> Waker {
    call(|| std::panic::resume_unwind(Box::new("waker")))
}

#[track_caller]
fn panics(f: impl FnOnce()) {
    let panic =
        catch_unwind(AssertUnwindSafe(f)).expect_err("the waker's panic goes on in its caller");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"waker"));
}

#[test]
fn a_panicking_waker_of_the_receiver_does_not_take_the_message() {
    let (sender, mut receiver) = mpsc::channel(1);
    assert!(poll_with(pin!(receiver.recv()), &explode()).is_pending());
    panics(|| sender.try_send(1).expect("there is room"));
    assert_eq!(ready(pin!(receiver.recv())), Some(1));

    assert!(poll_with(pin!(receiver.recv()), &explode()).is_pending());
    panics(|| drop(sender));
    assert_eq!(ready(pin!(receiver.recv())), None);
}

#[test]
fn a_panicking_waker_of_a_sender_does_not_take_the_message_nor_the_room() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(1).expect("there is room");
    let mut waiting = pin!(sender.send(2));
    assert!(poll_with(waiting.as_mut(), &explode()).is_pending());
    // The room is given back after the messages were taken, so that it is the call that panics.
    let mut buffer = Vec::new();
    panics(|| assert_eq!(ready(pin!(receiver.recv_many(&mut buffer, 1))), 1));
    assert_eq!(buffer, [1]);
    ready(waiting).expect("the receiver is there");
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(sender.capacity(), 1);
}

#[test]
fn a_message_is_still_there_when_the_waker_of_a_sender_panics_in_recv() {
    type Recv = fn(&mut mpsc::Receiver<i32>) -> Option<i32>;
    let ways: [Recv; 3] = [
        |receiver| receiver.try_recv().ok(),
        |receiver| receiver.blocking_recv(),
        |receiver| ready(pin!(receiver.recv())),
    ];
    for recv in ways {
        // Across the ends of several blocks.
        for n_before in [0, 30, 31, 62] {
            let (sender, mut receiver) = mpsc::channel(1);
            for n in 0..n_before {
                sender.try_send(n).expect("there is room");
                assert_eq!(recv(&mut receiver), Some(n));
            }
            sender.try_send(100).expect("there is room");
            let mut first = pin!(sender.send(101));
            assert!(poll_with(first.as_mut(), &explode()).is_pending());
            let (count, waker) = Count::new();
            let mut second = pin!(sender.send(102));
            assert!(poll_with(second.as_mut(), &waker).is_pending());
            panics(|| assert_eq!(recv(&mut receiver), None));
            ready(first).expect("the receiver is there");
            assert_eq!((receiver.len(), sender.capacity(), count.get()), (2, 0, 0));
            assert!(sender.try_send(103).is_err());
            assert_eq!(recv(&mut receiver), Some(100));
            assert_eq!(count.get(), 0, "there is room for one message, which waits");
            assert_eq!(recv(&mut receiver), Some(101));
            assert_eq!(count.get(), 1);
            ready(second).expect("the receiver is there");
            assert_eq!(recv(&mut receiver), Some(102));
            assert_eq!((receiver.len(), sender.capacity()), (0, 1));
        }
    }
}

#[test]
fn a_panicking_waker_does_not_keep_others_from_hearing_of_the_end() {
    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(0).expect("there is room");
    let (count, counting) = Count::new();
    let mut closed = pin!(sender.closed());
    assert!(poll_with(closed.as_mut(), &counting).is_pending());
    let mut waiting: Vec<_> = (0..70).map(|n| Box::pin(sender.send(n))).collect();
    for (n, future) in waiting.iter_mut().enumerate() {
        let waker = if n % 10 == 0 { explode() } else { counting.clone() };
        assert!(poll_with(future.as_mut(), &waker).is_pending());
    }
    panics(|| drop(receiver));
    assert_eq!(count.get(), 64);
    ready(closed);
    assert_eq!(sender.capacity(), 1, "the message that waited was dropped");
    for future in &mut waiting {
        assert!(ready(future.as_mut()).is_err());
    }
}

#[test]
fn a_waker_that_cannot_be_cloned_loses_no_message() {
    let (sender, mut receiver) = mpsc::channel(1);
    let poll_recv = |receiver: &mut mpsc::Receiver<i32>| {
        catch_unwind(AssertUnwindSafe(|| {
            poll_with(pin!(receiver.recv()), &unclonable()).is_ready()
        }))
    };
    assert!(poll_recv(&mut receiver).is_err());
    let (count, waker) = Count::new();
    assert!(poll_with(pin!(receiver.recv()), &waker).is_pending());
    assert!(poll_recv(&mut receiver).is_err(), "in the place of another one");
    sender.try_send(1).expect("there is room");
    assert_eq!(count.get(), 0, "the receiver did not wait any more");
    assert_eq!(receiver.try_recv(), Ok(1));
    drop(waker);
    drop(receiver);
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn a_waker_may_use_the_channel_that_wakes_it() {
    let (sender, receiver) = mpsc::channel(1);
    let receiver = Arc::new(Mutex::new(receiver));
    let waker = {
        let (sender, receiver) = (sender.clone(), receiver.clone());
        call(move || {
            let mut receiver = receiver.lock().expect("not poisoned");
            assert_eq!(receiver.try_recv(), Ok(1));
            assert_eq!(receiver.capacity(), 1);
            drop(sender.clone().try_reserve_owned().expect("there is room"));
            sender.try_send(2).expect("there is room");
        })
    };
    assert!(poll_with(pin!(receiver.lock().expect("not poisoned").recv()), &waker).is_pending());
    sender.try_send(1).expect("there is room");
    assert_eq!(receiver.lock().expect("not poisoned").try_recv(), Ok(2));
}

#[test]
fn a_senders_waker_may_use_the_channel_that_wakes_it() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(1).expect("there is room");
    let another = sender.clone();
    let waker = call(move || {
        assert!(another.try_send(3).is_err(), "the room is the waiting one's");
        assert!(!another.is_closed());
    });
    let mut waiting = pin!(sender.send(2));
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    ready(waiting).expect("the receiver is there");
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn dropping_a_waker_may_use_the_channel_that_held_it() {
    struct OnDrop(mpsc::Sender<i32>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            let _ = self.0.try_send(1);
        }
    }
    let (sender, mut receiver) = mpsc::channel(8);
    let on_drop = OnDrop(sender.clone());
    let waker = call(move || drop(on_drop.0.clone()));
    assert!(poll_with(pin!(receiver.recv()), &waker).is_pending());
    drop(waker);
    let (_count, other) = Count::new();
    let _ = poll_with(pin!(receiver.recv()), &other);
    assert_eq!(receiver.try_recv(), Ok(1), "sent by the drop of the waker that was replaced");
}

#[test]
fn a_message_may_use_the_channel_that_drops_it() {
    struct Reenter(mpsc::Sender<Option<Reenter>>);
    impl Drop for Reenter {
        fn drop(&mut self) {
            assert!(self.0.is_closed());
            assert!(self.0.try_send(None).is_err());
        }
    }
    let (sender, receiver) = mpsc::channel(2);
    assert!(sender.try_send(Some(Reenter(sender.clone()))).is_ok());
    drop(receiver);
    assert_eq!(sender.capacity(), 2);
    assert_eq!(sender.strong_count(), 1);
}
