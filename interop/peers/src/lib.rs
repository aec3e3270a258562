//! What the tests of the examples share: programs that end with the test, `curl`, a certificate, and where the servers are.
//!
//! Everything here blocks and uses nothing but std, so that no test stands on what it tests. Whoever uses any of it is
//! watched: tests that hang are ended, with all that they have started.

mod files;
mod guard;
mod program;

pub use files::{Certificate, Folder};
pub use guard::{command, output, spawn, watch};
pub use program::{Foreign, Program, Server};

use std::path::{Path, PathBuf};
use std::process::Output;

/// Runs `curl`, quietly and not for ever.
pub fn curl(arguments: &[&str]) -> Output {
    let mut curl = command("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body", "--max-time", "20"]);
    curl.args(arguments);
    output(curl)
}

/// What a program printed that ended well.
pub fn text(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// A path as an argument.
pub fn argument(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// The URL of the PostgreSQL that `cargo xtask interop` started.
pub fn postgres() -> Option<String> {
    started("FILCH_POSTGRES")
}

/// The URL of the Redis that `cargo xtask interop` started.
pub fn redis() -> Option<String> {
    started("FILCH_REDIS")
}

fn started(variable: &str) -> Option<String> {
    or_note(
        std::env::var(variable).ok(),
        &format!("no {variable}, which `cargo xtask interop` sets"),
    )
}

/// Where a program lies that `cargo xtask install` brings, or a file of it. Debian keeps servers out of an ordinary user's
/// `PATH`.
pub fn installed(program: &str) -> Option<PathBuf> {
    or_note(find(program), &format!("no {program}, which `cargo xtask install` brings"))
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Without what it wants, a test does nothing but say so; under `CI=true` it fails.
fn or_note<T>(wanted: Option<T>, why: &str) -> Option<T> {
    watch();
    if wanted.is_none() {
        let must = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!must, "{why}");
        eprintln!("note: {why}; this test did nothing");
    }
    wanted
}
