//! The files of the project, and views of them.

use std::fmt;
use std::path::Path;

use crate::sh;

/// Folders that hold no source of ours.
const SKIPPED: &[&str] = &["target", ".git", "results", "node_modules"];

/// Something to put right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// One text file, named by its path from the root.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(crate) fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }

    /// Whether the file is part of a published crate's library.
    pub(crate) fn is_library(&self) -> bool {
        self.is_rust()
            && self.path.starts_with("crates/")
            && self.path.contains("/src/")
            && !self.is_test()
    }

    /// Whether the whole file serves tests: ours, or those of whoever swaps a part.
    pub(crate) fn is_test(&self) -> bool {
        const FOLDERS: &[&str] =
            &["tests", "benches", "examples", "loom_tests", "conformance", "testing"];
        let of_crate = self.path.strip_prefix("crates/").unwrap_or_default();
        let in_folder = of_crate.split('/').any(|part| FOLDERS.contains(&part));
        in_folder || of_crate.ends_with("tests.rs") || of_crate.ends_with("/testing.rs")
    }

    /// Whether it holds loom models.
    pub(crate) fn has_loom_tests(&self) -> bool {
        self.is_rust()
            && (self.path.contains("/loom_tests") || self.text.contains("mod loom_tests {"))
    }

    /// The package under `crates/`, when the file is of one.
    pub(crate) fn package(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Lines with their numbers from 1, up to the first test module that is written out in this file.
    pub(crate) fn production(&self) -> Vec<(usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let end = (0..lines.len()).find(|&at| starts_tests(&lines[at..])).unwrap_or(lines.len());
        lines[..end].iter().enumerate().map(|(at, line)| (at + 1, *line)).collect()
    }

    pub(crate) fn problem(&self, line: usize, what: impl Into<String>) -> Problem {
        Problem { path: self.path.clone(), line, what: what.into() }
    }
}

/// Whether these lines begin with `#[cfg(… test …)] mod name {`, other attributes between.
fn starts_tests(lines: &[&str]) -> bool {
    let Some(first) = lines.first().map(|line| line.trim()) else { return false };
    if !(first.starts_with("#[cfg(test") || first.starts_with("#[cfg(all(test")) {
        return false;
    }
    let item = lines
        .iter()
        .map(|line| line.trim())
        .find(|line| !line.starts_with('#') && !line.starts_with("//"));
    item.is_some_and(|item| item.contains("mod ") && item.ends_with('{'))
}

/// The code of a line: without its comment, its strings emptied.
pub(crate) fn code(line: &str) -> String {
    let mut code = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '/' if characters.peek() == Some(&'/') => break,
            '"' => {
                code.push_str("\"\"");
                skip_string(&mut characters);
            }
            _ => code.push(c),
        }
    }
    code
}

fn skip_string(characters: &mut impl Iterator<Item = char>) {
    while let Some(c) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            '"' => return,
            _ => {}
        }
    }
}

/// Whether `word` stands in `text` as a word of its own.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(of_word) && !after.is_some_and(of_word)
    })
}

/// All text files of the project.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<Source>,
}

impl Tree {
    pub(crate) fn read() -> Self {
        let mut tree = Self::default();
        tree.add(sh::root(), "");
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        tree
    }

    fn add(&mut self, folder: &Path, prefix: &str) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let of_ours = [".rs", ".md"].iter().any(|ending| name.ends_with(ending));
            if entry.path().is_dir() && !SKIPPED.contains(&name.as_str()) {
                self.add(&entry.path(), &format!("{path}/"));
            } else if of_ours {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                self.files.push(Source { path, text });
            }
        }
    }

    /// Applies a rule of one file to all.
    pub(crate) fn each(&self, rule: fn(&Source) -> Vec<Problem>) -> impl Iterator<Item = Problem> {
        self.files.iter().flat_map(rule)
    }
}

/// A Rust file of a library, for the tests of rules.
#[cfg(test)]
pub(crate) fn library(text: &str) -> Source {
    Source { path: "crates/filch-core/src/sample.rs".into(), text: text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_no_code() {
        assert_eq!(code(r#"let a = "unsafe \" b"; // unsafe"#), r#"let a = ""; "#);
        assert!(has_word("pub unsafe fn", "unsafe"));
        assert!(!has_word("unsafe_op_in_unsafe_fn", "unsafe"));
    }

    #[test]
    fn production_ends_where_tests_begin() {
        let file = library("fn a() {}\n#[cfg(all(test, not(filch_loom)))]\nmod tests {\n}\n");
        assert_eq!(file.production(), [(1, "fn a() {}")]);
        let file = library("#[cfg(test)]\nmod tests;\nfn a() {}\n");
        assert_eq!(file.production().len(), 3);
    }
}
