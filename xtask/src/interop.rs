//! The workspace of crates that use filch together with others: a server on hyper, driven by real clients; the locks and
//! channels under smol and tokio; programs written for tokio.

use crate::outcome::{Outcome, Tally, Trouble};
use crate::sh;

/// Takes no arguments.
pub(crate) fn run(_: &[String]) -> Outcome {
    check()
}

/// Tests the interop workspace, the swap stories apart; its tests drive `curl`, and `wrk` when it is there.
pub(crate) fn check() -> Outcome {
    let manifest = sh::root().join("interop/Cargo.toml");
    if !manifest.is_file() {
        return Ok(Tally::NONE);
    }
    if !sh::has("curl") {
        return Err(Trouble::Missing("no curl (apt-get install curl)".into()));
    }
    if !sh::has("wrk") {
        eprintln!("note: no wrk; the load test is left out");
    }
    let mut command = sh::cargo([
        "test",
        "--workspace",
        "--exclude",
        "swap-*",
        "--no-fail-fast",
        "--manifest-path",
    ]);
    sh::test(command.arg(manifest).env("CARGO_TARGET_DIR", sh::target_dir("interop")), &[])
}
