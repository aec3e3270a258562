//! The attributes and macros around a program's locks.

use std::sync::Arc;
use tokio::sync::{Barrier, Mutex, Notify, mpsc};
use tokio::time::{Duration, Instant, interval, sleep};

#[tokio::test]
async fn a_test_on_one_thread() {
    let (sender, mut receiver) = mpsc::channel(1);
    tokio::spawn(async move { sender.send(1).await });
    assert_eq!(receiver.recv().await, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_on_two_workers() {
    let barrier = Arc::new(Barrier::new(2));
    let other = tokio::spawn({
        let barrier = barrier.clone();
        async move { barrier.wait().await.is_leader() }
    });
    assert_ne!(barrier.wait().await.is_leader(), other.await.expect("the task does not panic"));
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn on_two_workers() -> Result<u32, String> {
    let sum = Arc::new(Mutex::new(0));
    let adding = (1..=10).map(|n| {
        let sum = sum.clone();
        tokio::spawn(async move { *sum.lock().await += n })
    });
    for task in adding.collect::<Vec<_>>() {
        task.await.map_err(|error| error.to_string())?;
    }
    let sum = *sum.lock().await;
    Ok(sum)
}

#[tokio::main(flavor = "current_thread")]
async fn on_one_thread() -> Vec<&'static str> {
    let mut order = Vec::new();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let begun = Instant::now();
    tokio::spawn(async move {
        sleep(Duration::from_millis(5)).await;
        sender.send("message").expect("the receiver waits");
        sleep(Duration::from_secs(3600)).await;
    });
    let shutdown = Notify::new();
    let mut ticks = interval(Duration::from_millis(20));
    ticks.tick().await;
    let mut patience = std::pin::pin!(sleep(Duration::from_secs(600)));
    while order.len() < 3 {
        tokio::select! {
            message = receiver.recv(), if !order.contains(&"message") => order.extend(message),
            _ = ticks.tick(), if !order.contains(&"tick") => {
                order.push("tick");
                shutdown.notify_one();
            }
            () = shutdown.notified() => order.push("shutdown"),
            () = &mut patience => order.push("out of patience"),
        }
    }
    assert!(begun.elapsed() >= Duration::from_millis(20));
    order.sort();
    order
}

pub(crate) fn run() -> Vec<String> {
    let mut seen = Vec::new();
    note!(seen, "{:?}", on_two_workers());
    let order = on_one_thread();
    note!(seen, "{order:?}");
    seen
}
