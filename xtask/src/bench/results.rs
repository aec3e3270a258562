//! All figures of one run, and what they say about a row.

use std::fmt::Write;

use super::cell::Fields;
use super::machine::Machine;
use super::options::Options;
use super::rows::{Figure, ROWS, Row};
use super::stats::Ratio;

struct Sample {
    runtime: String,
    workload: String,
    round: usize,
    fields: Fields,
}

/// Everything that a run measured.
pub(crate) struct Results {
    pub(crate) options: Options,
    samples: Vec<Sample>,
    /// Runtime and workload of each cell that failed.
    failures: Vec<(String, String)>,
}

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ahead,
    Level,
    Behind,
}

impl Results {
    pub(crate) fn new(options: &Options) -> Self {
        Self { options: options.clone(), samples: Vec::new(), failures: Vec::new() }
    }

    pub(crate) fn add(&mut self, runtime: &str, workload: &str, round: usize, fields: Fields) {
        let (runtime, workload) = (runtime.to_owned(), workload.to_owned());
        self.samples.push(Sample { runtime, workload, round, fields });
    }

    pub(crate) fn add_failure(&mut self, runtime: &str, workload: &str, why: &str) {
        self.failures.push((runtime.to_owned(), workload.to_owned()));
        eprintln!("\n{runtime} {workload} failed: {why}");
    }

    pub(crate) fn failures(&self) -> usize {
        self.failures.len()
    }

    /// Whether a cell of this runtime and workload failed; one that a runtime has not does not.
    pub(crate) fn has_failed(&self, runtime: &str, workload: &str) -> bool {
        self.failures.iter().any(|(r, w)| r == runtime && w == workload)
    }

    pub(crate) fn subject(&self) -> &str {
        &self.options.runtimes[0]
    }

    pub(crate) fn peers(&self) -> &[String] {
        &self.options.runtimes[1..]
    }

    /// The subject and those peers that have a row of this group, in order.
    pub(crate) fn runtimes_of(&self, group: &str) -> Vec<&String> {
        let workloads: Vec<&str> =
            self.rows().filter(|row| row.group == group).map(|row| row.workload).collect();
        let is_in = |runtime: &&String| {
            let measured = |s: &Sample| s.runtime == **runtime && workloads.contains(&&*s.workload);
            *runtime == self.subject()
                || self.samples.iter().any(measured)
                || workloads.iter().any(|workload| self.has_failed(runtime, workload))
        };
        self.options.runtimes.iter().filter(is_in).collect()
    }

    /// The rows that were measured.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'static Row> {
        let measured = |row: &&Row| self.samples.iter().any(|s| s.workload == row.workload);
        ROWS.iter().filter(measured)
    }

    /// The values of a figure, round by round.
    pub(crate) fn values(&self, runtime: &str, workload: &str, figure: Figure) -> Vec<f64> {
        self.by_round(runtime, workload, figure).into_iter().map(|(_, value)| value).collect()
    }

    fn by_round(&self, runtime: &str, workload: &str, figure: Figure) -> Vec<(usize, f64)> {
        self.samples
            .iter()
            .filter(|sample| sample.runtime == runtime && sample.workload == workload)
            .filter_map(|sample| Some((sample.round, figure.of(&sample.fields)?)))
            .collect()
    }

    /// How many times better the subject is than `peer`: above 1 the subject is ahead.
    pub(crate) fn ratio(&self, peer: &str, workload: &str, figure: Figure) -> Option<Ratio> {
        let ours = self.by_round(self.subject(), workload, figure);
        let theirs = self.by_round(peer, workload, figure);
        let pairs: Vec<(f64, f64)> = ours
            .iter()
            .filter_map(|&(round, our)| {
                let (_, their) = theirs.iter().find(|(other, _)| *other == round)?;
                Some(if figure.more_is_better() { (our, *their) } else { (*their, our) })
            })
            .collect();
        Ratio::of(&pairs)
    }

    /// Every figure of every cell, so that other ratios can be taken later.
    pub(crate) fn to_json(&self, machine: &Machine) -> String {
        let Options { workers, runs, quick, .. } = &self.options;
        let mut json = String::from("{\n");
        let mut line = |text: String| json.push_str(&text);
        line(format!("  \"machine\": {},\n", machine.to_json()));
        line(format!("  \"workers\": {workers}, \"runs\": {runs}, \"quick\": {quick},\n"));
        line(format!(
            "  \"subject\": \"{}\", \"failed_cells\": {},\n",
            self.subject(),
            self.failures()
        ));
        line("  \"cells\": [\n".into());
        for (n, sample) in self.samples.iter().enumerate() {
            let comma = if n == 0 { "   " } else { "  ," };
            line(format!("{comma} {}\n", sample.to_json()));
        }
        line("  ],\n  \"rows\": [\n".into());
        for (n, text) in self.rows().flat_map(|row| self.row_json(row)).enumerate() {
            let comma = if n == 0 { "   " } else { "  ," };
            line(format!("{comma} {text}\n"));
        }
        line("  ]\n}\n".into());
        json
    }

    fn row_json(&self, row: &Row) -> Vec<String> {
        let one = |figure: &Figure| {
            let mut text =
                format!("{{\"workload\": \"{}\", \"figure\": \"{}\"", row.workload, figure.key());
            for runtime in &self.options.runtimes {
                let values = self.values(runtime, row.workload, *figure);
                if let Some(median) = super::stats::median(&values) {
                    write!(text, ", \"{runtime}\": {median:.3}")
                        .expect("a String takes every write");
                }
            }
            for peer in self.peers() {
                if let Some(Ratio { mean, low, high }) = self.ratio(peer, row.workload, *figure) {
                    write!(
                        text,
                        ", \"times_better_than_{peer}\": [{mean:.4}, {low:.4}, {high:.4}]"
                    )
                    .expect("a String takes every write");
                }
            }
            text + "}"
        };
        row.figures.iter().map(one).collect()
    }
}

impl Sample {
    fn to_json(&self) -> String {
        let Self { runtime, workload, round, fields } = self;
        let mut text = format!(
            "{{\"runtime\": \"{runtime}\", \"workload\": \"{workload}\", \"round\": {round}"
        );
        for (name, value) in fields {
            write!(text, ", \"{name}\": {value}").expect("a String takes every write");
        }
        text + "}"
    }
}

impl Verdict {
    /// Ahead or behind when the whole interval is.
    pub(crate) fn of(ratio: Ratio) -> Self {
        if ratio.low > 1.0 {
            Self::Ahead
        } else if ratio.high < 1.0 {
            Self::Behind
        } else {
            Self::Level
        }
    }
}
