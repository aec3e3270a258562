//! The workspace of crates that use filch together with others: hyper, axum, rustls, PostgreSQL, Redis, QUIC and more,
//! each with real clients or a real server at the other end; the locks and channels under smol and tokio; programs
//! written for tokio.
//!
//! One command installs what is missing, starts the servers, runs the tests, and stops the servers.

mod servers;

use std::path::Path;
use std::process::Command;

use crate::outcome::{Outcome, Tally, Trouble, must_have_everything};
use crate::{packages, sh};
use servers::{Postgres, Redis};

/// What the tests drive. `wrk` is not among them: without it, one test says so and does nothing.
const PROGRAMS: &[&str] = &["curl", "openssl"];
/// Without them, the tests that want one say so and do nothing.
const PEERS: &[&str] =
    &["gtlsclient", "gtlsserver", "nginx", "postgres", packages::PYTHON_WEBSOCKETS, "redis-server"];

/// Tests the crates named in `args`, or does all that [`check`] does.
pub(crate) fn run(args: &[String]) -> Outcome {
    if args.is_empty() {
        return check();
    }
    let chosen: Vec<&str> = args.iter().flat_map(|name| ["--package", name]).collect();
    test(&chosen)
}

/// Lints the whole workspace, the swap stories with it, and tests all but those.
pub(crate) fn check() -> Outcome {
    let lints = ["--all-targets", "--", "-D", "warnings"];
    sh::run(cargo("clippy", &["--workspace"]).args(lints))?;
    test(ALL)
}

/// The swap stories have a step of their own.
const ALL: &[&str] = &["--workspace", "--exclude", "swap-*"];

fn test(chosen: &[&str]) -> Outcome {
    packages::install(PROGRAMS)?;
    match packages::install(PEERS) {
        Err(Trouble::Missing(what)) if !must_have_everything() => eprintln!("note: {what}"),
        installed => installed?,
    }
    let alone = nothing_brings_a_second_runtime()?;
    let mut command = tests(chosen);
    let (postgres, redis) = (Postgres::start()?, Redis::start()?);
    command.envs(postgres.as_ref().map(|server| ("FILCH_POSTGRES", server.url())));
    command.envs(redis.as_ref().map(|server| ("FILCH_REDIS", server.url())));
    Ok(sh::test(&mut command, &[])? + alone)
}

/// All of it, to be built while other steps wait.
pub(crate) fn ahead() -> Result<Command, Trouble> {
    Ok(tests(ALL))
}

fn tests(chosen: &[&str]) -> Command {
    let mut command = cargo("test", chosen);
    command.arg("--no-fail-fast");
    command
}

/// A cargo command on the workspace of these crates.
fn cargo(name: &str, chosen: &[&str]) -> Command {
    let manifest = sh::root().join("interop/Cargo.toml");
    let mut command = sh::cargo([name, "--locked", "--manifest-path"]);
    command.arg(manifest).args(chosen).env("CARGO_TARGET_DIR", sh::target_dir("interop"));
    command
}

/// Examples whose manifest says so have no tokio runtime in their dependency tree.
fn nothing_brings_a_second_runtime() -> Outcome {
    let folders = std::fs::read_dir(sh::root().join("interop")).into_iter().flatten().flatten();
    let manifests = folders.map(|folder| folder.path().join("Cargo.toml"));
    let mut tally = Tally::NONE;
    for manifest in manifests.filter(|manifest| promises_to_run_alone(manifest)) {
        let mut command = sh::cargo(["tree", "--edges", "normal", "--prefix", "none", "--format"]);
        let tree = sh::output(command.arg("{p} {f}").arg("--manifest-path").arg(&manifest))?;
        if tree.lines().any(is_tokio_runtime) {
            let why = format!("{}: tokio's runtime is in its dependency tree", manifest.display());
            return Err(Trouble::Failed { tally, why });
        }
        tally.passed += 1;
    }
    Ok(tally)
}

fn promises_to_run_alone(manifest: &Path) -> bool {
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    text.lines().any(|line| line == "runs-on-filch-alone = true")
}

/// Reads a line of `cargo tree`, `tokio v1.2.3 bytes,io-util`.
fn is_tokio_runtime(line: &str) -> bool {
    let Some((_, features)) = line.strip_prefix("tokio v").and_then(|rest| rest.split_once(' '))
    else {
        return false;
    };
    features.split([',', ' ']).any(|feature| feature == "rt" || feature == "rt-multi-thread")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_told_from_traits() {
        assert!(is_tokio_runtime("tokio v1.54.1 bytes,rt,sync"));
        assert!(is_tokio_runtime("tokio v1.54.1 rt (*)"));
        assert!(!is_tokio_runtime("tokio v1.54.1 bytes,io-util"));
        assert!(!is_tokio_runtime("tokio v1.54.1 "));
        assert!(!is_tokio_runtime("tokio-util v0.7.1 rt"));
    }
}
