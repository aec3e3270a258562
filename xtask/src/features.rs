//! Each package with each of its features alone, and with none.

use crate::manifest::Manifest;
use crate::outcome::{Outcome, Tally};
use crate::sh;

/// Clippy rather than `check`: it shares what `clippy` built, and refuses warnings of our own crates only.
pub(crate) fn check() -> Outcome {
    let mut failed = Vec::new();
    for manifest in Manifest::published() {
        let alone =
            manifest.features.iter().filter(|feature| *feature != "default").map(String::as_str);
        for feature in std::iter::once("").chain(alone) {
            let args = ["clippy", "--quiet", "--package", &manifest.name, "--no-default-features"];
            let mut command = sh::cargo(args);
            if sh::run(command.args(["--features", feature, "--", "-D", "warnings"])).is_err() {
                failed.push(format!("{} with `{feature}`", manifest.name));
            }
        }
    }
    if failed.is_empty() { Ok(Tally::NONE) } else { Err(failed.join(", ").into()) }
}
