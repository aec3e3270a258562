//! Words, numbers and links.

use super::source::{Problem, Source, Tree, has_word};
use crate::sh;

/// Refused everywhere but in the file that refuses them.
const BANNED: &[(&str, &str)] = &[
    ("TODO", "an issue, not a note in the source"),
    ("FIXME", "an issue, not a note in the source"),
    ("XXX", "an issue, not a note in the source"),
    ("todo!", "write it or leave it out"),
    ("unimplemented!", "write it or leave it out"),
];

/// No unfinished business in the sources, no wish in place of a reason.
pub(crate) fn no_banned_words(file: &Source) -> Vec<Problem> {
    if file.path == "xtask/src/tidy/prose.rs" {
        return Vec::new();
    }
    let lines = || file.text.lines().enumerate();
    let words = lines().flat_map(|(at, line)| {
        let hits = BANNED.iter().filter(|(word, _)| has_word(line, word));
        hits.map(move |(word, why)| file.problem(at + 1, format!("`{word}`: {why}")))
            .collect::<Vec<_>>()
    });
    let wishes =
        lines().filter(|(_, line)| line.contains("SAFETY:") && line.contains("as required"));
    let wishes =
        wishes.map(|(at, _)| file.problem(at + 1, "`as required` names a wish, not a reason"));
    words.chain(wishes).collect()
}

/// `(design 0007)` leads to `docs/design/0007-….md`.
pub(crate) fn design_numbers_exist(tree: &Tree) -> Vec<Problem> {
    let notes: Vec<&str> =
        tree.files.iter().filter_map(|file| file.path.strip_prefix("docs/design/")).collect();
    let exists = |number: &str| notes.iter().any(|note| note.starts_with(&format!("{number}-")));
    let cited = |file: &Source| -> Vec<Problem> {
        let lines = file.text.lines().enumerate();
        let numbers =
            lines.flat_map(|(at, line)| design_numbers(line).map(move |number| (at + 1, number)));
        let dead = numbers.filter(|(_, number)| !exists(number));
        dead.map(|(line, number)| file.problem(line, format!("there is no design {number}")))
            .collect()
    };
    let citing = tree.files.iter().filter(|file| !file.path.starts_with("xtask/"));
    citing.flat_map(cited).collect()
}

/// The four-digit numbers in `(design 0003)` and `(design 0003, 0004)`.
fn design_numbers(line: &str) -> impl Iterator<Item = &str> {
    let lists = line.split("(design ").skip(1).map(|rest| rest.split(')').next().unwrap_or(rest));
    let words = lists.flat_map(|list| list.split(|c: char| !c.is_ascii_digit()));
    words.filter(|word| word.len() == 4)
}

/// Every relative link in a Markdown file leads to a file or folder.
pub(crate) fn links_lead_somewhere(tree: &Tree) -> Vec<Problem> {
    let documents = tree.files.iter().filter(|file| file.is_markdown());
    documents.flat_map(|file| dead_links(file, |path| sh::root().join(path).exists())).collect()
}

fn dead_links(file: &Source, exists: impl Fn(&str) -> bool) -> Vec<Problem> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    // A protocol's README becomes rustdoc, where a link may name an item; rustdoc checks those.
    let in_rustdoc = file.path.contains("/src/");
    let mut fenced = false;
    let mut problems = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        for target in links(line).filter(|_| !fenced) {
            let path = target.split('#').next().unwrap_or(target);
            let is_item = in_rustdoc && (path.contains("::") || !path.contains(['/', '.']));
            if !path.is_empty()
                && !is_item
                && !exists(format!("{folder}/{path}").trim_start_matches('/'))
            {
                problems.push(file.problem(at + 1, format!("dead link `{target}`")));
            }
        }
    }
    problems
}

/// The relative targets of `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets =
        line.split("](").skip(1).map(|rest| rest.split([')', ' ']).next().unwrap_or(rest));
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

/// The changelog has a place for the next change.
pub(crate) fn changelog_is_open(tree: &Tree) -> Vec<Problem> {
    let changelog = tree.files.iter().find(|file| file.path == "CHANGELOG.md");
    match changelog {
        Some(file) if file.text.contains("\n## [Unreleased]") => Vec::new(),
        _ => vec![Problem {
            path: "CHANGELOG.md".into(),
            line: 1,
            what: "no `## [Unreleased]`".into(),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::library;
    use super::*;

    fn page(text: &str) -> Source {
        Source { path: "docs/page.md".into(), text: text.into() }
    }

    #[test]
    fn unfinished_business_is_refused() {
        assert_eq!(no_banned_words(&library("// TODO: x\n// FIXME\ntodo!()")).len(), 3);
        assert_eq!(no_banned_words(&library("// SAFETY: as required.")).len(), 1);
        assert_eq!(no_banned_words(&library("let todos = 1;")), []);
    }

    #[test]
    fn a_design_number_without_note_is_refused() {
        let note = Source { path: "docs/design/0003-x.md".into(), text: String::new() };
        let tree = Tree { files: vec![note, library("// (design 0003)\n// (design 0003, 0099)")] };
        let problems = design_numbers_exist(&tree);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, 2);
    }

    #[test]
    fn a_dead_link_is_refused() {
        let page =
            page("[a](b.md) [c](https://x/y) [d](#e) [f](../README.md#g)\n```\n[x](y)\n```\n");
        let problems = dead_links(&page, |path| path == "docs/../README.md");
        assert_eq!(
            problems.iter().map(|problem| problem.what.as_str()).collect::<Vec<_>>(),
            ["dead link `b.md`"]
        );
    }

    #[test]
    fn a_closed_changelog_is_refused() {
        assert_eq!(changelog_is_open(&Tree::default()).len(), 1);
    }
}
