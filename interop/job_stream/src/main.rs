//! One worker of many, or whoever gives them work. Start as many workers as you like, on as many machines; kill some.
//!
//! ```text
//! job_stream submit redis://127.0.0.1:6379 squares 1000
//! job_stream work   redis://127.0.0.1:6379 squares name=one slots=4 pace=10 patience=5000
//! ```
//!
//! A job here is a number, and its output the square of it; `pace` says how many milliseconds one takes. Ctrl-C or
//! SIGTERM lets a worker finish the jobs it has.

use filch::Error;
use filch::sync::CancellationToken;
use filch::time::{Duration, sleep};
use job_stream::{Job, Jobs, Worker};
use std::fmt::Display;
use std::str::FromStr;

const USAGE: &str = "usage: job_stream submit <redis> <stream> <number>\n       \
                     job_stream work <redis> <stream> [name=…] [slots=…] [pace=…] [patience=…]";

async fn submit(jobs: Jobs, n: u64) -> Result<(), Error> {
    for input in 0..n {
        println!("submitted {}", jobs.submit(&input.to_string()).await?);
    }
    Ok(())
}

async fn square(job: Job, pace: Duration) -> String {
    sleep(pace).await;
    let number: u64 = job.input.parse().unwrap_or(0);
    (number * number).to_string()
}

/// A name that no other process has that shares the stream: in a container each may have the same number.
fn unused_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim_end(), std::process::id())
}

/// The value of `name=value` among the options.
fn option<T: FromStr<Err: Display>>(
    options: &[String],
    name: &str,
    default: T,
) -> Result<T, Error> {
    let found = options.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='));
    let Some(value) = found else { return Ok(default) };
    value.parse().map_err(|error| Error::msg(format!("{name}={value}: {error}")))
}

async fn work(url: &str, stream: &str, options: &[String]) -> Result<(), Error> {
    let worker = Worker {
        name: option(options, "name", unused_name())?,
        slots: option(options, "slots", 4)?,
        patience: Duration::from_millis(option(options, "patience", 5000)?),
        incoming: Jobs::open(url, stream).await?,
        jobs: Jobs::open(url, stream).await?,
    };
    let pace = Duration::from_millis(option(options, "pace", 10)?);
    let stop = CancellationToken::new();
    let interrupted = stop.clone();
    filch::spawn(async move {
        if filch::signal::shutdown_signal().await.is_ok() {
            interrupted.cancel();
        }
    });
    worker.run(stop, move |job| square(job, pace)).await
}

#[filch::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["submit", url, stream, n] => submit(Jobs::open(url, stream).await?, n.parse()?).await,
        ["work", url, stream, ..] => work(url, stream, &arguments[3..]).await,
        _ => Err(Error::msg(USAGE)),
    }
}
