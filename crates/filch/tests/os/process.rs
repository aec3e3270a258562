//! Child processes, on every flavor with every stock driver. `/proc` is the witness.

mod commands;
mod ends;
mod orphans;
mod pipes;
mod runs;
mod storm;
#[cfg(feature = "tokio-io")]
mod tokio_traits;
mod trees;

use crate::drivers::{TOO_LONG, in_time, on_each, runtimes};
use filch::process::Command;
use std::path::Path;

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
