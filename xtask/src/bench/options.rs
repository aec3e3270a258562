//! What the command line of `cargo xtask bench` may say.

use super::rows;

pub(crate) const USAGE: &str = "\
usage: cargo xtask bench [workload]… [options]
  --only A,B       these workloads, as naming them does
  --against A,B    these peers (tokio,smol,flume,kanal,bare), each in the rows it has
  --workers N      worker threads of every runtime (2)
  --runs N         rounds, each with a fresh process per cell (5)
  --quick          3 rounds of a fifth of the size: a look, not a measurement
  --save           keep the JSON in benches/results, and for a run of all workloads
                   docs/benchmarks.md; a run of everything in full size does so unasked
  --subject R      compare another runtime than filch with its peers";

/// Runtimes first; then what has only a few rows, and costs a run next to nothing.
const PEERS: [&str; 5] = ["tokio", "smol", "flume", "kanal", "bare"];

/// A parsed command line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// The subject first, then the peers it is compared with.
    pub(crate) runtimes: Vec<String>,
    /// Empty for all workloads.
    pub(crate) only: Vec<String>,
    pub(crate) workers: usize,
    pub(crate) runs: usize,
    pub(crate) quick: bool,
    save: bool,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let (mut subject, mut against) = ("filch".to_owned(), PEERS.map(String::from).to_vec());
        let (mut only, mut workers, mut runs) = (Vec::new(), 2, None);
        let (mut quick, mut save) = (false, false);
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().cloned().ok_or_else(|| format!("{word} wants a value\n{USAGE}"));
            match word.as_str() {
                "--only" => only.extend(list(&value()?)),
                "--against" => against = list(&value()?),
                "--subject" => subject = value()?,
                "--workers" => workers = count(&value()?)?,
                "--runs" => runs = Some(count(&value()?)?),
                "--quick" => quick = true,
                "--save" => save = true,
                name if !name.starts_with('-') => only.push(name.to_owned()),
                _ => return Err(format!("no option {word}\n{USAGE}")),
            }
        }
        if let Some(unknown) = only.iter().find(|name| !rows::is_workload(name)) {
            let known = rows::workloads(&[]).join(" ");
            return Err(format!("no workload {unknown}; there are: {known}"));
        }
        against.retain(|peer| *peer != subject);
        let runtimes = std::iter::once(subject).chain(against).collect();
        let runs = runs.unwrap_or(if quick { 3 } else { 5 });
        Ok(Self { runtimes, only, workers, runs, quick, save })
    }

    /// What multiplies the repetitions of a workload.
    pub(crate) fn scale(&self) -> f64 {
        if self.quick { 0.2 } else { 1.0 }
    }

    /// Whether the results go into the tree.
    pub(crate) fn keeps(&self) -> bool {
        self.save || (self.only.is_empty() && !self.quick && self.runs >= 5)
    }

    /// What a file name says about a run that is not a full one.
    pub(crate) fn suffix(&self) -> String {
        let part = if self.only.is_empty() { "" } else { "-part" };
        let quick = if self.quick { "-quick" } else { "" };
        let workers = match self.workers {
            2 => String::new(),
            n => format!("-{n}workers"),
        };
        format!("{part}{quick}{workers}")
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').filter(|name| !name.is_empty()).map(String::from).collect()
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..) => Ok(n),
        _ => Err(format!("{text:?} is no count above zero\n{USAGE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_bare_run_measures_everything_against_all_peers_and_is_kept() {
        let options = parse("").expect("no words are fine");
        assert_eq!(options.runtimes, ["filch", "tokio", "smol", "flume", "kanal", "bare"]);
        assert_eq!((options.workers, options.runs, options.scale()), (2, 5, 1.0));
        assert!(options.keeps());
    }

    #[test]
    fn a_quick_or_partial_run_is_kept_only_when_asked_to() {
        assert!(!parse("--quick").expect("valid").keeps());
        assert!(!parse("yield_one --runs 10").expect("valid").keeps());
        assert!(parse("--quick --save").expect("valid").keeps());
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert!(parse("--only yield_won").expect_err("a typo").contains("yield_won"));
        assert!(parse("--workers 0").expect_err("none").contains("\"0\""));
        assert!(parse("--runs").expect_err("no value").contains("--runs"));
        assert!(parse("--fast").expect_err("no such option").contains("--fast"));
    }
}
