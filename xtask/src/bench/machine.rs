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
    began: Option<Ticks>,
    /// Which part of the processors the hypervisor has given to others during the run.
    stolen: f64,
}

/// The processors' time since the machine started.
#[derive(Clone, Copy)]
struct Ticks {
    all: u64,
    stolen: u64,
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
        Self { stamp, facts, load, cpus, began: Ticks::now(), stolen: 0.0 }
    }

    /// The run is over: notes what it had of the processors, where the system tells.
    pub(crate) fn end(&mut self) {
        if let Some(stolen) =
            self.began.zip(Ticks::now()).map(|(begin, end)| end.stolen_since(begin))
        {
            self.stolen = stolen;
            let percent = 100.0 * stolen;
            self.facts
                .push(("stolen", format!("{percent:.0} % of the processors, by other machines")));
        }
    }

    /// What a reader of the figures should know first.
    pub(crate) fn warning(&self) -> Option<String> {
        let (load, percent) = (self.load, 100.0 * self.stolen);
        if self.stolen > 0.05 {
            return Some(format!(
                "other machines had {percent:.0} % of the processors: expect noise"
            ));
        }
        let busy = load > 0.4 * self.cpus as f64;
        busy.then(|| format!("the machine is busy (load {load:.2}): expect noise"))
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

impl Ticks {
    fn now() -> Option<Self> {
        Self::read(&read_to_string("/proc/stat").ok()?)
    }

    /// Reads `cpu  <user> <nice> <system> <idle> <iowait> <irq> <softirq> <steal> <guest> …`.
    fn read(text: &str) -> Option<Self> {
        let numbers = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
        // Why eight: what guests of ours use counts as user time already.
        let ticks: Vec<u64> = numbers.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Self { all: ticks.iter().sum(), stolen: *ticks.get(7)? })
    }

    fn stolen_since(self, begin: Self) -> f64 {
        let all = self.all.saturating_sub(begin.all).max(1);
        self.stolen.saturating_sub(begin.stolen) as f64 / all as f64
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_took_is_a_part_of_all_time() {
        let read =
            |line: &str| Ticks::read(&format!("cpu  {line}\ncpu0 1 2 3")).expect("eight numbers");
        let begin = read("100 0 50 800 10 0 20 20 7 0");
        let end = read("150 0 100 900 10 0 20 220 9 0");
        assert_eq!(end.stolen_since(begin), 0.5);
        assert_eq!(end.stolen_since(end), 0.0);
    }

    #[test]
    fn a_system_that_does_not_tell_says_nothing() {
        assert!(Ticks::read("cpu  100 0 50 800").is_none());
        assert!(Ticks::read("").is_none());
    }
}
