//! What the system says about a process: its descriptors and its memory. It says so on Linux; elsewhere nothing is known.

use std::fmt;
use std::time::{Duration, Instant};

use crate::fail;

const MIB: u64 = 1 << 20;
/// What a process may grow between two looks that count.
// Why: stacks and heaps that a rare burst of work needs come late; a leak per exchange is a hundred times that.
const SLACK: u64 = 2 * MIB;

/// A process and what was seen of it.
pub(super) struct Process {
    name: &'static str,
    folder: String,
    most_descriptors: usize,
    /// The most that it used in the second quarter of the time, and the least in the last one.
    then: u64,
    last: u64,
}

/// What a look counts for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Growth {
    /// Everything is made for the first time.
    WarmUp,
    Then,
    Between,
    Last,
}

impl Growth {
    /// When this share of the time has passed.
    pub(super) fn at(passed: f64) -> Self {
        match passed {
            ..0.25 => Growth::WarmUp,
            ..0.5 => Growth::Then,
            ..0.75 => Growth::Between,
            _ => Growth::Last,
        }
    }
}

impl Process {
    pub(super) fn this() -> Self {
        Self::of("the clients", std::process::id())
    }

    pub(super) fn of(name: &'static str, id: u32) -> Self {
        let folder = format!("/proc/{id}");
        Process { name, folder, most_descriptors: 0, then: 0, last: u64::MAX }
    }

    /// Those that look count as well; they are few.
    pub(super) fn n_descriptors(&self) -> Option<usize> {
        Some(std::fs::read_dir(format!("{}/fd", self.folder)).ok()?.count())
    }

    fn resident(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("{}/status", self.folder)).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
    }

    pub(super) fn look(&mut self, growth: Growth) {
        let resident = self.resident();
        match growth {
            Growth::Then => self.then = self.then.max(resident.unwrap_or(0)),
            Growth::Last => self.last = self.last.min(resident.unwrap_or(u64::MAX)),
            Growth::WarmUp | Growth::Between => {}
        }
        self.most_descriptors = self.most_descriptors.max(self.n_descriptors().unwrap_or(0));
    }

    pub(super) fn expect_at_most(&self, n: usize) {
        if self.most_descriptors > n {
            fail(&format!("{} has {} descriptors, {n} at most", self.name, self.most_descriptors));
        }
    }

    /// When everything is closed the number is again what it was.
    pub(super) fn expect_descriptors(&self, n: Option<usize>, patience: Duration) {
        let begin = Instant::now();
        while self.n_descriptors() > n {
            if begin.elapsed() > patience {
                let now = self.n_descriptors();
                fail(&format!("{} began with {n:?} descriptors and ends with {now:?}", self.name));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(super) fn expect_no_growth(&self) {
        let Process { name, then, last, .. } = self;
        if *last != u64::MAX && *last > then + then / 50 + SLACK {
            fail(&format!("{name} grew from {} to {} KiB", then / 1024, last / 1024));
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Process { name, most_descriptors, then, last, .. } = self;
        if *last == u64::MAX {
            return write!(f, "{name}: this system does not say what a process uses");
        }
        let mib = |bytes: &u64| *bytes as f64 / MIB as f64;
        let (then, last) = (mib(then), mib(last));
        write!(f, "{name}: {most_descriptors} descriptors at most, {then:.1} MiB, then {last:.1}")
    }
}
