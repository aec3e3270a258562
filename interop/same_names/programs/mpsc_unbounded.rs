//! Room for all.

use tokio::sync::mpsc::error::{SendError, TryRecvError};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

enum Command {
    Add(i64),
    Ask(UnboundedSender<i64>),
}

async fn actor(mut commands: UnboundedReceiver<Command>) -> i64 {
    let mut sum = 0;
    while let Some(command) = commands.recv().await {
        match command {
            Command::Add(n) => sum += n,
            Command::Ask(asker) => drop(asker.send(sum)),
        }
    }
    sum
}

#[tokio::main]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    let (commands, receiver) = mpsc::unbounded_channel();
    let actor = tokio::spawn(actor(receiver));
    let (asker, mut answers) = mpsc::unbounded_channel();
    for n in 1..=100 {
        commands.send(Command::Add(n)).expect("the actor lives");
        if n % 50 == 0 {
            commands.send(Command::Ask(asker.clone())).expect("the actor lives");
        }
    }
    drop((commands, asker));
    while let Some(answer) = answers.recv().await {
        note!(seen, "after fifty more: {answer}");
    }
    note!(seen, "in all {}", actor.await.expect("the actor does not panic"));

    let (sender, mut receiver) = mpsc::unbounded_channel();
    note!(
        seen,
        "empty: {} {:?}",
        receiver.is_empty(),
        receiver.try_recv() == Err(TryRecvError::Empty)
    );
    for n in 0..5 {
        sender.send(n).expect("the receiver lives");
    }
    note!(seen, "len {}", receiver.len());
    let mut buffer = Vec::new();
    note!(seen, "many: {}", receiver.recv_many(&mut buffer, 3).await);
    note!(seen, "in it: {buffer:?}");
    let weak = sender.downgrade();
    note!(seen, "{} strong, {} weak", sender.strong_count(), receiver.sender_weak_count());
    note!(seen, "again: {}", weak.upgrade().is_some_and(|again| again.same_channel(&sender)));
    receiver.close();
    note!(seen, "closed: {} {}", sender.is_closed(), receiver.is_closed());
    sender.closed().await;
    let SendError(late) = sender.send(9).expect_err("it is closed");
    note!(seen, "late {late}");
    note!(
        seen,
        "rest {:?} {:?} {:?}",
        receiver.recv().await,
        receiver.recv().await,
        receiver.recv().await
    );
    drop(sender);
    note!(seen, "gone: {}", weak.upgrade().is_none());
    note!(seen, "{:?}", receiver.try_recv() == Err(TryRecvError::Disconnected));

    let (sender, mut receiver) = mpsc::unbounded_channel::<String>();
    let thread = std::thread::spawn(move || {
        let first = receiver.blocking_recv();
        let mut rest = Vec::new();
        while receiver.blocking_recv_many(&mut rest, 10) > 0 {}
        (first, rest)
    });
    for text in ["a", "b", "c"] {
        sender.send(text.to_owned()).expect("the receiver lives");
    }
    drop(sender);
    note!(seen, "{:?}", thread.join().expect("the thread does not panic"));
    seen
}
