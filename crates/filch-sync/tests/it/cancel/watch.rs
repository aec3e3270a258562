//! Watch channels.

use super::Case;
use crate::tools::{cut_off, poll, ready};
use filch_sync::Mutex;
use filch_sync::watch::{self, Receiver, Sender};
use std::cell::Cell;
use std::pin::pin;

pub(super) const CASES: &[Case] = &[
    ("watch::Receiver::changed", changed),
    ("watch::Receiver::wait_for", wait_for),
    ("watch::Sender::closed", closed),
];

struct World {
    sender: Sender<usize>,
    receiver: Mutex<Option<Receiver<usize>>>,
    has_seen: Cell<bool>,
}

impl World {
    fn new() -> Self {
        let (sender, receiver) = watch::channel(0);
        World { sender, receiver: Mutex::new(Some(receiver)), has_seen: Cell::new(false) }
    }

    fn receiver(&self) -> filch_sync::MutexGuard<'_, Option<Receiver<usize>>> {
        self.receiver.try_lock().expect("nobody else uses it")
    }
}

fn changed() {
    cut_off(
        World::new,
        |world| {
            Box::pin(async move {
                let mut receiver = world.receiver();
                let receiver = receiver.as_mut().expect("it is there");
                receiver.changed().await.expect("there is a sender");
                world.has_seen.set(true);
            })
        },
        |world, n| world.sender.send(n + 1).expect("there is a receiver"),
        |world| {
            let receiver = world.receiver();
            let receiver = receiver.as_ref().expect("it is there");
            let is_new = *world.sender.borrow() != 0 && !world.has_seen.get();
            assert_eq!(
                receiver.has_changed(),
                Ok(is_new),
                "a change is seen by a call that returned"
            );
        },
    );
}

fn wait_for() {
    cut_off(
        World::new,
        |world| {
            Box::pin(async move {
                let mut receiver = world.receiver();
                let receiver = receiver.as_mut().expect("it is there");
                let value = receiver.wait_for(|n| *n >= 3).await.expect("there is a sender");
                assert_eq!(*value, 3);
            })
        },
        |world, n| world.sender.send(n + 1).expect("there is a receiver"),
        |world| {
            world.sender.send_modify(|n| *n = 7); // Nothing is lent any more: this would wait.
            let mut receiver = world.receiver();
            let receiver = receiver.as_mut().expect("it is there");
            assert_eq!(*ready(pin!(receiver.wait_for(|n| *n == 7))).expect("there is a sender"), 7);
            assert!(poll(pin!(receiver.changed())).is_pending());
        },
    );
}

fn closed() {
    cut_off(
        World::new,
        |world| Box::pin(world.sender.closed()),
        |world, _| drop(world.receiver().take()),
        |world| {
            drop(world.receiver().take());
            ready(pin!(world.sender.closed()));
        },
    );
}
