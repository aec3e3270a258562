//! Runs a test of this binary in a process of its own, for what would disturb the others.

use std::process::Command;

/// The command that runs the ignored test `name` alone, prefixed by `setup`, a line of shell.
pub(crate) fn ignored_test(name: &str, setup: &str) -> Command {
    let program = std::env::current_exe().expect("the test knows its own path");
    let mut command = Command::new("sh");
    let line = format!("{setup} exec \"$0\" --ignored --exact --nocapture \"$1\"");
    command.args(["-c", &line]).arg(program).arg(name);
    command
}
