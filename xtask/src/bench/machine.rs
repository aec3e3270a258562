//! Where and with what a run was made.

use std::fmt::Write;
use std::fs::read_to_string;

use crate::sh;

/// The description, as it is published.
pub(crate) struct Machine {
    /// Date and time of the run, UTC, fit for a file name.
    pub(crate) stamp: String,
    /// Name and value of everything else.
    pub(crate) facts: Vec<(&'static str, String)>,
    load: f64,
    cpus: usize,
}

impl Machine {
    /// Looks around. What cannot be found out is left out.
    pub(crate) fn describe() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let load = read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0);
        let facts = [
            ("cpu", cpu().map(|cpu| format!("{cpus} × {cpu}"))),
            ("memory", memory()),
            ("kernel", line("uname", &["-sr"])),
            ("libc", line("ldd", &["--version"])),
            ("rustc", line("rustc", &["--version"])),
            ("tokio", locked("tokio")),
            ("smol", locked("smol")),
            ("hyper", locked("hyper")),
            ("flume", locked("flume")),
            ("kanal", locked("kanal")),
            (
                "filch",
                locked("filch").zip(revision()).map(|(version, at)| format!("{version} at {at}")),
            ),
            ("load", Some(format!("{load:.2} when the run began"))),
        ];
        let facts = facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect();
        let stamp = line("date", &["-u", "+%Y-%m-%d-%H%M"]).unwrap_or_else(|| "undated".into());
        Self { stamp, facts, load, cpus }
    }

    /// What a reader of the figures should know first.
    pub(crate) fn warning(&self) -> Option<String> {
        let busy = self.load > 0.4 * self.cpus as f64;
        busy.then(|| format!("the machine is busy (load {:.2}): expect noise", self.load))
    }

    pub(crate) fn to_json(&self) -> String {
        let mut json = format!("{{\"date\": \"{}\"", self.stamp);
        for (name, fact) in &self.facts {
            let fact = fact.replace(['"', '\\'], "'");
            write!(json, ", \"{name}\": \"{fact}\"").expect("a String takes every write");
        }
        json + "}"
    }
}

fn cpu() -> Option<String> {
    let text = read_to_string("/proc/cpuinfo").ok()?;
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let is_virtual = field("flags")?.split(' ').any(|flag| flag == "hypervisor");
    Some(field("model name")? + if is_virtual { ", virtual machine" } else { "" })
}

fn memory() -> Option<String> {
    let text = read_to_string("/proc/meminfo").ok()?;
    let kib: f64 = text.lines().next()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(format!("{:.0} GiB", kib / 1024.0 / 1024.0))
}

/// A package's version in the lock file.
fn locked(package: &str) -> Option<String> {
    let lock = read_to_string(sh::root().join("Cargo.lock")).ok()?;
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

fn revision() -> Option<String> {
    let commit =
        line("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "no commit".to_owned());
    let changes = line("git", &["status", "--porcelain", "--", "crates", "benches"]);
    Some(commit + if changes.is_some() { " with changes" } else { "" })
}

/// The first line that a program prints, when there is one.
fn line(program: &str, args: &[&str]) -> Option<String> {
    let text = sh::output(&mut sh::program(program, args)).ok()?;
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}
