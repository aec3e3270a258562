//! Waiting for a value that one can do something with.

use std::pin::pin;
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum State {
    Starting,
    Running(u32),
    Stopped,
}

async fn wait_for_run(mut states: watch::Receiver<State>) -> Option<State> {
    states.wait_for(|state| matches!(state, State::Running(_))).await.ok().map(|state| *state)
}

#[tokio::main]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();
    let (sender, mut receiver) = watch::channel(State::Starting);

    let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(wait_for_run(receiver.clone()))).collect();
    sender.send(State::Starting).expect("four look");
    tokio::task::yield_now().await;
    sender.send(State::Running(1)).expect("four look");
    for task in waiting {
        note!(seen, "{:?}", task.await.expect("the task does not panic"));
    }

    note!(
        seen,
        "at once: {:?}",
        receiver.wait_for(|state| *state == State::Running(1)).await.map(|state| *state).ok()
    );
    note!(seen, "noticed by that: {:?}", receiver.has_changed().ok());
    {
        let mut stopped = pin!(receiver.wait_for(|state| *state == State::Stopped));
        note!(seen, "waits: {}", crate::now(stopped.as_mut()).await.is_none());
        sender.send_replace(State::Running(2));
        note!(seen, "still: {}", crate::now(stopped.as_mut()).await.is_none());
        sender.send_replace(State::Stopped);
        let stopped = crate::now(stopped).await.expect("it is stopped").expect("the sender lives");
        note!(seen, "{:?}, as news: {}", *stopped, stopped.has_changed());
    }
    drop(sender);
    note!(
        seen,
        "what holds already: {:?}",
        receiver.wait_for(|state| *state == State::Stopped).await.map(|state| *state).ok()
    );
    note!(
        seen,
        "what never will: {}",
        receiver.wait_for(|state| *state == State::Starting).await.is_err()
    );

    // Every change is seen by who is fast enough, the last one by all.
    let (sender, mut receiver) = watch::channel(0);
    let counting = tokio::spawn(async move {
        let mut last = 0;
        while receiver.changed().await.is_ok() {
            let value = *receiver.borrow_and_update();
            assert!(value > last, "values go back");
            last = value;
        }
        last
    });
    for n in 1..=500 {
        sender.send(n).expect("one looks");
        if n % 10 == 0 {
            tokio::task::yield_now().await;
        }
    }
    drop(sender);
    note!(seen, "last {}", counting.await.expect("the task does not panic"));
    seen
}
