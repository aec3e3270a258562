//! Runs every example of every crate and compares what it prints.
//!
//! `<name>.out` beside `<name>.rs` holds the expected output; `…` in it stands for anything within a line.
//! An example that serves for ever is driven by a row of [`DRIVEN`] instead.
//! The examples of a subfolder (`tutorial/`) are for beginners: they must do with the default features, and with a screen.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::manifest::Manifest;
use crate::outcome::{Outcome, Tally, Trouble};
use crate::{serve, sh};

/// An example is small; one that runs longer than this hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// An example's name, and what drives its binary.
type Driven = (&'static str, fn(&Path) -> Result<(), Trouble>);

/// Examples that do not end by themselves.
const DRIVEN: &[Driven] = &[("echo_server", serve::echo)];

/// A beginner's example fits on a screen.
const SCREEN: usize = 60;

#[derive(Debug)]
struct Example {
    package: String,
    name: String,
    folder: PathBuf,
    /// It must do with the default features, and with a screen.
    is_for_beginners: bool,
}

/// Runs them all, however many fail.
pub(crate) fn check() -> Outcome {
    let examples = examples();
    build(&examples)?;
    let mut tally = Tally::NONE;
    let mut failed = Vec::new();
    for example in &examples {
        match example.run() {
            Ok(()) => tally.passed += 1,
            Err(trouble) => {
                eprintln!("{trouble:?}");
                tally.failed += 1;
                failed.push(example.name.as_str());
            }
        }
    }
    match failed.is_empty() {
        true => Ok(tally),
        false => Err(Trouble::Failed { tally, why: format!("examples: {}", failed.join(", ")) }),
    }
}

/// Builds them with as few commands as there are sets of features: those of the beginners, and all.
fn build(examples: &[Example]) -> Result<(), Trouble> {
    let packages: BTreeSet<&str> = examples.iter().map(|one| one.package.as_str()).collect();
    for (package, is_for_beginners) in
        packages.iter().flat_map(|name| [(*name, true), (*name, false)])
    {
        let mut build = sh::cargo(["build", "--quiet", "--package", package]);
        let chosen = examples
            .iter()
            .filter(|one| one.package == package && one.is_for_beginners == is_for_beginners);
        let names: Vec<&str> = chosen.flat_map(|one| ["--example", &one.name]).collect();
        if !is_for_beginners {
            build.arg("--all-features");
        }
        if !names.is_empty() {
            sh::run(build.args(names))?;
        }
    }
    Ok(())
}

fn examples() -> Vec<Example> {
    let mut all = Vec::new();
    for manifest in Manifest::published() {
        let top = sh::root().join("crates").join(&manifest.name).join("examples");
        let mut folders = entries(&top);
        folders.retain(|path| path.is_dir());
        folders.push(top.clone());
        for folder in folders {
            all.extend(names(&folder).into_iter().map(|name| Example {
                package: manifest.name.clone(),
                name,
                is_for_beginners: folder != top,
                folder: folder.clone(),
            }));
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The examples in a folder.
fn names(folder: &Path) -> Vec<String> {
    let files = entries(folder);
    let names = files.iter().filter_map(|path| path.file_name()?.to_str()?.strip_suffix(".rs"));
    names.map(str::to_owned).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

impl Example {
    fn run(&self) -> Result<(), Trouble> {
        if self.is_for_beginners {
            self.fits_on_a_screen()?;
        }
        let binary = sh::target_dir("debug").join("examples").join(&self.name);
        match DRIVEN.iter().find(|(name, _)| *name == self.name) {
            Some((_, drive)) => drive(&binary),
            None => self.compare(&binary),
        }
    }

    fn fits_on_a_screen(&self) -> Result<(), Trouble> {
        let file = self.folder.join(format!("{}.rs", self.name));
        let text = std::fs::read_to_string(&file)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        match text.lines().count() {
            0..=SCREEN => Ok(()),
            n => Err(format!("{} has {n} lines; {SCREEN} are enough", file.display()).into()),
        }
    }

    fn compare(&self, binary: &Path) -> Result<(), Trouble> {
        let file = self.folder.join(format!("{}.out", self.name));
        let expected =
            std::fs::read_to_string(&file).map_err(|_| format!("{} is missing", file.display()))?;
        let printed =
            sh::output_within(&mut sh::program(&binary.to_string_lossy(), [""; 0]), LIMIT)?;
        same(&expected, &printed).map_err(|what| format!("example {}: {what}", self.name).into())
    }
}

/// Compares line by line; `…` stands for anything within a line.
pub(crate) fn same(expected: &str, printed: &str) -> Result<(), String> {
    let (mut left, mut right) = (expected.trim_end().lines(), printed.trim_end().lines());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ok(()),
            (Some(expected), Some(printed)) if matches(expected, printed) => {}
            (expected, printed) => {
                return Err(format!("expected {expected:?}, printed {printed:?}"));
            }
        }
    }
}

fn matches(expected: &str, printed: &str) -> bool {
    let mut parts = expected.trim_end().split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = printed.trim_end().strip_prefix(first) else { return false };
    let mut open = false;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        open = part.is_empty();
    }
    open || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ellipsis_stands_for_anything_within_a_line() {
        assert_eq!(same("a … c\nd\n", "a 1 2 c\nd"), Ok(()));
        assert_eq!(same("took …", "took 3 ms"), Ok(()));
        assert!(same("a … c", "a b").is_err());
        assert!(same("a", "a b").is_err());
        assert!(same("a\nb", "a").is_err());
    }
}
