//! Runs programs: echoes them, counts the tests in their output, ends them when they hang.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::outcome::{Outcome, Tally, Trouble};

/// How long one program may run; a cold build is the longest.
const LIMIT: Duration = Duration::from_secs(10 * 60);
/// How long built tests may run. Why so short: a lost wake-up shows as a hang, and CI must have time to say so itself.
/// Why so long: those under the sanitizer have taken six minutes on a machine most of whose processors others had.
const TEST_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// The folder of build results; `name` keeps differently flagged builds apart.
pub(crate) fn target_dir(name: &str) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    root().join(target).join(name)
}

/// A cargo command in the workspace's root.
pub(crate) fn cargo<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(args: I) -> Command {
    program("cargo", args)
}

/// A command of the nightly toolchain, when there is one.
pub(crate) fn nightly(args: &[&str]) -> Result<Command, Trouble> {
    // Why not `cargo +nightly`: inside `cargo xtask` the name `cargo` may resolve to one toolchain's own.
    let with = |args: &[&str]| program("rustup", ["run", "nightly"].iter().chain(args));
    match output(&mut with(&["rustc", "--version"])) {
        Ok(_) => Ok(with(args)),
        Err(_) => {
            Err(Trouble::Missing("no nightly toolchain (rustup toolchain install nightly)".into()))
        }
    }
}

/// A command in the workspace's root, free of the settings cargo gave to xtask itself.
pub(crate) fn program<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(name: &str, args: I) -> Command {
    let mut command = Command::new(name);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    for variable in ["CARGO", "CARGO_MANIFEST_DIR", "RUST_RECURSION_COUNT"] {
        command.env_remove(variable);
    }
    command
}

/// Whether a program of this name can be started.
pub(crate) fn has(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(name).is_file())
}

/// Runs to the end with its output shown.
pub(crate) fn run(command: &mut Command) -> Result<(), Trouble> {
    echo(command);
    let child = start(command)?;
    let status = wait(child, LIMIT)?;
    check(command, status)
}

/// As [`run`], however long it takes.
pub(crate) fn run_unlimited(command: &mut Command) -> Result<(), Trouble> {
    echo(command);
    let status = start(command)?.wait().map_err(|error| format!("cannot wait: {error}"))?;
    check(command, status)
}

/// Builds with `command`, a `cargo test`, then runs it with `args` for libtest, and adds up the summaries it shows.
pub(crate) fn test(command: &mut Command, args: &[&str]) -> Outcome {
    let mut built = program(&command.get_program().to_string_lossy(), command.get_args());
    copy_variables(command, &mut built);
    run(command.arg("--no-run"))?;
    run_tests(built.arg("--").args(args))
}

/// Builds what `command`, a `cargo test`, will run, in silence and on what nobody else wants of the processors.
pub(crate) fn build_ahead(command: &Command) {
    let words = ["-n".as_ref(), "19".as_ref(), command.get_program()];
    let mut build = program("nice", words.into_iter().chain(command.get_args()));
    copy_variables(command, &mut build);
    build.arg("--no-run").stdout(Stdio::null()).stderr(Stdio::null());
    // Why ignored: whoever runs the tests builds them again, and shows what is wrong.
    let _ = start(&mut build).and_then(|child| wait(child, LIMIT));
}

fn copy_variables(from: &Command, to: &mut Command) {
    to.envs(from.get_envs().filter_map(|(name, value)| Some((name, value?))));
}

fn run_tests(command: &mut Command) -> Outcome {
    command.stdout(Stdio::piped());
    let mut child = start(command)?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let reader = thread::spawn(move || read_tests(stdout));
    let status = wait(child, TEST_LIMIT);
    let (mut tally, failures) = reader.join().expect("the reader does not panic");
    match status.and_then(|status| check(command, status)) {
        // Why: a model that must fail runs in a process of its own, whose summary may come through.
        Ok(()) => Ok(Tally { failed: 0, ..tally }),
        Err(Trouble::Failed { why, .. }) => {
            tally.failed = tally.failed.max(1);
            let why = if failures.is_empty() { why } else { failures.join(", ") };
            Err(Trouble::Failed { tally, why })
        }
        Err(missing) => Err(missing),
    }
}

/// Runs without showing, and returns what it wrote to stdout; an error holds its stderr.
pub(crate) fn output(command: &mut Command) -> Result<String, Trouble> {
    output_within(command, LIMIT)
}

/// As [`output`], with a limit of its own.
pub(crate) fn output_within(command: &mut Command, limit: Duration) -> Result<String, Trouble> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = start(command)?;
    let stdout = read_beside(child.stdout.take().expect("stdout is piped"));
    let stderr = read_beside(child.stderr.take().expect("stderr is piped"));
    let status = wait(child, limit);
    let (stdout, stderr) = (stdout.join(), stderr.join());
    let stdout = stdout.expect("the reader does not panic");
    let stderr = stderr.expect("the reader does not panic");
    match status.and_then(|status| check(command, status)) {
        Ok(()) => Ok(stdout),
        Err(Trouble::Failed { why, .. }) => Err(format!("{why}\n{stdout}{stderr}").into()),
        Err(missing) => Err(missing),
    }
}

fn echo(command: &Command) {
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let variables = variables.map(|(name, value)| format!("{}={value:?} ", name.to_string_lossy()));
    eprintln!("  $ {}{}", variables.collect::<String>(), words(command));
}

fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The beginning of a command, for messages; the whole was echoed.
fn shorten(words: &str) -> String {
    const ENOUGH: usize = 60;
    if words.chars().count() <= ENOUGH {
        words.to_owned()
    } else {
        words.chars().take(ENOUGH).chain("…".chars()).collect()
    }
}

fn start(command: &mut Command) -> Result<Child, Trouble> {
    command.spawn().map_err(|error| {
        let name = command.get_program().to_string_lossy().into_owned();
        match error.kind() {
            std::io::ErrorKind::NotFound => Trouble::Missing(format!("no program `{name}`")),
            _ => format!("cannot start `{name}`: {error}").into(),
        }
    })
}

fn check(command: &Command, status: ExitStatus) -> Result<(), Trouble> {
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` ended with {status}", shorten(&words(command))).into())
    }
}

/// Waits for the end; past `limit` the program is ended with everything it started.
fn wait(mut child: Child, limit: Duration) -> Result<ExitStatus, Trouble> {
    let id = child.id();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(child.wait()));
    if let Ok(status) = receive.recv_timeout(limit) {
        return status.map_err(|error| format!("cannot wait: {error}").into());
    }
    let processes = descendants(id);
    processes.iter().copied().for_each(report_hang);
    end(&processes);
    Err(format!("no end after {} s", limit.as_secs()).into())
}

/// Ends all that a process started, but not itself. `false`: it started nothing.
pub(crate) fn end_children(process: u32) -> bool {
    let children: Vec<u32> = descendants(process).into_iter().skip(1).collect();
    if !children.is_empty() {
        end(&children);
    }
    !children.is_empty()
}

fn end(processes: &[u32]) {
    let ids: Vec<String> = processes.iter().map(u32::to_string).collect();
    let _ = Command::new("kill").arg("-KILL").args(&ids).status();
}

/// Where the threads of a hanging test stand, when there is a debugger.
fn report_hang(process: u32) {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    if matches!(name.trim(), "cargo" | "rustup" | "rustc" | "rustdoc" | "sh" | "sleep")
        || !has("gdb")
    {
        return;
    }
    eprintln!("hang: process {process} ({})", name.trim());
    let id = process.to_string();
    let _ =
        Command::new("gdb").args(["-batch", "-p", &id, "-ex", "thread apply all bt 25"]).status();
}

/// A process and all that it started, found in `/proc`.
fn descendants(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|id: u32| Some((id, parent(id)?)))
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&id) = found.get(next) {
        found.extend(parents.iter().filter(|(_, parent)| *parent == id).map(|(id, _)| *id));
        next += 1;
    }
    found
}

fn parent(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Why from the right: the program's name stands in parentheses and may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Shows what libtest writes; the sum of its summaries, and the names in its lists of failures.
fn read_tests(stdout: impl Read) -> (Tally, Vec<String>) {
    let (mut tally, mut failures) = (Tally::NONE, Vec::new());
    let mut is_in_list = false;
    for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        tally = tally + Tally::from_summary(&line).unwrap_or_default();
        let name = line.strip_prefix("    ").filter(|_| is_in_list);
        failures.extend(name.map(str::to_owned));
        is_in_list = line == "failures:" || name.is_some();
    }
    (tally, failures)
}

fn read_beside(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let mut command = program("sh", ["-c", "sleep 1000 & wait"]);
        let ended = output_within(&mut command, Duration::from_millis(200));
        assert!(matches!(ended, Err(Trouble::Failed { why, .. }) if why.contains("no end after")));
    }

    #[test]
    fn the_names_of_failed_tests_are_read() {
        let stdout = "failures:\n\n---- a::b stdout ----\n    indented\n\nfailures:\n    a::b\n    c\n\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured\n";
        let (tally, failures) = read_tests(stdout.as_bytes());
        assert_eq!((tally.failed, failures), (2, vec!["a::b".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn a_program_that_is_not_there_is_missing_not_failed() {
        let run = run(&mut program("filch-no-such-program", [""; 0]));
        assert!(matches!(run, Err(Trouble::Missing(_))));
    }
}
