//! What a cell measured: operations, wall time, CPU time of all threads, and what else its workload counts.

use std::fmt::Write;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The result of one cell.
#[derive(Debug, Default)]
pub(crate) struct Report {
    ops: u64,
    wall_ns: u64,
    cpu_ns: u64,
    extra: Vec<(&'static str, f64)>,
}

impl Report {
    /// Adds a figure of the workload's own.
    pub(crate) fn with(mut self, name: &'static str, value: f64) -> Self {
        self.extra.push((name, value));
        self
    }

    /// Adds the median and the 99th percentile of `samples`, named `p50` and `p99`.
    pub(crate) fn with_percentiles(self, mut samples: Vec<f64>) -> Self {
        samples.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| samples[((samples.len() - 1) as f64 * share).round() as usize];
        let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
        self.with("p50_us", p50).with("p99_us", p99).with("max_us", max)
    }

    /// One line.
    pub(crate) fn to_json(&self, runtime: &str, workload: &str, workers: usize) -> String {
        let Report { ops, wall_ns, cpu_ns, extra } = self;
        let mut line = format!(
            "{{\"runtime\":\"{runtime}\",\"workload\":\"{workload}\",\"workers\":{workers},\
             \"ops\":{ops},\"wall_ns\":{wall_ns},\"cpu_ns\":{cpu_ns}"
        );
        for (name, value) in extra {
            write!(line, ",\"{name}\":{value:.3}").expect("a String takes every write");
        }
        line + "}"
    }
}

/// A running measurement.
pub(crate) struct Meter {
    start: Instant,
    cpu_at_start: Duration,
}

impl Meter {
    /// Starts both clocks.
    pub(crate) fn start() -> Self {
        Meter { cpu_at_start: process_cpu(), start: Instant::now() }
    }

    /// Stops both clocks after `ops` operations.
    pub(crate) fn stop(self, ops: usize) -> Report {
        let wall = self.start.elapsed();
        let cpu = process_cpu() - self.cpu_at_start;
        Report {
            ops: ops as u64,
            wall_ns: wall.as_nanos() as u64,
            cpu_ns: cpu.as_nanos() as u64,
            extra: Vec::new(),
        }
    }
}

/// CPU time of all threads of this process, user and system: what `getrusage` sums, in nanoseconds.
fn process_cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
