//! Broadcast channels.

use super::Case;
use crate::tools::{Count, cut_off, poll_with};
use filch_sync::broadcast::error::TryRecvError;
use filch_sync::broadcast::{self, Receiver, Sender};
use filch_sync::{Mutex, MutexGuard};
use std::pin::pin;
use std::sync::Arc;

pub(super) const CASES: &[Case] =
    &[("broadcast::Receiver::recv", recv), ("broadcast::Sender::closed", closed)];

/// A channel, and the values that were made for it and still exist.
struct World {
    sender: Sender<Arc<()>>,
    receiver: Mutex<Option<Receiver<Arc<()>>>>,
    value: Arc<()>,
}

impl World {
    fn new() -> Self {
        let (sender, receiver) = broadcast::channel(2);
        World { sender, receiver: Mutex::new(Some(receiver)), value: Arc::default() }
    }

    fn receiver(&self) -> MutexGuard<'_, Option<Receiver<Arc<()>>>> {
        self.receiver.try_lock().expect("nobody else uses it")
    }
}

fn recv() {
    cut_off(
        World::new,
        |world| {
            Box::pin(async move {
                let mut receiver = world.receiver();
                let receiver = receiver.as_mut().expect("it is there");
                assert!(receiver.recv().await.is_ok());
            })
        },
        |world, _| assert!(world.sender.send(world.value.clone()).is_ok()),
        |world| {
            let mut receiver = world.receiver();
            let receiver = receiver.as_mut().expect("it is there");
            let n_there = Arc::strong_count(&world.value) - 1;
            assert_eq!(receiver.len(), n_there);
            for _ in 0..n_there {
                assert!(receiver.try_recv().is_ok());
            }
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
            assert_eq!(Arc::strong_count(&world.value), 1);
        },
    );
}

fn closed() {
    cut_off(
        World::new,
        |world| Box::pin(world.sender.closed()),
        |world, _| drop(world.receiver().take()),
        |world| {
            world.receiver().take();
            let (count, waker) = Count::new();
            assert!(poll_with(pin!(world.sender.closed()), &waker).is_ready());
            assert_eq!(count.get(), 0);
        },
    );
}
