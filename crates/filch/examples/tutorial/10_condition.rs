//! `Condition`: wait until what a lock protects is as you want it.

use filch::prelude::*;
use filch::sync::{Condition, Mutex};

// asyncio's `Condition` has a lock inside. Here the lock is one of its own, for it holds the value.
static BASKET: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static CHANGED: Condition = Condition::new();

async fn lay_eggs() {
    for egg in 1..=6 {
        sleep(Duration::from_millis(5)).await;
        BASKET.lock().await.push(egg);
        CHANGED.notify_all();
    }
}

async fn take_three() -> Vec<u32> {
    let basket = BASKET.lock().await;
    // While this waits the basket is unlocked; when it returns the basket is locked again.
    let mut basket = CHANGED.wait_for(basket, |eggs| eggs.len() >= 3).await;
    basket.drain(..3).collect()
}

#[filch::main]
async fn main() {
    let hen = create_task(lay_eggs());
    println!("the first omelet: {:?}", take_three().await);
    println!("the second omelet: {:?}", take_three().await);
    hen.await.expect("a hen does not panic");
    println!("left: {:?}", BASKET.lock().await);
}
