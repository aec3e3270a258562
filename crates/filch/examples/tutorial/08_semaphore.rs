//! `Semaphore`: at most so many at a time.

use filch::prelude::*;
use filch::sync::Semaphore;
use filch::time::Instant;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static DOOR: Semaphore = Semaphore::new(2);
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// Gives how many were inside.
async fn visit() -> usize {
    let _permit = DOOR.acquire().await; // Given back when it goes out of scope.
    let n_inside = INSIDE.fetch_add(1, Relaxed) + 1;
    sleep(Duration::from_secs(1)).await;
    INSIDE.fetch_sub(1, Relaxed);
    n_inside
}

#[filch::main(start_paused = true)]
async fn main() {
    let begin = Instant::now();
    let visitors = gather((0..6).map(|_| visit())).await;
    println!("six visits of 1 s, two at a time: {} s", begin.elapsed().as_secs());
    println!("at most {} were inside", visitors.iter().max().unwrap_or(&0));

    // `_permit` is a name, `_` is none: with `let _ = …` the permit is given back on the spot.
    let permit = DOOR.acquire().await;
    println!("{} more may come in", DOOR.available_permits());
    drop(permit);
    println!("now {} may", DOOR.available_permits());
}
