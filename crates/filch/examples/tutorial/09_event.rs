//! `Event`: all wait until something has happened.

use filch::prelude::*;
use filch::sync::Event;
use filch::time::Instant;

static START: Event = Event::new();

/// Gives when the runner set off.
async fn run_off(begin: Instant) -> u64 {
    START.wait().await;
    begin.elapsed().as_secs()
}

#[filch::main(start_paused = true)]
async fn main() {
    let begin = Instant::now();
    let runners = [1, 2, 3].map(|_| create_task(run_off(begin)));

    sleep(Duration::from_secs(5)).await;
    println!("they are waiting: {}", runners.iter().all(|runner| !runner.is_finished()));
    START.set(); // Releases all of them.

    for runner in runners {
        println!("off after {} s", runner.await.expect("run_off does not panic"));
    }

    // It stays set: who comes later does not wait. `clear` makes them wait again.
    println!("a late one is off after {} s", run_off(begin).await);
    START.clear();
    println!("set: {}", START.is_set());
}
