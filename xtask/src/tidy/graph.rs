//! The crate graph (docs/architecture.md): edges go down only, and some crates never appear.

use super::source::{Problem, Tree};
use crate::manifest::Manifest;
use crate::sh;

/// Which of our crates each may depend on. The facade may name all.
const EDGES: &[(&str, &[&str])] = &[
    ("filch-core", &[]),
    ("filch-macros", &[]),
    ("filch-driver", &["filch-core"]),
    ("filch-timer", &["filch-core"]),
    ("filch-sync", &["filch-core"]),
    ("filch-scheduler", &["filch-core"]),
    ("filch-task", &["filch-core", "filch-sync", "filch-timer"]),
    ("filch-io", &["filch-core", "filch-sync", "filch-timer"]),
];

/// Runtimes that are no part of this one.
const FORBIDDEN: &[&str] = &[
    "tokio",
    "mio",
    "async-executor",
    "async-io",
    "async-task",
    "smol",
    "async-std",
    "async-global-executor",
];

/// The feature whose foreign crate brings what is forbidden otherwise: hyper uses tokio's channels, not its runtime.
const EXCUSED: (&str, &str) = ("hyper", "tokio");

/// Who may name one of them, by which feature, and with none of that crate's own: tokio's traits come without its
/// runtime.
const BARE: (&str, &str, &str) = ("filch-io", "tokio-io", "tokio");

/// Each manifest under `crates/` names only crates below its own.
pub(crate) fn edges_go_down(_: &Tree) -> Vec<Problem> {
    Manifest::published().iter().flat_map(wrong_edges).collect()
}

fn wrong_edges(manifest: &Manifest) -> Vec<Problem> {
    let path = format!("crates/{}/Cargo.toml", manifest.name);
    let problem = |what: String| Problem { path: path.clone(), line: 1, what };
    if manifest.name == "filch" {
        return Vec::new();
    }
    let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == manifest.name) else {
        return vec![problem(format!(
            "`{}` has no floor; add it to EDGES in xtask",
            manifest.name
        ))];
    };
    let ours = |name: &&String| name.starts_with("filch");
    let all = manifest.dependencies.iter().chain(&manifest.dev_dependencies).filter(ours);
    let wrong = all.filter(|name| **name != manifest.name && !allowed.contains(&name.as_str()));
    wrong
        .map(|name| {
            problem(format!(
                "edge {} → {name} does not go down (docs/architecture.md)",
                manifest.name
            ))
        })
        .collect()
}

/// No crate under `crates/` names or brings another runtime's parts, whatever the features.
pub(crate) fn nothing_forbidden(_: &Tree) -> Vec<Problem> {
    Manifest::published().iter().flat_map(forbidden).collect()
}

fn forbidden(manifest: &Manifest) -> Vec<Problem> {
    let ((feature, excused), (namer, bare_feature, bare)) = (EXCUSED, BARE);
    let direct = manifest
        .dependencies
        .iter()
        .filter(|name| manifest.name != namer || *name != bare)
        .chain(&manifest.dev_dependencies)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    let mut found: Vec<&str> = named_in(&direct).collect();
    let without = |left_out: &[&str]| {
        let features = manifest.features.iter().map(String::as_str);
        let features: Vec<&str> = features.filter(|name| !left_out.contains(name)).collect();
        tree(&manifest.name, &["--no-default-features", "--features", &features.join(",")])
    };
    found.extend(named_in(&without(&[feature, bare_feature])));
    found.extend(named_in(&without(&[feature])).filter(|name| *name != bare));
    found.extend(
        named_in(&tree(&manifest.name, &["--all-features"])).filter(|name| *name != excused),
    );
    found.extend(with_features(&without(&[feature]), bare).then_some(bare));
    found.sort_unstable();
    found.dedup();
    let path = format!("crates/{}/Cargo.toml", manifest.name);
    let problem = |name| Problem {
        path: path.clone(),
        line: 1,
        what: format!("`{name}` is in the dependency tree"),
    };
    found.into_iter().map(problem).collect()
}

/// Every crate a package is built with, and its features, one on a line.
fn tree(package: &str, features: &[&str]) -> String {
    let args = ["tree", "--package", package, "--edges", "normal,build,dev", "--target", "all"];
    let format = ["--prefix", "none", "--format", "{p} ! {f}"];
    let tree = sh::output(&mut sh::cargo(args.iter().chain(&format).chain(features)));
    tree.unwrap_or_else(|trouble| panic!("cargo tree of {package}: {trouble:?}"))
}

/// The forbidden crates in the output of `cargo tree --prefix none`.
fn named_in(tree: &str) -> impl Iterator<Item = &'static str> {
    FORBIDDEN
        .iter()
        .copied()
        .filter(|name| tree.lines().any(|line| line.split(' ').next() == Some(name)))
}

/// Whether a line of the tree names `name` with a feature.
fn with_features(tree: &str, name: &str) -> bool {
    tree.lines().filter(|line| line.split(' ').next() == Some(name)).any(|line| {
        let features = line.split_once(" ! ").map_or("", |(_, features)| features);
        !features.trim_end_matches("(*)").trim().is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, dependency: &str) -> Manifest {
        Manifest { name: name.into(), dependencies: vec![dependency.into()], ..Manifest::default() }
    }

    #[test]
    fn an_edge_that_goes_up_or_sideways_is_refused() {
        assert_eq!(wrong_edges(&manifest("filch-core", "filch-sync")).len(), 1);
        assert_eq!(wrong_edges(&manifest("filch-io", "filch-driver")).len(), 1);
        assert_eq!(wrong_edges(&manifest("filch-brand-new", "filch-core")).len(), 1);
        assert_eq!(wrong_edges(&manifest("filch-io", "filch-timer")), []);
        assert_eq!(wrong_edges(&manifest("filch", "filch-driver")), []);
    }

    #[test]
    fn a_forbidden_crate_is_found_by_its_whole_name() {
        let found: Vec<_> =
            named_in("filch v0.1.0 (/x)\ntokio-util v1.0.0\nmio v1.0.0\n").collect();
        assert_eq!(found, ["mio"]);
    }

    #[test]
    fn a_feature_of_a_crate_that_must_have_none_is_found() {
        let tree = "tokio v1.54.1 ! \ntokio v1.54.1 !  (*)\ntokio-util v1.0.0 ! rt\n";
        assert!(!with_features(tree, "tokio"));
        assert!(with_features("tokio v1.54.1 ! default,sync\n", "tokio"));
    }
}
