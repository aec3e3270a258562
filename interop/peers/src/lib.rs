//! What the tests of the examples share: programs that end with the test, `curl`, a certificate, and where the servers are.
//!
//! Everything here blocks and uses nothing but std, so that no test stands on what it tests.

mod files;
mod program;

pub use files::{Certificate, Folder};
pub use program::{Program, Server, foreign};

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs `curl`, quietly and not for ever.
pub fn curl(arguments: &[&str]) -> Output {
    let always = ["--silent", "--show-error", "--fail-with-body", "--max-time", "20"];
    Command::new("curl").args(always).args(arguments).output().expect("these tests need curl")
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
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.map(|folder| folder.join(program)).find(|file| file.is_file());
    or_note(found, &format!("no {program}, which `cargo xtask install` brings"))
}

/// Without what it wants, a test does nothing but say so; under `CI=true` it fails.
fn or_note<T>(wanted: Option<T>, why: &str) -> Option<T> {
    if wanted.is_none() {
        let must = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!must, "{why}");
        eprintln!("note: {why}; this test did nothing");
    }
    wanted
}
