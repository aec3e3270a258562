//! Child processes, on every flavor with every stock driver. `/proc` is the witness.

mod commands;
mod ends;
mod orphans;
mod pipes;
mod runs;
mod storm;
mod trees;

use filch::process::Command;
use filch::runtime::{Builder, Runtime};
use std::future::Future;
use std::path::Path;
use std::time::Duration;

/// Long enough for the slowest machine; a test that hangs fails instead.
const TOO_LONG: Duration = Duration::from_secs(30);

/// A runtime of each flavor with each driver.
fn runtimes() -> Vec<Runtime> {
    [Builder::new_multi_thread, Builder::new_current_thread]
        .into_iter()
        .flat_map(|flavor| {
            [
                flavor().driver(filch_driver::Epoll::new).build(),
                flavor().driver(filch_driver::Polling::new).build(),
            ]
        })
        .map(|runtime| runtime.expect("the stock parts fit"))
        .collect()
}

/// Runs the test on each runtime.
fn on_each<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for runtime in runtimes() {
        runtime.block_on(in_time(test()));
    }
}

/// Fails when `future` takes too long.
async fn in_time<F: Future>(future: F) -> F::Output {
    filch::time::timeout(TOO_LONG, future).await.expect("this should have ended long ago")
}

/// A shell that runs `script`.
fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

/// Whether there is a process of this number, a zombie included.
fn exists(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// Whether the process has ended and was not reaped.
fn is_zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}
