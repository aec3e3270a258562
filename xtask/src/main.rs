//! The project's chores, one command each: `cargo xtask <command>`.
//!
//! It needs a Rust toolchain and nothing else.
//! What a machine lacks beyond that (a nightly, `strace`, `wrk`) skips the check that wants it, with a note;
//! with `CI=true` in the environment it fails that check instead.

use std::process::ExitCode;

mod manifest;
mod outcome;
mod packages;
mod sh;

mod examples;
mod guides;
mod readme;
mod serve;

mod asan;
mod bench;
mod ci;
mod features;
mod interop;
mod loom;
mod platforms;
mod release;
mod shuttle;
mod soak;
mod swap;
mod syscalls;
mod tidy;

use outcome::{Outcome, Trouble};

/// A command's name, what it does, and the function that does it.
type Command = (&'static str, &'static str, fn(&[String]) -> Outcome);

#[rustfmt::skip] // A command is a row.
const COMMANDS: &[Command] = &[
    ("ci", "everything a change must pass: `ci [step]…`", ci::run),
    ("tidy", "what no lint checks: crate edges, special files, orderings, links, words", tidy::run),
    ("loom", "the model checks of one crate or all: `loom [name]`", loom::run),
    ("shuttle", "random schedules of programs too large for loom", shuttle::run),
    ("asan", "the test suite under AddressSanitizer and LeakSanitizer; needs a nightly", asan::run),
    ("bench", "filch and its peers side by side: `bench [workload]… [--quick] [--against A,B] [--workers N] [--save]`", bench::run),
    ("soak", "random load, or thousands of connections, until time is up, the seed printed: `soak [connections] [--seconds N] [--seed S]`", soak::run),
    ("syscalls", "system calls per request of the echo server; needs strace", syscalls::run),
    ("swap", "the crates of interop/swap-*, and what their dependency trees must not hold", swap::run),
    ("interop", "other people's libraries on filch, with real clients and servers, which it installs, starts and stops: `interop [crate]…`", interop::run),
    ("install", "the Debian packages that the checks drive; needs root", packages::run),
    ("platforms", "the libraries compile for macOS, FreeBSD and Windows; needs those targets", platforms::run),
    ("msrv", "nothing younger than `rust-version` is used", release::msrv),
    ("release", "one version for all crates, the changelog closed: `release <version>`", release::run),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        return usage();
    };
    let Some((_, _, command)) = COMMANDS.iter().find(|(known, ..)| known == name) else {
        eprintln!("xtask: no command `{name}`");
        return usage();
    };
    match command(rest) {
        Ok(_) => ExitCode::SUCCESS,
        Err(Trouble::Missing(what)) => {
            eprintln!("xtask {name}: skipped: {what}");
            if outcome::must_have_everything() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(Trouble::Failed { why, .. }) => {
            eprintln!("xtask {name}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: cargo xtask <command> [arguments]\n");
    for (name, what, _) in COMMANDS {
        eprintln!("  {name:<10} {what}");
    }
    ExitCode::from(2)
}
