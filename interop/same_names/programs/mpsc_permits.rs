//! Room first, then the message.

use std::pin::pin;
use tokio::sync::mpsc::error::{SendError, TrySendError};
use tokio::sync::mpsc::{self, OwnedPermit, Permit};

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();
    let (sender, mut receiver) = mpsc::channel(3);

    let permit: Permit<'_, u32> = sender.reserve().await.expect("it is open");
    note!(seen, "reserved: {} left", sender.capacity());
    sender.try_send(2).expect("there is room");
    permit.send(1);
    note!(seen, "in the order of sending: {:?} {:?}", receiver.recv().await, receiver.recv().await);

    drop(sender.try_reserve().expect("there is room"));
    note!(seen, "given back: {}", sender.capacity());

    let many = sender.reserve_many(3).await.expect("it is open");
    note!(seen, "reserved {}: {} left", many.len(), sender.capacity());
    match sender.try_reserve() {
        Ok(_) => note!(seen, "a fourth"),
        Err(TrySendError::Full(())) => note!(seen, "full"),
        Err(TrySendError::Closed(())) => note!(seen, "closed"),
    }
    for (n, permit) in many.take(2).enumerate() {
        permit.send(10 + n as u32);
    }
    note!(seen, "the third came back: {}", sender.capacity());
    note!(seen, "{:?} {:?}", receiver.recv().await, receiver.recv().await);
    note!(seen, "too many for ever: {}", sender.try_reserve_many(4).is_err());
    note!(seen, "and by waiting: {}", sender.reserve_many(4).await.is_err());
    note!(seen, "none: {}", sender.reserve_many(0).await.is_ok_and(|none| none.count() == 0));
    {
        let two = sender.try_reserve_many(2).expect("there is room");
        let mut waiting = pin!(sender.reserve_many(2));
        note!(seen, "waits: {}", crate::now(waiting.as_mut()).await.is_none());
        drop(two);
        note!(seen, "goes on: {}", crate::now(waiting).await.is_some());
    }

    let owned: OwnedPermit<u32> = sender.clone().reserve_owned().await.expect("it is open");
    note!(seen, "of the same channel: {}", owned.same_channel_as_sender(&sender));
    let again = owned.send(20);
    let owned = again.try_reserve_owned().expect("there is room");
    let other = sender.clone().try_reserve_owned().expect("there is room");
    note!(seen, "both: {}", owned.same_channel(&other));
    match sender.clone().try_reserve_owned() {
        Ok(_) => note!(seen, "a fourth"),
        Err(TrySendError::Full(back)) => {
            note!(seen, "full, and the sender back: {}", back.same_channel(&sender))
        }
        Err(TrySendError::Closed(_)) => note!(seen, "closed"),
    }
    let back = owned.release();
    note!(seen, "released: {}", back.capacity());
    drop(back);
    note!(seen, "senders {}", sender.strong_count());

    // Who has room may send after the end was declared, and the receiver waits for it.
    receiver.close();
    note!(seen, "{:?}", receiver.recv().await);
    {
        let mut next = pin!(receiver.recv());
        note!(seen, "waits for the permit: {}", crate::now(next.as_mut()).await.is_none());
        drop(other.send(30));
        note!(seen, "{:?}", crate::now(next).await);
    }
    note!(seen, "{:?}", receiver.recv().await);
    note!(seen, "no more: {}", matches!(sender.try_reserve(), Err(TrySendError::Closed(()))));
    note!(seen, "no more: {}", matches!(sender.reserve().await, Err(SendError(()))));
    note!(seen, "no more: {}", matches!(sender.try_reserve_many(1), Err(TrySendError::Closed(()))));
    note!(seen, "no more: {}", matches!(sender.clone().reserve_owned().await, Err(SendError(()))));
    match sender.clone().try_reserve_owned() {
        Ok(_) => note!(seen, "room"),
        Err(TrySendError::Full(_)) => note!(seen, "full"),
        Err(TrySendError::Closed(back)) => note!(seen, "closed: {}", back.is_closed()),
    }
    seen
}
