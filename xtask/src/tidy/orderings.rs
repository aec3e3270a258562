//! Memory orderings argue for themselves, and a model checks the argument.

use super::source::{Problem, Source, Tree, code, has_word};

/// How far above an ordering its argument may begin: a multi-line call, or a comment of some lines.
const REACH: usize = 16;

/// Files whose orderings no loom model reaches, each with its reason.
#[rustfmt::skip] // A file is a row.
const WITHOUT_MODEL: &[(&str, &str)] = &[
    ("crates/filch-io/src/per_process.rs", "a static; one pointer, published once in each process"),
    ("crates/filch-io/src/signal/table.rs", "statics; flags, a pipe and its owner, each published once"),
    ("crates/filch/src/runtime/park.rs", "a lock bit and a count for virtual time; the conformance suites cover them"),
    ("crates/filch/src/runtime/wiring.rs", "counts a root as core's `block_on` does"),
];

/// Every ordering stronger than `Relaxed` has an `ORDERING:` comment at hand.
pub(crate) fn each_ordering_argues(file: &Source) -> Vec<Problem> {
    if !file.is_library() {
        return Vec::new();
    }
    let lines = file.production();
    let strong = lines.iter().enumerate().filter(|(_, (_, line))| names_strong_ordering(line));
    let silent = strong.filter(|(at, _)| !argues(&lines, *at));
    silent
        .map(|(_, (number, _))| {
            file.problem(*number, "a strong ordering without an `ORDERING:` comment")
        })
        .collect()
}

fn names_strong_ordering(line: &str) -> bool {
    let code = code(line);
    let imports =
        code.trim_start().starts_with("use ") || code.trim_start().starts_with("pub use ");
    !imports
        && ["Acquire", "Release", "AcqRel", "SeqCst"].iter().any(|word| is_argument(&code, word))
}

/// Whether `word` ends an argument, as an ordering does; a type of that name is followed by something else.
fn is_argument(code: &str, word: &str) -> bool {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([',', ')']);
    has_word(code, word) && code.match_indices(word).any(|(at, _)| ends(&code[at + word.len()..]))
}

/// Looks upward, past at most [`REACH`] lines and within the function, and at the line itself and the next.
fn argues(lines: &[(usize, &str)], at: usize) -> bool {
    let begin = at.saturating_sub(REACH);
    let end = (at + 2).min(lines.len());
    lines[begin..end].iter().any(|(_, line)| line.contains("ORDERING:"))
}

/// `SeqCst` stands in fences only: elsewhere the point where store meets load cannot be seen.
pub(crate) fn no_seqcst_but_fences(file: &Source) -> Vec<Problem> {
    if !file.is_library() {
        return Vec::new();
    }
    let lines = file.production();
    let wrong = lines.iter().filter(|(_, line)| {
        let code = code(line);
        has_word(&code, "SeqCst")
            && !code.contains("fence(")
            && !code.trim_start().starts_with("use ")
    });
    wrong.map(|(number, _)| file.problem(*number, "`SeqCst` outside a fence")).collect()
}

/// A crate that argues about orderings has a loom model with a broken twin.
pub(crate) fn each_protocol_has_a_model(tree: &Tree) -> Vec<Problem> {
    let argues = |file: &&Source| file.is_library() && file.text.contains("ORDERING:");
    let excused = |file: &Source| WITHOUT_MODEL.iter().any(|(path, _)| *path == file.path);
    let modeled = |package: Option<&str>| {
        let of_package =
            tree.files.iter().filter(|file| file.is_rust() && file.package() == package);
        of_package.filter(|file| has_model(file)).count() != 0
    };
    let lacking =
        tree.files.iter().filter(argues).filter(|file| !excused(file) && !modeled(file.package()));
    lacking
        .map(|file| file.problem(1, "argues about orderings, but its crate has no loom model"))
        .collect()
}

fn has_model(file: &Source) -> bool {
    file.has_loom_tests() && file.text.contains("fn broken_")
}

#[cfg(test)]
mod tests {
    use super::super::source::library;
    use super::*;

    #[test]
    fn an_ordering_without_argument_is_refused() {
        assert_eq!(each_ordering_argues(&library("a.load(Acquire);")).len(), 1);
        assert_eq!(
            each_ordering_argues(&library("// ORDERING: [x] pairs with y.\na.load(Acquire);")),
            []
        );
        assert_eq!(each_ordering_argues(&library("a.load(Relaxed); // not Acquire")), []);
        assert_eq!(each_ordering_argues(&library("fn a() -> Acquire<'_> { Acquire { a } }")), []);
        assert_eq!(each_ordering_argues(&library("use Ordering::{Acquire, Release};")), []);
        let far = format!("// ORDERING: x\n{}a.load(Acquire);", "\n".repeat(20));
        assert_eq!(each_ordering_argues(&library(&far)).len(), 1);
    }

    #[test]
    fn seqcst_is_for_fences() {
        assert_eq!(no_seqcst_but_fences(&library("a.store(1, SeqCst);")).len(), 1);
        assert_eq!(no_seqcst_but_fences(&library("fence(SeqCst);")), []);
    }

    #[test]
    fn an_argument_without_a_model_is_refused() {
        let argues = || library("// ORDERING: x");
        let tree = Tree { files: vec![argues()] };
        assert_eq!(each_protocol_has_a_model(&tree).len(), 1);
        let model = Source {
            path: "crates/filch-core/src/task/loom_tests.rs".into(),
            text: "fn broken_x() {}".into(),
        };
        assert_eq!(each_protocol_has_a_model(&Tree { files: vec![argues(), model] }), []);
    }
}
