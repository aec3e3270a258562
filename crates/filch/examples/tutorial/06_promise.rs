//! `Promise`: a value that somebody will set by hand, asyncio's `Future`.

use filch::prelude::*;
use filch::sync::{Promise, PromiseError, PromiseSetter};
use filch::time::Instant;

async fn open_shop(setter: PromiseSetter<&'static str>) {
    sleep(Duration::from_secs(2)).await;
    setter.set("fresh bread").expect("nobody else has set it");
    // Who waits has the value from here on, although this function goes on.
    sleep(Duration::from_secs(8)).await;
}

async fn buy(promise: Promise<&'static str>) -> Result<&'static str, PromiseError> {
    promise.await
}

#[filch::main(start_paused = true)]
async fn main() -> Result<(), filch::Error> {
    let begin = Instant::now();
    let (setter, promise) = Promise::new();
    let shop = create_task(open_shop(setter));

    // Any number of tasks may wait for the same promise. A clone is the same promise.
    let neighbor = create_task(buy(promise.clone()));
    println!("is there any bread? {}", promise.is_done());
    println!("I have {}", buy(promise).await?);
    println!("my neighbor has {}", neighbor.await??); // One `?` for the task, one for `buy`.
    println!("after {} s, is the shop closed? {}", begin.elapsed().as_secs(), shop.is_finished());

    shop.await?;
    println!("it closes after {} s", begin.elapsed().as_secs());

    // A promise that nobody can set any more is an error, not an endless wait.
    let (setter, promise) = Promise::new();
    drop(setter);
    if let Err(error) = buy(promise).await {
        println!("{error}");
    }
    Ok(())
}
