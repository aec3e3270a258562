//! Batches, polling by hand, and senders that keep nothing alive.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use tokio::sync::mpsc::{self, WeakSender};

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    let (sender, mut receiver) = mpsc::channel(8);
    for n in 0..6 {
        sender.send(n).await.expect("there is room");
    }
    let mut buffer = vec![100];
    note!(seen, "none asked: {}", receiver.recv_many(&mut buffer, 0).await);
    note!(seen, "four asked: {}", receiver.recv_many(&mut buffer, 4).await);
    note!(seen, "the rest: {}", receiver.recv_many(&mut buffer, 100).await);
    note!(seen, "behind what was there: {buffer:?}");
    let receiving = tokio::spawn(async move {
        let mut sizes = Vec::new();
        let mut buffer = Vec::new();
        while receiver.recv_many(&mut buffer, 5).await > 0 {
            sizes.push(buffer.len());
        }
        (sizes.is_empty(), buffer)
    });
    for n in 0..20 {
        sender.send(n).await.expect("the receiver takes all");
    }
    drop(sender);
    note!(seen, "{:?}", receiving.await.expect("the task does not panic"));

    let (sender, mut receiver) = mpsc::channel(2);
    let mut cx = Context::from_waker(Waker::noop());
    note!(seen, "pending: {}", receiver.poll_recv(&mut cx).is_pending());
    sender.try_send('a').expect("there is room");
    note!(seen, "{:?}", receiver.poll_recv(&mut cx));
    let mut buffer = Vec::new();
    note!(seen, "pending: {}", receiver.poll_recv_many(&mut cx, &mut buffer, 2).is_pending());
    sender.try_send('b').expect("there is room");
    sender.try_send('c').expect("there is room");
    note!(seen, "{:?}", receiver.poll_recv_many(&mut cx, &mut buffer, 2));
    note!(seen, "{buffer:?}");

    let weak: WeakSender<char> = sender.downgrade();
    note!(seen, "{} strong, {} weak", weak.strong_count(), weak.weak_count());
    let other = weak.clone();
    note!(seen, "{} strong, {} weak", sender.strong_count(), sender.weak_count());
    let strong = weak.upgrade().expect("a sender lives");
    drop(sender);
    strong.try_send('d').expect("there is room");
    note!(seen, "{:?}", poll_fn(|cx| receiver.poll_recv(cx)).await);
    drop(strong);
    note!(seen, "the end: {:?}", poll_fn(|cx| receiver.poll_recv(cx)).await);
    note!(seen, "gone: {} {}", weak.upgrade().is_none(), other.upgrade().is_none());
    note!(seen, "{} strong, {} weak", receiver.sender_strong_count(), receiver.sender_weak_count());

    let (sender, mut receiver) = mpsc::unbounded_channel();
    sender.send("x").expect("the receiver lives");
    note!(seen, "{:?}", receiver.poll_recv(&mut cx));
    let mut buffer = Vec::new();
    note!(seen, "pending: {}", receiver.poll_recv_many(&mut cx, &mut buffer, 3) == Poll::Pending);
    let weak = sender.downgrade();
    drop(sender);
    note!(seen, "{:?}", receiver.poll_recv_many(&mut cx, &mut buffer, 3));
    note!(
        seen,
        "gone: {}, {} strong, {} weak",
        weak.upgrade().is_none(),
        weak.strong_count(),
        weak.clone().weak_count()
    );
    seen
}
