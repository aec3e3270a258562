//! `create_task`: several things at the same time. Another name of it is `spawn`.

use filch::prelude::*;
use filch::time::Instant;

async fn download(file: &'static str, seconds: u64) -> usize {
    sleep(Duration::from_secs(seconds)).await;
    println!("{file} is there");
    file.len()
}

#[filch::main(start_paused = true)]
async fn main() -> Result<(), filch::Error> {
    // A task starts at once, on any core, and runs while this function goes on.
    let begin = Instant::now();
    let a = create_task(download("a.txt", 2));
    let b = create_task(download("b.jpeg", 3));
    let c = create_task(download("c.c", 1));
    println!("three tasks are running");

    // `await` gives a `Result`, for a task may panic or be aborted. `?` hands that on.
    println!("their names have {} letters", a.await? + b.await? + c.await?);
    println!("2, 3 and 1 at the same time: {} s", begin.elapsed().as_secs());

    // The third one is not started before the first two have been awaited.
    let begin = Instant::now();
    let d = create_task(download("d.txt", 2));
    let e = create_task(download("e.txt", 3));
    d.await?;
    e.await?;
    let f = create_task(download("f.txt", 1));
    f.await?;
    println!("2 and 3 at the same time, then 1: {} s", begin.elapsed().as_secs());

    // Nobody has to wait for a task. `abort` ends it where it awaits something.
    let g = create_task(download("g.txt", 1000));
    g.abort();
    println!("g was aborted: {}", g.await.is_err_and(|error| error.is_cancelled()));
    Ok(())
}
