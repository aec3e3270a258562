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
    let (feature, excused) = EXCUSED;
    let direct = manifest
        .dependencies
        .iter()
        .chain(&manifest.dev_dependencies)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    let mut found: Vec<&str> = named_in(&direct).collect();
    let features: Vec<&str> =
        manifest.features.iter().map(String::as_str).filter(|name| *name != feature).collect();
    found.extend(named_in(&tree(
        &manifest.name,
        &["--no-default-features", "--features", &features.join(",")],
    )));
    found.extend(
        named_in(&tree(&manifest.name, &["--all-features"])).filter(|name| *name != excused),
    );
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

/// Every crate a package is built with, one on a line.
fn tree(package: &str, features: &[&str]) -> String {
    let args = ["tree", "--package", package, "--edges", "normal,build,dev", "--target", "all"];
    let format = ["--prefix", "none", "--format", "{p}"];
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
}
