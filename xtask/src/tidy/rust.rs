//! Rules of shape for Rust files.

use super::source::{Problem, Source, code, has_word};

const CHECKERS: &[&str] = &["filch_loom", "filch_shuttle", "filch_tsan", "filch_boxed"];

/// Library files that may ask for a checker, each with its reason.
#[rustfmt::skip] // A file is a row.
const CHECKED: &[(&str, &str)] = &[
    ("crates/filch-core/src/lib.rs", "no checker runs the conformance suites"),
    ("crates/filch-core/src/sys.rs", "the one place that chooses"),
    ("crates/filch-core/src/task/state.rs", "a wake count of two, so that a model reaches its limit"),
    ("crates/filch-scheduler/src/queue.rs", "crossbeam-deque is not loom-aware; its stand-in is imported here"),
];

/// Our checker cfgs stand only where a checker is chosen, and on tests.
pub(crate) fn checkers_stay_in_their_files(file: &Source) -> Vec<Problem> {
    let excused = CHECKED.iter().any(|(path, _)| file.path == *path)
        || file.path.contains("filch-core/src/sys/");
    if !file.is_library() || excused {
        return Vec::new();
    }
    let asks = |line: &str| {
        let code = code(line);
        CHECKERS.iter().any(|name| has_word(&code, name)) && !has_word(&code, "test")
    };
    let wrong = file.production().into_iter().filter(|(_, line)| asks(line));
    wrong.map(|(number, _)| file.problem(number, "a checker cfg outside `sys` and tests")).collect()
}

/// A file says first what it is.
pub(crate) fn module_doc_first(file: &Source) -> Vec<Problem> {
    let first = file.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let documented = first.starts_with("//!") || first.starts_with("#!");
    if !file.is_rust() || documented {
        Vec::new()
    } else {
        vec![file.problem(1, "no module doc (`//!`) on top")]
    }
}

/// A public function that awaits says what happens when it is dropped halfway.
pub(crate) fn async_says_cancel_safety(file: &Source) -> Vec<Problem> {
    if !file.is_library() {
        return Vec::new();
    }
    let lines = file.production();
    let begins = |line: &str| {
        let line = line.trim_start();
        line.starts_with("pub async fn ") || line.starts_with("pub async unsafe fn ")
    };
    let wrong = (0..lines.len())
        .filter(|&at| begins(lines[at].1) && !doc_above(&lines, at, "# Cancel safety"));
    wrong
        .map(|at| file.problem(lines[at].0, "a public `async fn` without `# Cancel safety`"))
        .collect()
}

fn doc_above(lines: &[(usize, &str)], at: usize, section: &str) -> bool {
    let above = lines[..at].iter().rev().map(|(_, line)| line.trim());
    above
        .take_while(|line| line.starts_with("///") || line.starts_with('#'))
        .any(|line| line.contains(section))
}

/// Beyond this a file likely holds two ideas.
const MAX_FILE: usize = 700;
/// Beyond this a function likely decides and acts.
const MAX_FUNCTION: usize = 100;

/// Long files and functions.
pub(crate) fn sizes(file: &Source) -> Vec<Problem> {
    if !file.is_rust() {
        return Vec::new();
    }
    let lines = file.production();
    let mut problems = Vec::new();
    if lines.len() > MAX_FILE {
        problems.push(file.problem(1, format!("{} lines before the tests", lines.len())));
    }
    let functions = (0..lines.len()).filter(|&at| begins_function(lines[at].1));
    let long = functions
        .map(|at| (lines[at].0, function_length(&lines[at..])))
        .filter(|(_, n)| *n > MAX_FUNCTION);
    problems
        .extend(long.map(|(number, n)| file.problem(number, format!("a function of {n} lines"))));
    problems
}

fn begins_function(line: &str) -> bool {
    let code = code(line);
    has_word(&code, "fn") && !code.trim_start().starts_with("type ") && code.contains('(')
}

/// Up to the closing brace in the column where the function began; rustfmt puts it there.
fn function_length(lines: &[(usize, &str)]) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let begin = indent(lines[0].1);
    if lines[0].1.trim_end().ends_with([';', '}']) {
        return 1;
    }
    let closes = |line: &str| {
        indent(line) == begin && (line.trim() == "}" || line.trim_end().ends_with(';'))
    };
    lines.iter().skip(1).position(|(_, line)| closes(line)).map_or(lines.len(), |at| at + 2)
}

#[cfg(test)]
mod tests {
    use super::super::source::library;
    use super::*;

    #[test]
    fn a_checker_outside_tests_is_refused() {
        assert_eq!(
            checkers_stay_in_their_files(&library("#[cfg(not(filch_loom))]\nfn a() {}")).len(),
            1
        );
        assert_eq!(
            checkers_stay_in_their_files(&library(
                "#[cfg(all(test, filch_loom))]\nmod loom_tests;"
            )),
            []
        );
    }

    #[test]
    fn a_file_without_doc_is_refused() {
        assert_eq!(module_doc_first(&library("use std::fmt;")).len(), 1);
        assert_eq!(module_doc_first(&library("//! A thing.\n")), []);
    }

    #[test]
    fn an_async_fn_without_cancel_safety_is_refused() {
        assert_eq!(async_says_cancel_safety(&library("/// Waits.\npub async fn a() {}")).len(), 1);
        let told =
            "/// Waits.\n///\n/// # Cancel safety\n/// Safe.\n#[inline]\npub async fn a() {}";
        assert_eq!(async_says_cancel_safety(&library(told)), []);
    }

    #[test]
    fn a_long_function_is_measured_to_its_brace() {
        let text = format!("fn a() {{\n{}}}\nfn b() {{}}\n", "    x();\n".repeat(120));
        let problems = sizes(&library(&text));
        assert_eq!(problems.len(), 1);
        assert!(problems[0].what.contains("122"));
    }
}
