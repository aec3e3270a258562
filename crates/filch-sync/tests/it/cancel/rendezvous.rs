//! Rendezvous: a dropped send takes its value along, a dropped receive has taken none.

use super::Case;
use crate::tools::{Count, cut_off, poll, poll_with, ready};
use filch_sync::rendezvous::error::TryRecvError;
use filch_sync::rendezvous::{self, Receiver, Sender};
use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::sync::Arc;

pub(super) const CASES: &[Case] = &[
    ("rendezvous::Sender::send", || {
        cut_off(
            World::new,
            |world| {
                Box::pin(async {
                    world.sender.send(world.value.clone()).await.expect("never closed");
                    world.is_done.set(true);
                })
            },
            |world, _| world.received.borrow_mut().extend(world.receiver.try_recv()),
            |world| {
                assert!(!world.is_done.get() || world.received.borrow().len() == 1);
                assert_eq!(world.receiver.try_recv(), Err(TryRecvError::Empty));
                assert_eq!(Arc::strong_count(&world.value), 1 + world.received.borrow().len());
            },
        );
    }),
    ("rendezvous::Sender::closed", || {
        cut_off(
            World::new,
            |world| Box::pin(world.sender.closed()),
            |world, _| world.receiver.close(),
            |world| {
                world.receiver.close();
                ready(pin!(world.sender.closed()));
            },
        );
    }),
    ("rendezvous::Receiver::recv", || {
        cut_off_recv(|world| {
            let mut sending = world.sending.borrow_mut();
            let sending = sending.insert(send(world.sender.clone(), world.value.clone()));
            assert!(poll(sending.as_mut()).is_pending());
        });
        cut_off_recv(|world| {
            world.sender.try_send(world.value.clone()).expect("a receiver waits");
        });
    }),
];

/// A receive, to which `step` sends.
fn cut_off_recv(step: fn(&World)) {
    cut_off(
        World::new,
        |world| {
            Box::pin(async {
                let value = world.receiver.recv().await;
                world.received.borrow_mut().extend(value);
            })
        },
        |world, _| step(world),
        |world| {
            // What was sent was received, or is there for another receiver.
            let left: Vec<_> = std::iter::from_fn(|| world.receiver.try_recv().ok()).collect();
            let n_sent = Arc::strong_count(&world.value) - 1;
            assert_eq!(world.received.borrow().len() + left.len(), n_sent);
            if let Some(mut sending) = world.sending.take() {
                assert!(ready(sending.as_mut()), "its value was taken");
            }
        },
    );
}

type Sending = Pin<Box<dyn Future<Output = bool>>>;

fn send(sender: Sender<Arc<()>>, value: Arc<()>) -> Sending {
    Box::pin(async move { sender.send(value).await.is_ok() })
}

struct World {
    sender: Sender<Arc<()>>,
    receiver: Receiver<Arc<()>>,
    value: Arc<()>,
    sending: RefCell<Option<Sending>>,
    received: RefCell<Vec<Arc<()>>>,
    is_done: Cell<bool>,
}

impl World {
    fn new() -> Self {
        let (sender, receiver) = rendezvous::channel();
        World {
            sender,
            receiver,
            value: Arc::new(()),
            sending: RefCell::new(None),
            received: RefCell::default(),
            is_done: Cell::new(false),
        }
    }
}

#[test]
fn a_receiver_dropped_after_it_was_woken_wakes_the_next() {
    let (sender, receiver) = rendezvous::channel();
    let mut first = Box::pin(receiver.recv());
    assert!(poll(first.as_mut()).is_pending());
    let (count, waker) = Count::new();
    let mut second = pin!(receiver.recv());
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    let mut send = pin!(sender.send(1));
    assert!(poll(send.as_mut()).is_pending());
    drop(first);
    assert_eq!(count.get(), 1);
    assert!(poll(send.as_mut()).is_pending(), "nobody has taken it");
    assert_eq!(ready(second), Some(1));
    assert_eq!(ready(send), Ok(()));
}

#[test]
fn a_send_dropped_in_the_queue_is_not_received() {
    let (sender, receiver) = rendezvous::channel();
    let mut first = Box::pin(sender.send(1));
    let mut second = pin!(sender.send(2));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    drop(first);
    assert_eq!(ready(pin!(receiver.recv())), Some(2));
    assert_eq!(ready(second), Ok(()));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_receiver_woken_for_a_send_that_is_gone_waits_on() {
    let (sender, receiver) = rendezvous::channel();
    let mut recv = pin!(receiver.recv());
    assert!(poll(recv.as_mut()).is_pending());
    let mut gone = Box::pin(sender.send(1));
    assert!(poll(gone.as_mut()).is_pending());
    drop(gone);
    let (count, waker) = Count::new();
    assert!(poll_with(recv.as_mut(), &waker).is_pending());
    let mut send = pin!(sender.send(2));
    assert!(poll(send.as_mut()).is_pending());
    assert_eq!(count.get(), 1);
    assert_eq!(ready(recv), Some(2));
    assert_eq!(ready(send), Ok(()));
}

#[test]
fn a_value_left_for_a_receiver_that_is_dropped_goes_to_the_next() {
    let (sender, receiver) = rendezvous::channel();
    let mut recv = Box::pin(receiver.recv());
    assert!(poll(recv.as_mut()).is_pending());
    assert_eq!(sender.try_send(1), Ok(()));
    assert!(sender.try_send(2).is_err(), "that receiver is spoken for");
    let mut send = pin!(sender.send(3));
    assert!(poll(send.as_mut()).is_pending());
    drop(recv);
    assert_eq!(ready(pin!(receiver.recv())), Some(1));
    assert_eq!(ready(pin!(receiver.recv())), Some(3));
    assert_eq!(ready(send), Ok(()));
}
