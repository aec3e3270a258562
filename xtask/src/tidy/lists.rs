//! Lists of files that do something special, one reason each: adding a file is a line that somebody reviews.

use super::source::{Problem, Source, Tree, code, has_word};
use crate::sh;

/// A list under `xtask/`, what its files do, and how to tell.
struct List {
    file: &'static str,
    does: &'static str,
    test: fn(&Source) -> bool,
}

const LISTS: &[List] = &[
    List { file: "unsafe-files.txt", does: "has `unsafe`", test: has_unsafe },
    List { file: "platform-files.txt", does: "asks for a platform", test: asks_platform },
    List {
        file: "std-sync-files.txt",
        does: "takes atomics, locks or threads from std",
        test: takes_from_std,
    },
];

/// Every file that does what a list is about stands in it with a reason, and no other.
pub(crate) fn special_files_are_listed(tree: &Tree) -> Vec<Problem> {
    LISTS.iter().flat_map(|list| compare(list, &list.read(), tree)).collect()
}

impl List {
    fn read(&self) -> String {
        std::fs::read_to_string(sh::root().join("xtask").join(self.file)).unwrap_or_default()
    }
}

fn compare(list: &List, text: &str, tree: &Tree) -> Vec<Problem> {
    let path = format!("xtask/{}", list.file);
    let problem = |line, what| Problem { path: path.clone(), line, what };
    let mut problems = Vec::new();
    let mut listed = Vec::new();
    for (line, entry) in entries(text) {
        let (name, reason) = entry.split_once(": ").unwrap_or((entry, ""));
        listed.push(name);
        if reason.trim().is_empty() {
            problems.push(problem(line, format!("`{name}` has no reason (`path: reason`)")));
        }
        if !tree.files.iter().any(|file| file.path == name && (list.test)(file)) {
            problems
                .push(problem(line, format!("`{name}` is listed, but no such file {}", list.does)));
        }
    }
    let special = tree.files.iter().filter(|file| file.is_rust() && (list.test)(file));
    let unlisted = special.filter(|file| !listed.contains(&file.path.as_str()));
    problems.extend(
        unlisted.map(|file| file.problem(1, format!("{}, but is not in {path}", list.does))),
    );
    problems
}

/// A list's lines, without comments.
pub(crate) fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn has_unsafe(file: &Source) -> bool {
    let ours = file.path.starts_with("crates/") || file.path.starts_with("benches/");
    ours && !file.is_test() && file.text.lines().any(|line| has_word(&code(line), "unsafe"))
}

fn asks_platform(file: &Source) -> bool {
    const WORDS: &[&str] =
        &["target_os", "unix", "windows", "target_family", "target_arch", "target_env"];
    let asks = |line: &str| {
        let line = code(line);
        // A `cfg` over several lines has its predicates on lines of their own.
        let is_cfg = line.contains("cfg") || line.trim_start().starts_with("target_");
        is_cfg && WORDS.iter().any(|word| has_word(&line, word))
    };
    file.is_library() && file.production().iter().any(|(_, line)| asks(line))
}

fn takes_from_std(file: &Source) -> bool {
    const PATHS: &[&str] =
        &["std::sync::atomic", "std::sync::Mutex", "std::sync::RwLock", "std::sync::Condvar"];
    const THREADS: &[&str] =
        &["use std::thread", "std::thread::spawn", "std::thread::park", "std::thread::Builder"];
    let takes = |line: &str| {
        let line = code(line);
        PATHS.iter().chain(THREADS).any(|path| line.contains(path)) || is_sync_group(&line)
    };
    file.is_library() && file.production().iter().any(|(_, line)| takes(line))
}

/// `use std::sync::{…, Mutex, …}`.
fn is_sync_group(line: &str) -> bool {
    let Some((_, group)) = line.split_once("use std::sync::{") else { return false };
    ["atomic", "Mutex", "Condvar", "RwLock"].iter().any(|word| has_word(group, word))
}

#[cfg(test)]
mod tests {
    use super::super::source::library;
    use super::*;

    fn problems(list: &str, text: &str) -> Vec<String> {
        let tree = Tree { files: vec![library(text)] };
        compare(&LISTS[0], list, &tree).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn unsafe_outside_the_list_is_refused() {
        assert_eq!(problems("", "unsafe { x() }").len(), 1);
        assert_eq!(problems("", "// unsafe\nfn a() {}"), [""; 0]);
    }

    #[test]
    fn a_line_without_reason_or_without_cause_is_refused() {
        let path = "crates/filch-core/src/sample.rs";
        assert_eq!(problems(&format!("# note\n{path}: a reason\n"), "unsafe { x() }"), [""; 0]);
        assert_eq!(problems(&format!("{path}:\n"), "unsafe { x() }").len(), 3);
        assert_eq!(problems(&format!("{path}: a reason\n"), "fn a() {}").len(), 1);
    }

    #[test]
    fn std_atomics_and_platforms_are_seen() {
        assert!(takes_from_std(&library("use std::sync::{Arc, Mutex};")));
        assert!(takes_from_std(&library("use std::thread;")));
        assert!(!takes_from_std(&library("use std::sync::Arc;")));
        assert!(asks_platform(&library("#[cfg(target_os = \"linux\")]")));
        assert!(asks_platform(&library("#[cfg(any(\n    target_os = \"linux\",\n))]")));
        assert!(!asks_platform(&library("mod unix;")));
    }
}
