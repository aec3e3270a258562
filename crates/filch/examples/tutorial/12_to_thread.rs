//! `to_thread`: call what blocks without making others wait.

use filch::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;

static TICKS: AtomicU32 = AtomicU32::new(0);

async fn tick() {
    loop {
        sleep(Duration::from_millis(1)).await;
        TICKS.fetch_add(1, Relaxed);
    }
}

/// A call that knows nothing of `await`.
fn read_file() -> &'static str {
    thread::sleep(Duration::from_millis(300));
    "the file"
}

// One thread for all tasks, as in asyncio. With a worker per core a call that blocks stops one of them.
#[filch::main(flavor = "current_thread")]
async fn main() {
    create_task(tick());
    sleep(Duration::from_millis(20)).await;

    let before = TICKS.load(Relaxed);
    let file = read_file(); // Wrong: the thread is in here, so no task can run.
    println!("{file} came, and meanwhile the clock ticked: {}", TICKS.load(Relaxed) > before);

    let before = TICKS.load(Relaxed);
    let file = to_thread(read_file).await; // Right: another thread is in there.
    println!("{file} came, and meanwhile the clock ticked: {}", TICKS.load(Relaxed) > before);

    // What the call needs is moved to its thread.
    let name = "Ann".to_owned();
    let length = to_thread(move || name.len()).await;
    println!("the name has {length} letters");
}
