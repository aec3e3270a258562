//! The main job: every step in turn, then a table, then the sum of all tests.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::outcome::{Outcome, Tally, Trouble, must_have_everything};
use crate::{
    asan, examples, features, guides, interop, loom, platforms, readme, sh, shuttle, soak, swap,
    syscalls, tidy,
};

/// A step's name and what it does.
type Step = (&'static str, fn() -> Outcome);

/// Cheap ones first, so that a slip shows within seconds.
const STEPS: &[Step] = &[
    ("fmt", fmt),
    ("tidy", tidy::check),
    ("clippy", clippy),
    ("test", test),
    ("features", features::check),
    ("platforms", platforms::check_those_there),
    ("doc", doc),
    ("examples", examples::check),
    ("readme", readme::check),
    ("guides", guides::check),
    ("swap", swap::check),
    ("interop", interop::check),
    ("syscalls", syscalls::check),
    ("soak", soak::check),
    ("loom", loom::check),
    ("shuttle", shuttle::check),
    ("asan", asan::check),
];

/// A step's name and the tests it will build.
type Ahead = (&'static str, fn() -> Result<Command, Trouble>);

/// What steps further down will test. Each has a target folder of its own.
// Why: much of the earlier steps' time is one crate's, or a test's that sleeps; on two cores this saves minutes.
const AHEAD: &[Ahead] = &[
    ("interop", interop::ahead),
    ("loom", loom::ahead),
    ("asan", asan::ahead),
    ("shuttle", shuttle::ahead),
];

/// Runs all steps, or those named in `args`, and ends with `N passed, M failed, K skipped`.
pub(crate) fn run(args: &[String]) -> Outcome {
    if let Some(unknown) = args.iter().find(|name| !STEPS.iter().any(|(step, _)| step == name)) {
        let names: Vec<&str> = STEPS.iter().map(|(step, _)| *step).collect();
        return Err(format!("no step `{unknown}`; there are {}", names.join(", ")).into());
    }
    let chosen =
        STEPS.iter().filter(|(step, _)| args.is_empty() || args.iter().any(|name| name == step));
    let chosen: Vec<&Step> = chosen.collect();
    build_ahead(chosen.iter().skip(1).map(|(name, _)| *name).collect());
    let results: Vec<Finished> = chosen.iter().map(|(name, step)| finish(name, *step)).collect();
    summarize(&results)
}

/// Builds for `steps`, one after the other, beside the steps before them.
fn build_ahead(steps: Vec<&'static str>) {
    thread::spawn(move || {
        let wanted = AHEAD.iter().filter(|(name, _)| steps.contains(name));
        wanted.filter_map(|(_, tests)| tests().ok()).for_each(|tests| sh::build_ahead(&tests));
    });
}

struct Finished {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
}

fn finish(name: &'static str, step: fn() -> Outcome) -> Finished {
    eprintln!("\n== {name}");
    let begin = Instant::now();
    let outcome = match step() {
        Err(Trouble::Missing(what)) if must_have_everything() => {
            Err(format!("CI must have it: {what}").into())
        }
        outcome => outcome,
    };
    let finished = Finished { name, took: begin.elapsed(), outcome };
    eprintln!("{}", finished.line());
    finished
}

impl Finished {
    fn line(&self) -> String {
        let seconds = self.took.as_secs_f64();
        let result = match &self.outcome {
            Ok(Tally { passed: 0, .. }) => "ok".to_owned(),
            Ok(tally) => format!("ok, {} passed", tally.passed),
            Err(Trouble::Missing(what)) => format!("skipped: {what}"),
            Err(Trouble::Failed { why, .. }) => {
                format!("FAILED: {}", why.lines().next().unwrap_or_default())
            }
        };
        format!("{:<10} {seconds:>7.1} s  {result}", self.name)
    }

    /// The step's tests; a step that failed or was skipped as a whole counts as one.
    fn tally(&self) -> Tally {
        match &self.outcome {
            Ok(tally) => *tally,
            Err(Trouble::Missing(_)) => Tally { skipped: 1, ..Tally::NONE },
            Err(Trouble::Failed { tally, .. }) => Tally { failed: tally.failed.max(1), ..*tally },
        }
    }
}

fn summarize(results: &[Finished]) -> Outcome {
    println!();
    for finished in results {
        println!("{}", finished.line());
    }
    let took: Duration = results.iter().map(|finished| finished.took).sum();
    println!("{:<10} {:>7.1} s\n", "all", took.as_secs_f64());
    let tally: Tally = results.iter().map(Finished::tally).sum();
    let Tally { passed, failed, skipped } = tally;
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    // Why exit here: the sum is the last line of all output, stderr included.
    std::process::exit(i32::from(failed != 0));
}

fn fmt() -> Outcome {
    let workspaces = ["Cargo.toml", "interop/Cargo.toml"];
    for manifest in workspaces.into_iter().filter(|manifest| sh::root().join(manifest).is_file()) {
        sh::run(&mut sh::cargo(["fmt", "--all", "--check", "--manifest-path", manifest]))?;
    }
    Ok(Tally::NONE)
}

fn clippy() -> Outcome {
    let args = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    sh::run(&mut sh::cargo(args)).map(|()| Tally::NONE)
}

fn test() -> Outcome {
    let mut command =
        sh::cargo(["test", "--workspace", "--all-features", "--no-fail-fast", "--locked"]);
    sh::test(&mut command, &[])
}

fn doc() -> Outcome {
    let unpublished = ["--exclude", "benches", "--exclude", "soak", "--exclude", "xtask"];
    let mut command = sh::cargo(["doc", "--workspace", "--all-features", "--no-deps"]);
    command.args(unpublished);
    sh::run(command.env("RUSTDOCFLAGS", "-D warnings")).map(|()| Tally::NONE)
}
