//! The loom models: every interleaving of small programs over our protocols, within a bound on preemptions.

use std::collections::BTreeSet;
use std::process::Command;

use crate::outcome::{Outcome, Tally, Trouble};
use crate::sh;
use crate::tidy::Tree;

/// `loom [package]`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let packages = packages();
    match args.first() {
        None => models(packages.iter()),
        Some(name) => {
            let chosen = packages
                .iter()
                .filter(|package| *package == name || package.ends_with(&format!("-{name}")));
            let chosen: Vec<&String> = chosen.collect();
            if chosen.is_empty() {
                return Err(format!("no models in `{name}`; there are some in {packages:?}").into());
            }
            models(chosen.into_iter())
        }
    }
}

/// All models.
pub(crate) fn check() -> Outcome {
    run(&[])
}

/// The packages that have a model.
fn packages() -> BTreeSet<String> {
    let tree = Tree::read();
    let modeled = tree.files.iter().filter(|file| file.has_loom_tests());
    modeled.filter_map(|file| file.package().map(str::to_owned)).collect()
}

/// All models, to be built while other steps wait.
pub(crate) fn ahead() -> Result<Command, Trouble> {
    Ok(tests(packages().iter()))
}

fn models<'a>(packages: impl Iterator<Item = &'a String>) -> Outcome {
    let mut packages = packages.peekable();
    if packages.peek().is_none() {
        return Ok(Tally::NONE);
    }
    sh::test(&mut tests(packages), &[])
}

fn tests<'a>(packages: impl Iterator<Item = &'a String>) -> Command {
    let mut args = vec!["test", "--quiet", "--profile", "model", "--lib", "--no-fail-fast"];
    args.extend(packages.flat_map(|package| ["--package", package]));
    let mut command = sh::cargo(args);
    command.env("CARGO_TARGET_DIR", sh::target_dir("loom")).env("RUSTFLAGS", "--cfg filch_loom");
    if std::env::var_os("LOOM_MAX_PREEMPTIONS").is_none() {
        command.env("LOOM_MAX_PREEMPTIONS", "2");
    }
    command
}
