//! A queue of one's own, and who is woken when.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use tokio::sync::futures::{Notified, OwnedNotified};

static GLOBAL: Notify = Notify::const_new();

struct Queue<T> {
    values: Mutex<VecDeque<T>>,
    pushed: Notify,
}

impl<T> Queue<T> {
    fn push(&self, value: T) {
        self.values.lock().expect("nobody panics").push_back(value);
        self.pushed.notify_one();
    }

    fn try_pop(&self) -> Option<T> {
        self.values.lock().expect("nobody panics").pop_front()
    }

    async fn pop(&self) -> T {
        let mut pushed = pin!(self.pushed.notified());
        loop {
            pushed.as_mut().enable();
            if let Some(value) = self.try_pop() {
                return value;
            }
            pushed.as_mut().await;
            pushed.set(self.pushed.notified());
        }
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();

    let queue = Arc::new(Queue { values: Mutex::default(), pushed: Notify::new() });
    let popping = tokio::spawn({
        let queue = queue.clone();
        async move {
            let mut sum = 0;
            for _ in 0..100 {
                sum += queue.pop().await;
            }
            sum
        }
    });
    for n in 1..=100 {
        queue.push(n);
        if n % 7 == 0 {
            tokio::task::yield_now().await;
        }
    }
    note!(seen, "popped {}", popping.await.expect("the task does not panic"));

    // One permit is kept, not two.
    let notify = Notify::default();
    notify.notify_one();
    notify.notify_one();
    notify.notified().await;
    let mut second: std::pin::Pin<&mut Notified<'_>> = pin!(notify.notified());
    note!(seen, "no second: {}", crate::now(second.as_mut()).await.is_none());

    // First come, first woken.
    let mut third = pin!(notify.notified());
    note!(seen, "waits: {}", crate::now(third.as_mut()).await.is_none());
    notify.notify_one();
    note!(seen, "not the third: {}", crate::now(third.as_mut()).await.is_none());
    note!(seen, "the second: {}", crate::now(second.as_mut()).await.is_some());
    // … unless the last is asked for.
    let mut fourth = pin!(notify.notified());
    note!(seen, "waits: {}", crate::now(fourth.as_mut()).await.is_none());
    notify.notify_last();
    note!(seen, "the third: {}", crate::now(third.as_mut()).await.is_some());
    note!(seen, "the fourth: {}", crate::now(fourth.as_mut()).await.is_some());

    // All that wait, and those that only exist; none that come later.
    {
        let mut waits = pin!(notify.notified());
        note!(seen, "waits: {}", crate::now(waits.as_mut()).await.is_none());
        let exists = pin!(notify.notified());
        notify.notify_waiters();
        let later = pin!(notify.notified());
        note!(seen, "waited: {}", crate::now(waits).await.is_some());
        note!(seen, "existed: {}", crate::now(exists).await.is_some());
        note!(seen, "later: {}", crate::now(later).await.is_some());
    }

    // Enabled is as good as polled.
    {
        let mut enabled = pin!(notify.notified());
        note!(seen, "nothing yet: {}", enabled.as_mut().enable());
        notify.notify_one();
        let mut other = pin!(notify.notified());
        note!(seen, "it went to the first: {}", crate::now(other.as_mut()).await.is_none());
        note!(seen, "ready: {}", crate::now(enabled).await.is_some());
    }

    // Who was woken and goes away passes it on.
    {
        let mut heir = pin!(notify.notified());
        {
            let mut chosen = pin!(notify.notified());
            note!(seen, "waits: {}", crate::now(chosen.as_mut()).await.is_none());
            note!(seen, "waits: {}", crate::now(heir.as_mut()).await.is_none());
            notify.notify_one();
            note!(seen, "not yet: {}", crate::now(heir.as_mut()).await.is_none());
        }
        note!(seen, "inherited: {}", crate::now(heir).await.is_some());
    }

    let shared = Arc::new(Notify::new());
    let owned: OwnedNotified = shared.clone().notified_owned();
    let waiting = tokio::spawn(owned);
    tokio::task::yield_now().await;
    shared.notify_one();
    note!(seen, "owned: {}", waiting.await.is_ok());
    GLOBAL.notify_one();
    GLOBAL.notified().await;
    seen
}
