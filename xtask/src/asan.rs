//! The test suite and a short soak under AddressSanitizer and LeakSanitizer, after a canary has shown that both report.

use std::path::Path;
use std::process::Command;

use crate::manifest::Manifest;
use crate::outcome::{Outcome, Trouble};
use crate::sh;

/// The sanitizer's runtime comes with the nightly of this target.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A program that does what the sanitizer must report.
const CANARY: &str = r#"
fn main() {
    let boxed = std::hint::black_box(Box::into_raw(Box::new([7u8; 4096])));
    if std::env::args().nth(1).as_deref() == Some("use-after-free") {
        drop(unsafe { Box::from_raw(boxed) });
        println!("{}", unsafe { std::ptr::read_volatile(boxed.cast::<u8>()) });
    }
}
"#;

/// Takes no arguments.
pub(crate) fn run(_: &[String]) -> Outcome {
    check()
}

/// Runs the canary, all tests of the published crates and of the soak but the doc tests, and the soak for a moment.
pub(crate) fn check() -> Outcome {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(Trouble::Missing(format!("the sanitizers are set up for {TARGET} only")));
    }
    let folder = sh::target_dir("asan");
    canary(&folder)?;
    let tally = suite(&folder)?;
    soak(&folder)?;
    Ok(tally)
}

fn canary(folder: &Path) -> Result<(), Trouble> {
    let folder = folder.join("canary");
    let io = |error: std::io::Error| Trouble::from(format!("the canary's folder: {error}"));
    std::fs::create_dir_all(&folder).map_err(io)?;
    let (source, binary) = (folder.join("canary.rs"), folder.join("canary"));
    std::fs::write(&source, CANARY).map_err(io)?;
    let mut build = sh::nightly(&["rustc", "--edition=2024", "-Zsanitizer=address", "-o"])?;
    sh::run(build.arg(&binary).arg(&source))?;
    must_report(&binary, "leak", "LeakSanitizer: detected memory leaks")?;
    must_report(&binary, "use-after-free", "heap-use-after-free")
}

fn must_report(binary: &Path, mode: &str, report: &str) -> Result<(), Trouble> {
    match sh::output(&mut sh::program(&binary.to_string_lossy(), [mode])) {
        Err(Trouble::Failed { why, .. }) if why.contains(report) => Ok(()),
        other => Err(format!("the canary's {mode} was not reported: {other:?}").into()),
    }
}

fn suite(folder: &Path) -> Outcome {
    sh::test(&mut tests(folder)?, &["--test-threads=2"])
}

/// What the sanitizer runs, to be built while other steps wait.
pub(crate) fn ahead() -> Result<Command, Trouble> {
    tests(&sh::target_dir("asan"))
}

fn tests(folder: &Path) -> Result<Command, Trouble> {
    let mut command =
        sanitized(folder, &["cargo", "test", "--quiet", "--all-features", "--no-fail-fast"])?;
    // Why not the doc tests: each is a program of its own, and their code is that of the unit tests.
    command.args(["--lib", "--tests"]);
    // Why the soak: its test has it built with what the others need.
    command.args(["--package", "soak"]);
    for manifest in Manifest::published() {
        command.args(["--package", &manifest.name]);
    }
    Ok(command)
}

/// Random load finds what no test thought of; a few seconds already take every path many times.
fn soak(folder: &Path) -> Result<(), Trouble> {
    let program = folder.join(TARGET).join("debug/soak");
    let mut soak = sh::program(&program.to_string_lossy(), ["--seconds", "8"]);
    sh::run(watchful(&mut soak))
}

/// A command of the nightly that builds for the sanitizer and runs what it built.
fn sanitized(folder: &Path, args: &[&str]) -> Result<Command, Trouble> {
    let mut command = sh::nightly(args)?;
    command.args(["--target", TARGET]).env("CARGO_TARGET_DIR", folder);
    // Why inlined: what is left to instrument takes a quarter less time to compile.
    command.env("RUSTFLAGS", "-Zsanitizer=address -Zinline-mir=yes");
    // Why ours only: whatever relies on the order of fields shows, and rustix does (its `Itimerspec` goes to the kernel).
    command.arg("-Zprofile-rustflags");
    for manifest in Manifest::published() {
        let flags = format!("profile.dev.package.{}.rustflags", manifest.name);
        command.args(["--config", &format!("{flags}=['-Zrandomize-layout']")]);
    }
    watchful(&mut command);
    // Why a quarter: each case takes four times as long, and the step `test` runs them all.
    command.env("PROPTEST_CASES", "64");
    Ok(command)
}

/// Has the sanitizer look for more than it does by itself.
fn watchful(command: &mut Command) -> &mut Command {
    command.env("ASAN_OPTIONS", "detect_stack_use_after_return=1:strict_init_order=1")
}
