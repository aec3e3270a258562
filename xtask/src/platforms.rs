//! Whether the libraries compile for the systems that they are not tested on; `docs/platforms.md` says what works there.
//!
//! Nothing is linked and nothing is run: a target's standard library is all it takes.

use crate::outcome::{Outcome, Tally, Trouble};
use crate::sh;

/// One of each kind: kqueue with Apple's and with BSD's libc, and Windows.
const TARGETS: &[&str] =
    &["aarch64-apple-darwin", "x86_64-unknown-freebsd", "x86_64-pc-windows-gnu"];

/// Everything but `tls`. Why: its cryptography is C, which would want a compiler for each target.
const FEATURES: &str = "hyper,tokio-io";

/// As [`check`], where no target is there as well.
// Why not a lack that fails a CI: a target's standard library comes from elsewhere than all else, and may not be had.
pub(crate) fn check_those_there() -> Outcome {
    match check() {
        Err(Trouble::Missing(what)) => {
            eprintln!("note: {what}");
            Ok(Tally { skipped: 1, ..Tally::NONE })
        }
        outcome => outcome,
    }
}

/// Takes no arguments.
pub(crate) fn run(_: &[String]) -> Outcome {
    check()
}

/// Checks the facade, and with it every library, for each target that is installed; one that is not is missed.
fn check() -> Outcome {
    let installed = installed();
    let (there, missing): (Vec<&str>, Vec<&str>) =
        TARGETS.iter().partition(|target| installed.iter().any(|name| name == *target));
    for target in &there {
        let args = ["check", "--package", "filch", "--features", FEATURES, "--target", target];
        sh::run(&mut sh::cargo(args))?;
    }
    if missing.is_empty() {
        return Ok(Tally { passed: there.len(), ..Tally::NONE });
    }
    let missing = missing.join(" ");
    Err(Trouble::Missing(format!(
        "no standard library for {missing} (rustup target add {missing})"
    )))
}

/// The targets whose standard library is there.
fn installed() -> Vec<String> {
    let sysroot = sh::output(&mut sh::program("rustc", ["--print", "sysroot"]));
    let libraries = sysroot.map(|path| format!("{}/lib/rustlib", path.trim()));
    let folders = libraries.ok().and_then(|path| std::fs::read_dir(path).ok());
    let names = folders
        .into_iter()
        .flatten()
        .filter_map(|folder| folder.ok()?.file_name().into_string().ok());
    names.collect()
}
