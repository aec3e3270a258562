//! Nobody goes on before all have come.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::sync::{Barrier, BarrierWaitResult};

#[tokio::main]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();
    let barrier = Arc::new(Barrier::new(4));
    let arrived = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (barrier, arrived) = (barrier.clone(), arrived.clone());
            tokio::spawn(async move {
                let mut leads = 0;
                for round in 1..=10 {
                    arrived.fetch_add(1, SeqCst);
                    let result: BarrierWaitResult = barrier.wait().await;
                    assert!(arrived.load(SeqCst) >= 4 * round, "somebody went on too early");
                    leads += usize::from(result.is_leader());
                }
                leads
            })
        })
        .collect();
    let mut leads = 0;
    for task in tasks {
        leads += task.await.expect("the task does not panic");
    }
    note!(seen, "one leader in each of the rounds: {leads}");

    let two = Barrier::new(2);
    let mut first = pin!(two.wait());
    note!(seen, "alone: {}", crate::now(first.as_mut()).await.is_none());
    let last = two.wait().await;
    note!(seen, "the last leads: {} {}", last.is_leader(), first.await.is_leader());
    note!(seen, "a barrier of one: {}", Barrier::new(1).wait().await.is_leader());
    seen
}
