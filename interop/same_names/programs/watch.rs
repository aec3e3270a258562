//! The latest value, for all who look.

use std::pin::pin;
use tokio::sync::watch::error::{RecvError, SendError};
use tokio::sync::watch::{self, Receiver, Ref, Sender};

#[derive(Clone, Debug, Default, PartialEq)]
struct Config {
    level: u32,
}

#[tokio::main]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    let (sender, mut receiver): (Sender<Config>, Receiver<Config>) =
        watch::channel(Config::default());
    note!(seen, "changed at first: {:?}", receiver.has_changed().ok());
    sender.send(Config { level: 1 }).expect("one looks");
    note!(seen, "changed: {:?}", receiver.has_changed().ok());
    {
        let looked: Ref<'_, Config> = receiver.borrow();
        note!(seen, "{} news: {}", looked.level, looked.has_changed());
    }
    note!(seen, "looking is not noticing: {:?}", receiver.has_changed().ok());
    note!(seen, "taken notice of: {}", receiver.borrow_and_update().level);
    note!(seen, "no news: {}", receiver.borrow().has_changed());

    {
        let mut changed = pin!(receiver.changed());
        note!(seen, "waits: {}", crate::now(changed.as_mut()).await.is_none());
        sender.send_modify(|config| config.level += 1);
        note!(seen, "goes on: {}", crate::now(changed).await.is_some_and(|result| result.is_ok()));
    }
    note!(seen, "noticed: {:?}, level {}", receiver.has_changed().ok(), receiver.borrow().level);
    note!(seen, "not worth it: {}", sender.send_if_modified(|_| false));
    note!(seen, "nothing new: {:?}", receiver.has_changed().ok());
    note!(
        seen,
        "worth it: {}",
        sender.send_if_modified(|config| {
            config.level = 9;
            true
        })
    );
    note!(seen, "was {:?}", sender.send_replace(Config { level: 10 }).level);
    receiver.mark_unchanged();
    note!(seen, "unmarked: {:?}", receiver.has_changed().ok());
    receiver.mark_changed();
    note!(seen, "marked: {:?}", receiver.has_changed().ok());

    // A late subscriber has seen what is there.
    let mut late = sender.subscribe();
    note!(seen, "late: {:?}, level {}", late.has_changed().ok(), sender.borrow().level);
    let copy = receiver.clone();
    note!(seen, "a copy has noticed as much: {:?}", copy.has_changed().ok());
    note!(seen, "{} look, {} sends", sender.receiver_count(), sender.sender_count());
    let other = sender.clone();
    note!(
        seen,
        "{} send, same: {} {}",
        sender.sender_count(),
        sender.same_channel(&other),
        late.same_channel(&copy)
    );
    drop(other);

    // A panic in the closure leaves the value as it is, and is no news.
    late.mark_unchanged();
    note!(
        seen,
        "panics: {}",
        crate::panics(|| sender.send_modify(|_| std::panic::resume_unwind(Box::new("no"))))
    );
    note!(seen, "no news: {:?}, level {}", late.has_changed().ok(), late.borrow().level);

    sender.send(Config { level: 11 }).expect("three look");
    drop(sender);
    note!(seen, "the last change is noticed: {}", late.changed().await.is_ok());
    let end: Result<(), RecvError> = late.changed().await;
    note!(seen, "then the end: {}", end.is_err());
    note!(seen, "closed: {}, still readable: {}", late.is_closed(), late.borrow().level);
    note!(seen, "no answer: {}", late.has_changed().is_err());

    let (sender, receiver) = watch::channel('a');
    {
        let mut closed = pin!(sender.closed());
        note!(seen, "looked at: {}", crate::now(closed.as_mut()).await.is_none());
        drop(receiver);
        note!(seen, "no more: {}", crate::now(closed).await.is_some());
    }
    let SendError(back) = sender.send('b').expect_err("nobody looks");
    note!(seen, "back {back}, kept {}, closed: {}", *sender.borrow(), sender.is_closed());
    note!(seen, "but replaced: {} {}", sender.send_replace('c'), *sender.borrow());
    note!(seen, "and looked at again: {}", *sender.subscribe().borrow());
    note!(seen, "{:?} {:?}", *Sender::new(5).borrow(), *Sender::<Config>::default().borrow());
    seen
}
