//! Programs for tests to start: this binary again, as what it is told to be, on its main thread and without the test harness,
//! whose tests run on other threads and which writes to stdout.

use crate::watchdog::Watchdog;
use std::env;
use std::ffi::c_int;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, Stdio, exit};

/// Says which program to be.
const PROGRAM: &str = "FILCH_TEST_PROGRAM";
/// An argument for it.
const ARGUMENT: &str = "FILCH_TEST_ARGUMENT";

/// The programs of a test module, by name.
type Programs = &'static [(&'static str, fn())];

const ALL: &[Programs] =
    &[crate::forks::PROGRAMS, crate::signals::PROGRAMS, crate::stdio::PROGRAMS];

// Why before main: the harness has not begun. Why late: filch has something to do before main as well.
#[ctor::ctor(unsafe, priority = late)]
fn become_a_program() {
    let Ok(name) = env::var(PROGRAM) else { return };
    // What std does before main, and what a shell may not have done: jobs in the background inherit "ignored".
    // SAFETY: neither disposition is a handler.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGINT, libc::SIG_DFL);
    }
    let _watchdog = Watchdog::new();
    let program = ALL.iter().copied().flatten().find(|(known, _)| *known == name);
    let (_, run) = program.expect("a test names its program");
    run();
    exit(0);
}

/// What the program was told beside its name.
pub(crate) fn argument() -> String {
    env::var(ARGUMENT).unwrap_or_default()
}

/// A process that will be the program `name`.
pub(crate) fn program(name: &str, argument: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("a test has a path"));
    command.env(PROGRAM, name).env(ARGUMENT, argument).env_remove("RUST_BACKTRACE");
    command
}

/// A program that runs, with pipes for its three streams. Ended when it is dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    stdout: BufReader<ChildStdout>,
    _watchdog: Watchdog,
}

/// How a program ended.
pub(crate) struct Ended {
    /// `Err` is the signal that ended it.
    pub(crate) code: Result<i32, i32>,
    /// What it wrote that was not read before.
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    pub(crate) fn start(name: &str, argument: &str) -> Running {
        let mut command = program(name, argument);
        command.stdin(Stdio::piped());
        Running::from(command)
    }

    /// Its stdin is the caller's affair.
    pub(crate) fn from(mut command: Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("this very program can be started");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        Running { child, stdout, _watchdog: Watchdog::new() }
    }

    /// Reads on until it has written this line.
    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) {
        let mut written = String::new();
        loop {
            let begin = written.len();
            let n = self.stdout.read_line(&mut written).expect("it is text");
            assert_ne!(n, 0, "it ended without {line:?}: {written}");
            if written[begin..].trim_end() == line {
                return;
            }
        }
    }

    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "{line}").expect("it lives");
    }

    pub(crate) fn send(&self, signal: c_int) {
        let pid = i32::try_from(self.child.id()).expect("process numbers are small");
        // SAFETY: no pointers; the process is ours and was not waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// Whether it has a handler for `signal`.
    pub(crate) fn catches(&self, signal: c_int) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("the process was not waited for");
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = mask.expect("Linux tells").trim();
        u64::from_str_radix(mask, 16).expect("it is a mask") & (1 << (signal - 1)) != 0
    }

    /// Waits for its end. Its stdin stays open until then.
    pub(crate) fn end(mut self) -> Ended {
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).expect("it is text");
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().expect("it is piped");
        pipe.read_to_string(&mut stderr).expect("it is text");
        let stdin = self.child.stdin.take();
        let status = self.child.wait().expect("it is our child");
        drop(stdin);
        let code = status.code().ok_or_else(|| status.signal().expect("a signal ended it"));
        Ended { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill(); // An error says that it has ended.
        let _ = self.child.wait();
    }
}
