//! Random load until time is up; the program is `benches/src/bin/soak.rs`.

use crate::outcome::{Outcome, Tally};
use crate::sh;

/// `soak [--seconds N] [--seed S]`, optimized.
pub(crate) fn run(args: &[String]) -> Outcome {
    soak(&["--release"], args)
}

/// Half a minute, with debug assertions.
pub(crate) fn check() -> Outcome {
    soak(&[], &["--seconds".to_owned(), "30".to_owned()])
}

fn soak(profile: &[&str], args: &[String]) -> Outcome {
    let mut command = sh::cargo(["run", "--quiet", "--package", "benches", "--bin", "soak"]);
    // Why no limit from outside: the program ends itself, and `--seconds` may be hours.
    sh::run_unlimited(command.args(profile).arg("--").args(args))?;
    Ok(Tally { passed: 1, ..Tally::NONE })
}
