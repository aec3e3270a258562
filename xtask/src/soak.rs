//! Random load until time is up; the program is `benches/src/bin/soak`.

use std::process::Command;

use crate::outcome::{Outcome, Tally};
use crate::sh;

/// `soak [--seconds N] [--seed S]`, optimized.
pub(crate) fn run(args: &[String]) -> Outcome {
    // Why no limit from outside: the program ends itself, and `--seconds` may be hours.
    sh::run_unlimited(soak().arg("--release").arg("--").args(args))?;
    Ok(Tally { passed: 1, ..Tally::NONE })
}

/// Half a minute with debug assertions, shared between the two stock drivers.
pub(crate) fn check() -> Outcome {
    sh::run(soak().args(["--", "--seconds", "20"]))?;
    sh::run(soak().env("FILCH_DRIVER", "polling").args(["--", "--seconds", "10"]))?;
    Ok(Tally { passed: 2, ..Tally::NONE })
}

fn soak() -> Command {
    sh::cargo(["run", "--quiet", "--package", "benches", "--bin", "soak"])
}
