//! Hangs that say who hangs, and tests that need a process of their own.

use std::env;
use std::io::{self, Write};
use std::process::{Command, Output, abort};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// No test takes this long, however busy the machine is.
const TOO_LONG: Duration = Duration::from_secs(120);

/// Ends the process when it is not dropped in time. Works under a stopped clock and with every worker stuck.
pub(crate) struct Watchdog(#[expect(dead_code, reason = "its drop is the message")] Sender<()>);

impl Watchdog {
    /// Watches the test that runs on this thread.
    pub(crate) fn new() -> Watchdog {
        let (alive, is_alive) = mpsc::channel::<()>();
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let watch = move || {
            if is_alive.recv_timeout(TOO_LONG) == Err(RecvTimeoutError::Timeout) {
                // Why not `eprintln!`: what a test's threads print so is kept until the test ends.
                let _ = writeln!(io::stderr(), "{test} hangs");
                abort();
            }
        };
        thread::Builder::new()
            .name("watchdog".into())
            .spawn(watch)
            .expect("the system has threads");
        Watchdog(alive)
    }
}

/// A process that will be an ignored test of this binary.
pub(crate) fn alone(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("a test has a path"));
    command
        .args(["--ignored", "--exact", test, "--nocapture", "--test-threads=1"])
        .env_remove("RUST_BACKTRACE");
    command
}

/// What an ignored test of this binary did in a process of its own.
pub(crate) struct Alone {
    pub(crate) stderr: String,
}

/// Runs an ignored test of this binary in a process of its own, with `variables` set, and expects it to pass.
#[track_caller]
pub(crate) fn run_alone(test: &str, variables: &[(&str, &str)]) -> Alone {
    let _watchdog = Watchdog::new();
    let output =
        alone(test).envs(variables.iter().copied()).output().expect("the system has processes");
    let Output { status, stdout, stderr } = output;
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{test} failed alone: {status}\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "{test} does not exist\n{stdout}");
    Alone { stderr: stderr.into_owned() }
}
