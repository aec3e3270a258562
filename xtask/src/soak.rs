//! Random load until time is up; the program is `benches/soak`.

use std::process::Command;

use crate::outcome::{Outcome, Tally};
use crate::sh;

/// `soak [connections] [--seconds N] [--seed S]`, optimized.
pub(crate) fn run(args: &[String]) -> Outcome {
    // Why no limit from outside: the program ends itself, and `--seconds` may be hours.
    sh::run_unlimited(soak().arg("--release").arg("--").args(args))?;
    Ok(Tally { passed: 1, ..Tally::NONE })
}

/// Twenty seconds with debug assertions, shared between the two stock drivers and the two loads.
pub(crate) fn check() -> Outcome {
    /// Why fewer: both ends and the checks share the machine with nothing optimized.
    const CONNECTIONS: [&str; 6] = ["--", "connections", "--idle", "1000", "--busy", "100"];
    let polling = || {
        let mut soak = soak();
        soak.env("FILCH_DRIVER", "polling");
        soak
    };
    sh::run(soak().args(["--", "--seconds", "8"]))?;
    sh::run(polling().args(["--", "--seconds", "4"]))?;
    sh::run(soak().args(CONNECTIONS).args(["--seconds", "4"]))?;
    sh::run(polling().args(CONNECTIONS).args(["--seconds", "4"]))?;
    Ok(Tally { passed: 4, ..Tally::NONE })
}

fn soak() -> Command {
    sh::cargo(["run", "--quiet", "--package", "soak"])
}
