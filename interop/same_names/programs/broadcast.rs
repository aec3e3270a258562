//! Every receiver gets every message.

use std::pin::pin;
use tokio::sync::broadcast::error::{RecvError, SendError, TryRecvError};
use tokio::sync::broadcast::{self, Receiver, Sender, WeakSender};

fn why(error: TryRecvError) -> String {
    match error {
        TryRecvError::Empty => "empty".into(),
        TryRecvError::Closed => "closed".into(),
        TryRecvError::Lagged(n) => format!("{n} behind"),
    }
}

async fn collect(mut receiver: Receiver<u32>) -> Vec<u32> {
    let mut received = Vec::new();
    loop {
        match receiver.recv().await {
            Ok(value) => received.push(value),
            Err(RecvError::Lagged(n)) => panic!("{n} behind"),
            Err(RecvError::Closed) => return received,
        }
    }
}

#[tokio::main]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    let (sender, receiver) = broadcast::channel(16);
    let receivers = [receiver, sender.subscribe(), sender.subscribe()];
    let tasks = receivers.map(|receiver| tokio::spawn(collect(receiver)));
    for n in 0..10 {
        note!(seen, "sent to {:?}", sender.send(n));
    }
    drop(sender);
    for task in tasks {
        note!(seen, "{:?}", task.await.expect("the task does not panic"));
    }

    let (sender, mut first): (Sender<&str>, Receiver<&str>) = broadcast::channel(4);
    note!(seen, "{:?}", first.try_recv().map_err(why));
    sender.send("before").expect("one listens");
    let mut second = sender.subscribe();
    sender.send("after").expect("two listen");
    note!(seen, "{} and {} of {} wait", first.len(), second.len(), sender.len());
    note!(seen, "{:?} {:?}", first.try_recv().map_err(why), second.try_recv().map_err(why));
    note!(seen, "{:?} {:?}", first.recv().await, second.try_recv().map_err(why));
    note!(seen, "empty: {} {} {}", first.is_empty(), second.is_empty(), sender.is_empty());
    sender.send("third").expect("two listen");
    let mut third = first.resubscribe();
    note!(seen, "{:?} {:?}", third.try_recv().map_err(why), first.try_recv().map_err(why));
    note!(seen, "listeners {}", sender.receiver_count());
    note!(seen, "same: {} {}", first.same_channel(&third), sender.same_channel(&sender.clone()));

    {
        let mut waiting = pin!(third.recv());
        note!(seen, "waits: {}", crate::now(waiting.as_mut()).await.is_none());
        sender.send("fourth").expect("three listen");
        note!(seen, "{:?}", crate::now(waiting).await);
    }

    let weak: WeakSender<&str> = sender.downgrade();
    note!(seen, "{} strong, {} weak", sender.strong_count(), sender.weak_count());
    note!(seen, "{} strong, {} weak", weak.clone().strong_count(), weak.weak_count());
    note!(seen, "upgraded: {}", weak.upgrade().is_some_and(|again| again.same_channel(&sender)));
    note!(seen, "{} strong, {} weak", first.sender_strong_count(), first.sender_weak_count());
    note!(seen, "closed: {}", first.is_closed());
    drop(sender);
    note!(seen, "closed: {}, gone: {}", first.is_closed(), weak.upgrade().is_none());
    note!(seen, "what waits is still read: {:?}", first.recv().await);
    note!(seen, "{:?} {:?}", first.recv().await.err(), first.try_recv().map_err(why));

    // Nobody listens: the message comes back. Somebody may listen later.
    let sender = Sender::<u8>::new(2);
    let SendError(back) = sender.send(1).expect_err("nobody listens");
    note!(seen, "back {back}");
    let mut late = sender.subscribe();
    note!(seen, "{:?}, {:?}", sender.send(2), late.recv().await);
    {
        let mut closed = pin!(sender.closed());
        note!(seen, "listened to: {}", crate::now(closed.as_mut()).await.is_none());
        drop(late);
        note!(seen, "no more: {}", crate::now(closed).await.is_some());
    }
    note!(seen, "no room is no channel: {}", crate::panics(|| broadcast::channel::<u8>(0)));

    let (sender, mut receiver) = broadcast::channel(2);
    let thread =
        std::thread::spawn(move || (receiver.blocking_recv(), receiver.blocking_recv().is_err()));
    sender.send('t').expect("the thread listens");
    drop(sender);
    note!(seen, "{:?}", thread.join().expect("the thread does not panic"));
    seen
}
