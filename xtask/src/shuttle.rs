//! The shuttle tests: random schedules of programs too large for loom.

use std::collections::BTreeSet;
use std::process::Command;

use crate::outcome::{Outcome, Trouble};
use crate::sh;
use crate::tidy::Tree;

/// `shuttle`.
pub(crate) fn run(_: &[String]) -> Outcome {
    check()
}

/// All of them.
pub(crate) fn check() -> Outcome {
    // Why a filter: the other unit tests would use shuttle's locks outside of any schedule.
    sh::test(&mut tests(), &["shuttle_tests"])
}

/// To be built while other steps wait.
pub(crate) fn ahead() -> Result<Command, Trouble> {
    Ok(tests())
}

fn tests() -> Command {
    let tree = Tree::read();
    let files = tree.files.iter().filter(|file| file.path.ends_with("/shuttle_tests.rs"));
    let packages: BTreeSet<&str> = files.filter_map(|file| file.package()).collect();
    // Why the models' profile: a program is run thousands of times, by a checker that is optimized there.
    let mut command =
        sh::cargo(["test", "--quiet", "--profile", "model", "--lib", "--no-fail-fast"]);
    command.args(packages.into_iter().flat_map(|package| ["--package", package]));
    command
        .env("CARGO_TARGET_DIR", sh::target_dir("shuttle"))
        // Why optimized a little, which the loom models are not: here the programs take more time than the compiler.
        .env("CARGO_PROFILE_MODEL_OPT_LEVEL", "1")
        .env("RUSTFLAGS", "--cfg filch_shuttle");
    command
}
