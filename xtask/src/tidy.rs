//! Checks what no lint can: the crate graph, the lists of special files, orderings, numbers, links, words, sizes.
//!
//! A rule is a function from a file to its problems, so each is tested on small inputs that it must refuse.

mod graph;
mod lists;
mod orderings;
mod prose;
mod rust;
mod source;

use crate::outcome::{Outcome, Tally};
pub(crate) use source::Tree;
use source::{Problem, Source};

/// What looks at one file at a time.
const FILE_RULES: &[fn(&Source) -> Vec<Problem>] = &[
    orderings::each_ordering_argues,
    orderings::no_seqcst_but_fences,
    prose::no_banned_words,
    rust::checkers_stay_in_their_files,
    rust::module_doc_first,
    rust::async_says_cancel_safety,
];

/// What looks at all files.
const TREE_RULES: &[fn(&Tree) -> Vec<Problem>] = &[
    graph::edges_go_down,
    graph::nothing_forbidden,
    lists::special_files_are_listed,
    orderings::each_protocol_has_a_model,
    prose::design_numbers_exist,
    prose::links_lead_somewhere,
    prose::changelog_is_open,
];

/// What only warns.
const WARNINGS: &[fn(&Source) -> Vec<Problem>] = &[rust::sizes];

/// As [`check`]; takes no arguments.
pub(crate) fn run(_: &[String]) -> Outcome {
    check()
}

/// Prints every problem as `file:line: what`, and fails if there is one.
pub(crate) fn check() -> Outcome {
    let tree = Tree::read();
    for warning in WARNINGS.iter().flat_map(|rule| tree.each(*rule)) {
        eprintln!("warning: {warning}");
    }
    let of_files = FILE_RULES.iter().flat_map(|rule| tree.each(*rule));
    let of_tree = TREE_RULES.iter().flat_map(|rule| rule(&tree));
    let problems: Vec<Problem> = of_files.chain(of_tree).collect();
    for problem in &problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => Ok(Tally::NONE),
        n => Err(format!("tidy: {n} problems").into()),
    }
}
