//! Many senders, one receiver, limited room.

use std::pin::pin;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{SendError, TryRecvError, TrySendError};

async fn produce(sender: mpsc::Sender<(u32, u32)>, id: u32) -> usize {
    let mut n_sent = 0;
    for n in 0..50 {
        if sender.send((id, n)).await.is_ok() {
            n_sent += 1;
        }
    }
    n_sent
}

fn why<T>(error: TrySendError<T>) -> (&'static str, T) {
    match error {
        TrySendError::Full(value) => ("full", value),
        TrySendError::Closed(value) => ("closed", value),
    }
}

fn why_not(error: TryRecvError) -> &'static str {
    match error {
        TryRecvError::Empty => "empty",
        TryRecvError::Disconnected => "disconnected",
    }
}

#[tokio::main]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    let (sender, mut receiver) = mpsc::channel(4);
    let producers: Vec<_> = (0..4).map(|id| tokio::spawn(produce(sender.clone(), id))).collect();
    drop(sender);
    let (mut next, mut n_received) = ([0; 4], 0);
    while let Some((id, n)) = receiver.recv().await {
        assert_eq!(n, next[id as usize], "out of order");
        next[id as usize] += 1;
        n_received += 1;
    }
    note!(seen, "received {n_received}");
    for producer in producers {
        note!(seen, "sent {}", producer.await.expect("the task does not panic"));
    }

    let (sender, mut receiver) = mpsc::channel::<&str>(2);
    note!(seen, "{:?}", receiver.try_recv().map_err(why_not));
    note!(seen, "room {} of {}", sender.capacity(), sender.max_capacity());
    sender.try_send("one").expect("there is room");
    sender.send("two").await.expect("there is room");
    note!(seen, "{:?}", sender.try_send("three").map_err(why));
    note!(seen, "room {}, full of {}", receiver.capacity(), receiver.len());
    {
        let mut waiting = pin!(sender.send("waits"));
        note!(seen, "waits: {}", crate::now(waiting.as_mut()).await.is_none());
        note!(seen, "{:?}", receiver.recv().await);
        note!(seen, "goes on: {}", crate::now(waiting).await.is_some_and(|sent| sent.is_ok()));
    }
    {
        let mut given_up = pin!(sender.send("given up"));
        note!(seen, "waits: {}", crate::now(given_up.as_mut()).await.is_none());
    }
    note!(seen, "{:?}, {:?}", receiver.try_recv(), receiver.try_recv());
    note!(
        seen,
        "{} {}",
        receiver.is_empty(),
        receiver.try_recv().is_err_and(|e| e == TryRecvError::Empty)
    );

    // Closing keeps what was sent, and lets nothing more in.
    sender.try_send("last").expect("there is room");
    note!(seen, "closed: {} {}", sender.is_closed(), receiver.is_closed());
    receiver.close();
    sender.closed().await;
    note!(seen, "closed: {} {}", sender.is_closed(), receiver.is_closed());
    let SendError(value) = sender.send("too late").await.expect_err("it is closed");
    note!(seen, "{value}: {:?}", sender.try_send("too late").map_err(why));
    note!(seen, "{:?} {:?}", receiver.recv().await, receiver.recv().await);
    note!(seen, "{:?}", receiver.try_recv().map_err(why_not));

    // The receiver takes waiting messages with it.
    let (sender, receiver) = mpsc::channel(2);
    let witness = std::sync::Arc::new(());
    sender.send(witness.clone()).await.expect("there is room");
    drop(receiver);
    note!(seen, "dropped: {}", std::sync::Arc::strong_count(&witness));
    note!(seen, "closed: {}", sender.is_closed());
    note!(
        seen,
        "back: {}",
        sender
            .send(witness)
            .await
            .is_err_and(|SendError(value)| std::sync::Arc::strong_count(&value) == 1)
    );

    let (sender, mut receiver) = mpsc::channel::<u8>(1);
    let other = sender.clone();
    note!(
        seen,
        "same: {} {}",
        sender.same_channel(&other),
        sender.same_channel(&mpsc::channel(1).0)
    );
    note!(seen, "senders {} {}", sender.strong_count(), receiver.sender_strong_count());
    drop((sender, other));
    note!(seen, "ended: {:?} {:?}", receiver.recv().await, receiver.try_recv().map_err(why_not));
    note!(seen, "ended is closed: {}", receiver.is_closed());
    note!(seen, "no room is no channel: {}", crate::panics(|| mpsc::channel::<u8>(0)));

    let (sender, mut receiver) = mpsc::channel(1);
    let sending = std::thread::spawn(move || {
        for n in 0..5 {
            sender.blocking_send(n).expect("the receiver waits");
        }
    });
    let receiving = std::thread::spawn(move || {
        let mut received = vec![receiver.blocking_recv()];
        let mut buffer = Vec::new();
        while receiver.blocking_recv_many(&mut buffer, 3) > 0 {}
        received.extend(buffer.into_iter().map(Some));
        received
    });
    sending.join().expect("the thread does not panic");
    note!(seen, "{:?}", receiving.join().expect("the thread does not panic"));
    seen
}
