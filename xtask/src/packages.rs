//! The programs that checks drive, and the Debian packages that bring them: the only list of either.

use std::path::PathBuf;

use crate::outcome::{Outcome, Tally, Trouble};
use crate::sh;

/// A program and its package. What is no program is a file, with its whole path.
type Package = (&'static str, &'static str);

/// The WebSocket library of Debian's Python, which may not be the first Python in `PATH`.
pub(crate) const PYTHON_WEBSOCKETS: &str = "/usr/lib/python3/dist-packages/websockets/__init__.py";

const PACKAGES: &[Package] = &[
    ("curl", "curl"),
    ("gtlsclient", "ngtcp2-client"),
    ("gtlsserver", "ngtcp2-server"),
    ("nginx", "nginx"),
    ("openssl", "openssl"),
    ("postgres", "postgresql"),
    (PYTHON_WEBSOCKETS, "python3-websockets"),
    ("redis-server", "redis-server"),
    ("strace", "strace"),
    ("wrk", "wrk"),
];

/// Takes no arguments.
pub(crate) fn run(_: &[String]) -> Outcome {
    let all: Vec<&str> = PACKAGES.iter().map(|(program, _)| *program).collect();
    install(&all).map(|()| Tally::NONE)
}

/// Installs what is missing of `programs`, where that can be done without asking anybody.
pub(crate) fn install(programs: &[&str]) -> Result<(), Trouble> {
    let packages = missing(programs);
    if packages.is_empty() {
        return Ok(());
    }
    let hint = format!("no {} (apt-get install {})", packages.join(", "), packages.join(" "));
    if !is_root() || !sh::has("apt-get") {
        return Err(Trouble::Missing(hint));
    }
    eprintln!("  installing {}", packages.join(", "));
    let update = ["update", "-qq"];
    let install = ["install", "-y", "-qq", "--no-install-recommends"];
    for arguments in [&update[..], &[&install[..], &packages].concat()] {
        let mut command = sh::program("apt-get", arguments);
        // Why a run level: in a container without an init, the servers among them would be started by their packages.
        command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
        if let Err(Trouble::Failed { why, .. }) = sh::output(&mut command) {
            eprintln!("{why}");
            break;
        }
    }
    if missing(programs).is_empty() { Ok(()) } else { Err(Trouble::Missing(hint)) }
}

/// Where a program lies. Debian keeps servers out of an ordinary user's `PATH`, and PostgreSQL out of everybody's, in one
/// folder per version.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .chain(versions.map(|version| version.path().join("bin")))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

pub(crate) fn is_root() -> bool {
    sh::output(&mut sh::program("id", ["-u"])).is_ok_and(|id| id.trim() == "0")
}

fn missing(programs: &[&str]) -> Vec<&'static str> {
    let wanted = PACKAGES.iter().filter(|(program, _)| programs.contains(program));
    wanted.filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_missing() {
        assert!(find("sh").is_some_and(|file| file.is_absolute()));
        assert_eq!(missing(&["sh"]), [""; 0], "it has no package in the list");
    }
}
