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
use crate::tracer::can_trace;
use crate::watchdog::Watchdog;
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

/// Runs an ignored test of this binary in a process whose signals are refused, as if its children were somebody else's:
/// all of them, or `which` of each thread.
fn with_signals_refused(test: &str, which: &str) {
    if !can_trace() {
        return;
    }
    let _watchdog = Watchdog::new();
    let output = std::process::Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=pidfd_send_signal,kill"])
        .args(["-e", &format!("inject=pidfd_send_signal,kill:error=EPERM{which}")])
        .arg(std::env::current_exe().expect("a test has a path"))
        .args(["--ignored", "--exact", test, "--nocapture", "--test-threads=1"])
        .output()
        .expect("there is strace");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
}
