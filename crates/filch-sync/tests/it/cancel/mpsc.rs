//! Channels of one receiver.

use super::Case;
use crate::tools::{Count, cut_off, poll_with, ready};
use filch_sync::mpsc::error::TryRecvError;
use filch_sync::mpsc::{self, Receiver, Sender, UnboundedReceiver, UnboundedSender};
use filch_sync::{Mutex, MutexGuard};
use std::pin::pin;
use std::sync::Arc;

pub(super) const CASES: &[Case] = &[
    ("mpsc::Sender::send", send),
    ("mpsc::Sender::reserve", reserve),
    ("mpsc::Sender::reserve_many", reserve_many),
    ("mpsc::Sender::reserve_owned", reserve_owned),
    ("mpsc::Sender::closed", closed),
    ("mpsc::Receiver::recv", recv),
    ("mpsc::Receiver::recv_many", recv_many),
    ("mpsc::UnboundedSender::closed", unbounded_closed),
    ("mpsc::UnboundedReceiver::recv", unbounded_recv),
    ("mpsc::UnboundedReceiver::recv_many", unbounded_recv_many),
];

const BUFFER: usize = 2;

/// A channel, and the messages that were made for it and still exist.
struct World {
    sender: Sender<Arc<()>>,
    receiver: Mutex<Receiver<Arc<()>>>,
    message: Arc<()>,
}

/// Full, so that senders wait.
fn full() -> World {
    let world = empty();
    for _ in 0..BUFFER {
        world.sender.try_send(world.message.clone()).expect("there is room");
    }
    world
}

fn empty() -> World {
    let (sender, receiver) = mpsc::channel(BUFFER);
    World { sender, receiver: Mutex::new(receiver), message: Arc::default() }
}

impl World {
    fn receiver(&self) -> MutexGuard<'_, Receiver<Arc<()>>> {
        self.receiver.try_lock().expect("nobody else receives")
    }

    fn receive_one(&self) {
        self.receiver().try_recv().expect("one waits");
    }

    fn n_waiting(&self) -> usize {
        Arc::strong_count(&self.message) - 1
    }

    /// All messages there are wait in the channel, and all other room is free.
    fn check(self) {
        let World { sender, receiver, message } = self;
        let mut receiver = receiver.into_inner();
        let n_waiting = Arc::strong_count(&message) - 1;
        assert_eq!((receiver.len(), sender.capacity()), (n_waiting, BUFFER - n_waiting));
        let (count, waker) = Count::new();
        while receiver.try_recv().is_ok() {}
        assert_eq!(sender.capacity(), BUFFER, "room was lost");
        assert!(poll_with(pin!(receiver.recv()), &waker).is_pending());
        drop(sender);
        assert_eq!(count.get(), 1);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(Arc::strong_count(&message), 1);
    }
}

fn send() {
    cut_off(
        full,
        |world| {
            Box::pin(async {
                world.sender.send(world.message.clone()).await.expect("the receiver is there");
            })
        },
        |world, _| world.receive_one(),
        World::check,
    );
}

fn reserve() {
    cut_off(
        full,
        |world| {
            Box::pin(async {
                let permit = world.sender.reserve().await.expect("the receiver is there");
                permit.send(world.message.clone());
            })
        },
        |world, _| world.receive_one(),
        World::check,
    );
}

fn reserve_many() {
    cut_off(
        full,
        |world| {
            Box::pin(async {
                let mut permits =
                    world.sender.reserve_many(2).await.expect("the receiver is there");
                permits.next().expect("two were asked for").send(world.message.clone());
            })
        },
        // The first of them is set aside.
        |world, _| world.receive_one(),
        World::check,
    );
}

fn reserve_owned() {
    cut_off(
        full,
        |world| {
            Box::pin(async {
                let permit =
                    world.sender.clone().reserve_owned().await.expect("the receiver is there");
                drop(permit.send(world.message.clone()));
            })
        },
        |world, _| world.receive_one(),
        |world| {
            assert_eq!(world.sender.strong_count(), 1);
            world.check();
        },
    );
}

fn closed() {
    cut_off(
        full,
        |world| Box::pin(world.sender.closed()),
        |world, n| {
            if n == 1 {
                world.receiver().close();
            }
        },
        |world| assert_eq!(world.receiver().len(), BUFFER),
    );
}

fn recv() {
    cut_off(
        empty,
        |world| {
            Box::pin(async {
                let mut receiver = world.receiver.lock().await;
                receiver.recv().await.expect("the sender is there");
            })
        },
        |world, n| {
            if n == 1 {
                world.sender.try_send(world.message.clone()).expect("there is room");
            }
        },
        World::check,
    );
}

fn recv_many() {
    cut_off(
        empty,
        |world| {
            Box::pin(async {
                let mut receiver = world.receiver.lock().await;
                let mut buffer = Vec::new();
                assert_eq!(receiver.recv_many(&mut buffer, 2).await, 1);
            })
        },
        |world, n| {
            if n == 1 {
                world.sender.try_send(world.message.clone()).expect("there is room");
                assert_eq!(world.n_waiting(), 1);
            }
        },
        World::check,
    );
}

struct Unbounded {
    sender: UnboundedSender<&'static str>,
    receiver: Mutex<UnboundedReceiver<&'static str>>,
}

fn unbounded() -> Unbounded {
    let (sender, receiver) = mpsc::unbounded_channel();
    Unbounded { sender, receiver: Mutex::new(receiver) }
}

fn unbounded_closed() {
    cut_off(
        unbounded,
        |world| Box::pin(world.sender.closed()),
        |world, _| world.receiver.try_lock().expect("nobody receives").close(),
        |world| assert_eq!(world.receiver.into_inner().len(), 0),
    );
}

fn unbounded_recv() {
    // Says how often it has sent, by its messages.
    cut_off(
        unbounded,
        |world| {
            Box::pin(async {
                assert_eq!(world.receiver.lock().await.recv().await, Some("sent"));
                world.sender.send("received").expect("the receiver is there");
            })
        },
        |world, _| world.sender.send("sent").expect("the receiver is there"),
        |world| {
            // What was taken was answered.
            let mut receiver = world.receiver.into_inner();
            let first = receiver.try_recv();
            assert!(matches!(first, Ok("sent" | "received") | Err(TryRecvError::Empty)));
        },
    );
}

fn unbounded_recv_many() {
    cut_off(
        unbounded,
        |world| {
            Box::pin(async {
                let mut buffer = Vec::new();
                let n = world.receiver.lock().await.recv_many(&mut buffer, 3).await;
                assert_eq!((n, &buffer[..]), (1, &["sent"][..]));
                world.sender.send("received").expect("the receiver is there");
            })
        },
        |world, _| world.sender.send("sent").expect("the receiver is there"),
        |world| {
            let mut receiver = world.receiver.into_inner();
            let mut buffer = Vec::new();
            drop(world.sender);
            while ready(pin!(receiver.recv_many(&mut buffer, 3))) != 0 {}
            assert!(buffer.len() <= 1, "a message was made: {buffer:?}");
        },
    );
}
