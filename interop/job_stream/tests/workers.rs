//! Worker processes and what becomes of their jobs when some are killed, stopped or interrupted.

use filch::prelude::*;
use job_stream::{Job, Jobs};
use peers::Program;
use std::collections::{BTreeMap, BTreeSet};

/// A pace at which no job ends.
const NEVER: u64 = 1_000_000_000;

/// A stream of its own for each test.
struct Stream {
    url: String,
    name: &'static str,
}

impl Stream {
    /// `None`: there is no Redis.
    fn new(name: &'static str) -> Option<Stream> {
        Some(Stream { url: peers::redis()?, name })
    }

    async fn jobs(&self) -> Jobs {
        Jobs::open(&self.url, self.name).await.expect("a Redis")
    }

    /// Submits the numbers below `n`, and returns the ids with them.
    async fn submit(&self, n: u64) -> BTreeMap<String, u64> {
        let jobs = self.jobs().await;
        let mut submitted = BTreeMap::new();
        for input in 0..n {
            submitted.insert(jobs.submit(&input.to_string()).await.expect("submitted"), input);
        }
        submitted
    }

    fn worker(&self, name: &str, slots: usize, pace: u64, patience: u64) -> Program {
        let options = [
            format!("name={name}"),
            format!("slots={slots}"),
            format!("pace={pace}"),
            format!("patience={patience}"),
        ];
        let options = options.iter().map(String::as_str);
        let arguments: Vec<&str> =
            ["work", &self.url, self.name].into_iter().chain(options).collect();
        Program::start(env!("CARGO_BIN_EXE_job_stream"), &arguments)
    }

    /// Waits until there are `n` outputs, and returns them.
    async fn outputs(&self, n: usize) -> BTreeMap<String, String> {
        let jobs = self.jobs().await;
        loop {
            let outputs = jobs.outputs().await.expect("a Redis");
            if n <= outputs.len() {
                return outputs.into_iter().collect();
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The ids in the next `n` lines of a worker that begin with `what`.
fn next_ids(worker: &mut Program, what: &str, n: usize) -> BTreeSet<String> {
    let lines = std::iter::from_fn(|| worker.line());
    let ids = lines.filter_map(|line| Some(line.strip_prefix(what)?.trim().to_owned()));
    let ids: Vec<String> = ids.take(n).collect();
    assert_eq!(ids.len(), n, "the worker ended");
    ids.into_iter().collect()
}

/// Ends a worker in order, and returns the ids of the jobs that it says it has finished.
fn finished_by(mut worker: Program) -> Vec<String> {
    worker.signal("INT");
    let lines = std::iter::from_fn(|| worker.line());
    let finished = lines.filter_map(|line| line.strip_prefix("finished ").map(str::to_owned));
    finished.collect()
}

#[test]
fn the_jobs_of_a_killed_worker_are_done_by_others_and_once() {
    const JOBS: u64 = 200;
    let Some(stream) = Stream::new("killed") else { return };
    run(async {
        let submitted = stream.submit(JOBS).await;

        let mut victim = stream.worker("victim", 4, NEVER, 200);
        let left_behind = next_ids(&mut victim, "started", 4);
        victim.kill();
        let jobs = stream.jobs().await;
        assert_eq!(jobs.n_pending().await.expect("a Redis"), 4);

        let workers: Vec<Program> =
            ["one", "two", "three"].map(|name| stream.worker(name, 4, 1, 200)).into();
        let outputs = stream.outputs(submitted.len()).await;
        let finished: Vec<String> = workers.into_iter().flat_map(finished_by).collect();

        // Nothing is lost.
        for (id, input) in &submitted {
            assert_eq!(outputs[id], (input * input).to_string());
        }
        assert!(left_behind.iter().all(|id| outputs.contains_key(id)));
        assert_eq!(jobs.n_pending().await.expect("a Redis"), 0);
        // Nothing is acknowledged twice.
        assert_eq!(finished.len(), submitted.len());
        assert_eq!(finished.into_iter().collect::<BTreeSet<_>>(), submitted.into_keys().collect());
    });
}

#[test]
fn workers_that_are_killed_one_after_the_other_lose_nothing() {
    const JOBS: u64 = 300;
    let Some(stream) = Stream::new("killed-often") else { return };
    run(async {
        let submitted = stream.submit(JOBS).await;
        // Each is killed after its third start, at any point of any job.
        for n in 0..5 {
            let mut victim = stream.worker(&format!("victim-{n}"), 2, 20, 100);
            next_ids(&mut victim, "started", 3);
            victim.kill();
        }
        let last = stream.worker("last", 4, 1, 100);
        let outputs = stream.outputs(submitted.len()).await;
        assert!(submitted.keys().eq(outputs.keys()));
        drop(finished_by(last));
        assert_eq!(stream.jobs().await.n_pending().await.expect("a Redis"), 0);
    });
}

#[test]
fn a_worker_that_was_stopped_is_told_that_its_job_is_gone() {
    let Some(stream) = Stream::new("stopped") else { return };
    run(async {
        let submitted = stream.submit(1).await;
        let mut sleeper = stream.worker("sleeper", 1, NEVER, 200);
        let started = next_ids(&mut sleeper, "started", 1);
        sleeper.signal("STOP");
        let other = stream.worker("other", 1, 1, 200);
        let outputs = stream.outputs(1).await;
        sleeper.signal("CONT");
        assert_eq!(next_ids(&mut sleeper, "lost", 1), started);
        assert_eq!(finished_by(other).into_iter().collect::<BTreeSet<_>>(), started);
        assert_eq!(outputs.into_keys().collect::<BTreeSet<_>>(), submitted.into_keys().collect());
    });
}

#[test]
fn a_job_that_is_kept_is_not_taken_over() {
    // A job is kept four times as often: only a machine that stands still for three seconds loses it.
    const PATIENCE: u64 = 4000;
    let Some(stream) = Stream::new("kept") else { return };
    run(async {
        stream.submit(2).await;
        // The first job lasts for twice the patience of whoever could take it over.
        let mut slow = stream.worker("slow", 1, 2 * PATIENCE, PATIENCE);
        let first = next_ids(&mut slow, "started", 1);
        let quick = stream.worker("quick", 1, 1, PATIENCE);
        stream.outputs(2).await;
        assert!(finished_by(slow).iter().any(|id| first.contains(id)));
        assert_eq!(finished_by(quick).len(), 1);
    });
}

#[test]
fn an_interrupted_worker_finishes_what_it_has() {
    let Some(stream) = Stream::new("interrupted") else { return };
    run(async {
        stream.submit(50).await;
        let mut worker = stream.worker("careful", 3, 100, 60_000);
        let started = next_ids(&mut worker, "started", 3);
        assert!(worker.interrupt());
        let jobs = stream.jobs().await;
        assert_eq!(jobs.n_pending().await.expect("a Redis"), 0);
        let outputs: BTreeMap<_, _> = jobs.outputs().await.expect("a Redis").into_iter().collect();
        assert!(started.iter().all(|id| outputs.contains_key(id)));
        assert!(outputs.len() < 50, "it was interrupted in time");
    });
}

#[test]
fn of_two_workers_with_one_job_only_its_owner_finishes_it() {
    const AT_ONCE: Duration = Duration::ZERO;
    let Some(stream) = Stream::new("two-owners") else { return };
    run(async {
        stream.submit(1).await;
        let jobs = stream.jobs().await;
        let job: Job = jobs.take("first", AT_ONCE).await.expect("a Redis").expect("a job");
        assert!(jobs.keep("first", &job).await.expect("a Redis"));
        let taken_over = jobs.take_over("second", AT_ONCE).await.expect("a Redis");
        assert_eq!(taken_over.as_ref(), Some(&job));

        assert!(!jobs.keep("first", &job).await.expect("a Redis"));
        assert!(!jobs.finish("first", &job, "wrong").await.expect("a Redis"));
        assert!(jobs.outputs().await.expect("a Redis").is_empty());
        assert!(jobs.finish("second", &job, "right").await.expect("a Redis"));
        assert!(!jobs.finish("second", &job, "again").await.expect("a Redis"));
        assert!(!jobs.keep("second", &job).await.expect("a Redis"));
        assert_eq!(jobs.outputs().await.expect("a Redis"), [(job.id, "right".to_owned())]);
        assert_eq!(jobs.take_over("third", AT_ONCE).await.expect("a Redis"), None);
    });
}
