//! Channels of many receivers: a dropped send has not sent, a dropped receive has not received.

use super::Case;
use crate::tools::{Count, cut_off, poll, poll_with, ready};
use filch_sync::mpmc::error::TryRecvError;
use filch_sync::mpmc::{self, Receiver, Sender};
use std::cell::{Cell, RefCell};
use std::pin::pin;

pub(super) const CASES: &[Case] = &[
    ("mpmc::Sender::send", || {
        cut_off(
            || {
                let world = World::new(1);
                world.sender.try_send(1).expect("there is room");
                world
            },
            |world| {
                Box::pin(async {
                    world.sender.send(2).await.expect("never closed");
                    world.is_done.set(true);
                })
            },
            |world, _| world.receive(),
            |world| {
                world.receive();
                world.receive();
                let sent: &[i32] = if world.is_done.get() { &[1, 2] } else { &[1] };
                assert_eq!(*world.received.borrow(), sent);
                assert_eq!(world.sender.capacity(), 1);
            },
        );
    }),
    ("mpmc::Sender::closed", || {
        cut_off(
            || World::new(1),
            |world| Box::pin(world.sender.closed()),
            |world, _| world.receiver.close(),
            |world| {
                world.receiver.close();
                ready(pin!(world.sender.closed()));
            },
        );
    }),
    ("mpmc::Receiver::recv", || {
        cut_off(
            || World::new(1),
            |world| {
                Box::pin(async {
                    let value = world.receiver.recv().await;
                    world.received.borrow_mut().extend(value);
                })
            },
            |world, n| world.sender.try_send(n as i32).expect("there is room"),
            World::check_receiver,
        );
    }),
    ("mpmc::Receiver::recv_many", || {
        cut_off(
            || World::new(1),
            |world| {
                Box::pin(async {
                    let mut buffer = Vec::new();
                    assert_eq!(world.receiver.recv_many(&mut buffer, 3).await, buffer.len());
                    world.received.borrow_mut().extend(buffer);
                })
            },
            |world, n| world.sender.try_send(n as i32).expect("there is room"),
            World::check_receiver,
        );
    }),
];

struct World {
    sender: Sender<i32>,
    receiver: Receiver<i32>,
    received: RefCell<Vec<i32>>,
    is_done: Cell<bool>,
}

impl World {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = mpmc::channel(capacity);
        World { sender, receiver, received: RefCell::default(), is_done: Cell::new(false) }
    }

    fn receive(&self) {
        self.received.borrow_mut().extend(self.receiver.try_recv());
    }

    /// What was sent was received, or is there for another receiver.
    fn check_receiver(self) {
        let n_sent = self.received.borrow().len() + self.receiver.len();
        assert!(n_sent <= 1);
        if self.receiver.is_empty() {
            self.sender.try_send(7).expect("there is room");
        }
        assert!(ready(pin!(self.receiver.clone().recv())).is_some());
        assert_eq!(
            (self.receiver.try_recv(), self.sender.capacity()),
            (Err(TryRecvError::Empty), 1)
        );
    }
}

#[test]
fn a_receiver_dropped_after_it_was_woken_wakes_the_next() {
    let (sender, receiver) = mpmc::unbounded_channel();
    let mut first = Box::pin(receiver.recv());
    assert!(poll(first.as_mut()).is_pending());
    let (count, waker) = Count::new();
    let mut second = pin!(receiver.recv());
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    sender.try_send(1).expect("never full");
    assert_eq!(count.get(), 0, "the first one was woken");
    drop(first);
    assert_eq!(count.get(), 1, "and passed that on");
    assert_eq!(ready(second), Some(1));
}

#[test]
fn a_polled_receiver_dropped_after_it_was_woken_wakes_the_next() {
    let (sender, mut stream) = mpmc::unbounded_channel();
    let receiver = stream.clone();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(stream.poll_recv(&mut cx).is_pending());
    let (count, waker) = Count::new();
    let mut waiting = pin!(receiver.recv());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    sender.try_send(1).expect("never full");
    drop(stream);
    assert_eq!(count.get(), 1);
    assert_eq!(ready(waiting), Some(1));
}

#[test]
fn a_receiver_that_was_passed_over_keeps_its_place() {
    let (sender, receiver) = mpmc::unbounded_channel();
    let mut first = pin!(receiver.recv());
    assert!(poll(first.as_mut()).is_pending());
    let mut second = pin!(receiver.recv());
    assert!(poll(second.as_mut()).is_pending());
    sender.try_send(1).expect("never full");
    assert_eq!(receiver.try_recv(), Ok(1), "a value belongs to whoever takes it first");
    let (count, waker) = Count::new();
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    sender.try_send(2).expect("never full");
    assert_eq!(count.get(), 1);
    assert_eq!(ready(first), Some(2));
    assert!(poll(second).is_pending());
}

#[test]
fn room_granted_to_a_dropped_send_goes_to_the_next() {
    let (sender, receiver) = mpmc::channel(1);
    sender.try_send(1).expect("there is room");
    let mut first = Box::pin(sender.send(2));
    assert!(poll(first.as_mut()).is_pending());
    let (count, waker) = Count::new();
    let mut second = pin!(sender.send(3));
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    drop(first);
    assert_eq!(count.get(), 1);
    ready(second).expect("the receiver is there");
    assert_eq!(receiver.try_recv(), Ok(3));
}

#[test]
fn room_granted_before_a_close_is_given_back() {
    let (sender, receiver) = mpmc::channel(1);
    sender.try_send(1).expect("there is room");
    let mut granted = pin!(sender.send(2));
    assert!(poll(granted.as_mut()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    receiver.close();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected), "nothing gets in any more");
    assert_eq!(ready(granted).expect_err("closed").0, 2);
    assert_eq!(sender.capacity(), 1);
}
