//! What a command or a step of `ci` ends with.

use std::iter::Sum;
use std::ops::Add;

/// The number of tests that ran, plus the reason when something is wrong.
pub(crate) type Outcome = Result<Tally, Trouble>;

/// Counts of tests, as the test runners report them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The machine lacks something; says what and how to get it.
    Missing(String),
    /// A check failed; `tally` holds the tests that ran before.
    Failed { tally: Tally, why: String },
}

impl Tally {
    /// Nothing was counted: the step is not a test runner.
    pub(crate) const NONE: Self = Self { passed: 0, failed: 0, skipped: 0 };

    /// Reads libtest's summary, `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    pub(crate) fn from_summary(line: &str) -> Option<Self> {
        let (_, counts) = line.trim_start().strip_prefix("test result: ")?.split_once(". ")?;
        let mut tally = Self::NONE;
        for part in counts.split("; ") {
            let (number, kind) = part.split_once(' ')?;
            let Ok(number) = number.parse() else { continue };
            match kind {
                "passed" => tally.passed = number,
                "failed" => tally.failed = number,
                "ignored" => tally.skipped = number,
                _ => {}
            }
        }
        Some(tally)
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::NONE, Add::add)
    }
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self::Failed { tally: Tally::NONE, why }
    }
}

impl From<&str> for Trouble {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

/// Whether a missing tool is a failure rather than a note.
pub(crate) fn must_have_everything() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_of_libtest_is_read() {
        let line = "test result: FAILED. 12 passed; 2 failed; 3 ignored; 0 measured; 4 filtered out; finished in 0.02s";
        let tally = Tally { passed: 12, failed: 2, skipped: 3 };
        assert_eq!(Tally::from_summary(line), Some(tally));
        assert_eq!(Tally::from_summary("test foo ... ok"), None);
    }
}
