//! `Queue`: hand out work, and wait until it is done.

use filch::prelude::*;
use filch::sync::Queue;

/// Gives what it has worked on.
async fn work(queue: Queue<u32>) -> Vec<u32> {
    let mut done = Vec::new();
    // `get` is an error when the queue was shut down and nothing is left in it.
    while let Ok(job) = queue.get().await {
        sleep(Duration::from_millis(5)).await;
        done.push(job);
        queue.task_done();
    }
    done
}

#[filch::main]
async fn main() -> Result<(), filch::Error> {
    let queue = Queue::new(4); // With four jobs inside, `put` waits for room.
    let workers = [1, 2, 3].map(|_| create_task(work(queue.clone()))); // All clones are the same queue.

    for job in 1..=12 {
        queue.put(job).await?;
    }
    println!("all jobs were put");

    queue.join().await; // Until `task_done` was called for each job.
    println!("all jobs are done, {} are left", queue.qsize());

    queue.shutdown(false); // No more jobs will come, so the workers end.
    let mut done = Vec::new();
    for worker in workers {
        done.extend(worker.await?);
    }
    // Which worker did which job is a matter of chance.
    done.sort();
    println!("{done:?}");
    println!("a job for a queue that was shut down: {}", queue.put(13).await.is_err());
    Ok(())
}
