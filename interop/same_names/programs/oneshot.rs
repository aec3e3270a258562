//! One value, once.

use std::pin::pin;
use std::task::{Context, Waker};
use tokio::sync::oneshot::error::{RecvError, TryRecvError};
use tokio::sync::oneshot::{self, Receiver, Sender};

fn why(error: TryRecvError) -> &'static str {
    match error {
        TryRecvError::Empty => "empty",
        TryRecvError::Closed => "closed",
    }
}

async fn first_of(fast: Receiver<u32>, slow: Receiver<u32>) -> Result<u32, RecvError> {
    tokio::select! {
        value = fast => value,
        value = slow => value,
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    let (sender, receiver) = oneshot::channel();
    let task = tokio::spawn(receiver);
    sender.send(1).expect("the receiver waits");
    note!(seen, "{:?}", task.await.expect("the task does not panic").ok());

    let (fast, fast_receiver) = oneshot::channel();
    let (slow, slow_receiver) = oneshot::channel();
    let first = tokio::spawn(first_of(fast_receiver, slow_receiver));
    fast.send(2).expect("both are awaited");
    note!(seen, "{:?}", first.await.expect("the task does not panic").ok());
    note!(seen, "nobody waits for the other: {:?}", slow.send(3));

    let (sender, mut receiver): (Sender<&str>, Receiver<&str>) = oneshot::channel();
    note!(seen, "{:?}, nothing yet: {}", receiver.try_recv().map_err(why), receiver.is_empty());
    sender.send("here").expect("the receiver lives");
    note!(seen, "nothing yet: {}, at an end: {}", receiver.is_empty(), receiver.is_terminated());
    note!(seen, "{:?}", receiver.try_recv());
    note!(seen, "{:?}, at an end: {}", receiver.try_recv().map_err(why), receiver.is_terminated());

    let (sender, mut receiver) = oneshot::channel::<u8>();
    drop(sender);
    note!(seen, "{:?}", receiver.try_recv().map_err(why));
    let (sender, receiver) = oneshot::channel::<u8>();
    drop(sender);
    note!(seen, "nothing will come: {}", receiver.await.is_err());

    let (mut sender, receiver) = oneshot::channel::<u8>();
    {
        let mut closed = pin!(sender.closed());
        note!(seen, "open: {}", crate::now(closed.as_mut()).await.is_none());
        drop(receiver);
        note!(seen, "closed: {}", crate::now(closed).await.is_some());
    }
    let mut cx = Context::from_waker(Waker::noop());
    note!(seen, "closed: {} {}", sender.is_closed(), sender.poll_closed(&mut cx).is_ready());
    note!(seen, "back: {:?}", sender.send(4));

    let (sender, mut receiver) = oneshot::channel();
    sender.send(5).expect("the receiver lives");
    receiver.close();
    note!(seen, "what was sent stays: {:?}", (&mut receiver).await.ok());
    note!(seen, "at an end: {}", receiver.is_terminated());
    let (sender, mut receiver) = oneshot::channel();
    receiver.close();
    note!(seen, "back: {:?}, {:?}", sender.send(6), receiver.try_recv().map_err(why));

    let (sender, receiver) = oneshot::channel();
    let thread = std::thread::spawn(move || receiver.blocking_recv());
    sender.send("to a thread").expect("the thread waits");
    note!(seen, "{:?}", thread.join().expect("the thread does not panic").ok());

    // A value nobody takes is dropped with the channel.
    let witness = std::sync::Arc::new(());
    let (sender, receiver) = oneshot::channel();
    sender.send(witness.clone()).expect("the receiver lives");
    drop(receiver);
    note!(seen, "dropped: {}", std::sync::Arc::strong_count(&witness));
    seen
}
