//! One worker process: a few jobs at a time, each kept while it is worked on.

use crate::jobs::{Job, Jobs};
use filch::sync::{CancellationToken, Semaphore};
use filch::time::{Duration, Instant, sleep};
use filch::{Error, TaskGroup, select};
use std::sync::Arc;

/// How long one wait for a job lasts. A worker that is asked to end does so after this at the latest.
const WAIT: Duration = Duration::from_millis(200);

/// What a worker is, and how it works.
#[derive(Clone)]
pub struct Worker {
    /// Unique among those that run.
    pub name: String,
    /// How many jobs at a time.
    pub slots: usize,
    /// A job that nobody kept for so long is taken over. Must be the same for all workers.
    pub patience: Duration,
    /// For waits, which block the connection.
    pub incoming: Jobs,
    /// For everything else.
    pub jobs: Jobs,
}

impl Worker {
    /// Works until `stop` is canceled, then finishes the jobs it has. Prints what becomes of each of them.
    ///
    /// # Errors
    /// When Redis is gone. Jobs that were being worked on are canceled; somebody will take them over.
    pub async fn run<F>(
        self,
        stop: CancellationToken,
        work: impl Fn(Job) -> F + Clone + Send + 'static,
    ) -> Result<(), Error>
    where
        F: Future<Output = String> + Send + 'static,
    {
        let slots = Arc::new(Semaphore::new(self.slots));
        let mut next_look = Instant::now();
        TaskGroup::scope(async |tg| {
            while !stop.is_cancelled() {
                // A place first, then a job: what waits here would wait under this worker's name.
                let slot = select! {
                    slot = slots.clone().acquire_owned() => slot?,
                    () = stop.cancelled() => break,
                };
                let Some(job) = self.next(&mut next_look).await? else { continue };
                println!("started {}", job.id);
                let (worker, work) = (self.clone(), work.clone());
                tg.create_task(async move {
                    let ended = worker.handle(&job, work(job.clone())).await;
                    drop(slot);
                    ended
                });
            }
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// A job that somebody left behind, or else a new one.
    async fn next(&self, next_look: &mut Instant) -> Result<Option<Job>, Error> {
        if *next_look <= Instant::now() {
            if let Some(job) = self.jobs.take_over(&self.name, self.patience).await? {
                return Ok(Some(job)); // There may be more of them.
            }
            *next_look = Instant::now() + self.patience / 2;
        }
        self.incoming.take(&self.name, WAIT.min(self.patience / 2)).await
    }

    /// Does one job, and keeps it meanwhile.
    async fn handle(&self, job: &Job, work: impl Future<Output = String>) -> Result<(), Error> {
        let is_done = select! {
            output = work => self.jobs.finish(&self.name, job, &output).await?,
            lost = self.keep(job) => { lost?; false }
        };
        println!("{} {}", if is_done { "finished" } else { "lost" }, job.id);
        Ok(())
    }

    /// Ends when somebody else has the job.
    async fn keep(&self, job: &Job) -> Result<(), Error> {
        while self.jobs.keep(&self.name, job).await? {
            sleep(self.patience / 4).await;
        }
        Ok(())
    }
}
