//! The swap stories: crates outside the workspace that take one part of filch, or put in one of their own.
//!
//! Each is a folder `interop/swap-*`.
//! Its manifest says under `[package.metadata.filch]` which crates its dependency tree must not hold:
//! `absent = ["polling", "filch-scheduler"]`.

use std::path::{Path, PathBuf};

use crate::outcome::{Outcome, Tally, Trouble};
use crate::sh;

/// Fewer stories than docs/swapping.md tells are a failure.
const STORIES: usize = 3;

/// Takes no arguments.
pub(crate) fn run(_: &[String]) -> Outcome {
    check()
}

/// Tests and runs each story by itself, so that no other crate's features help it.
pub(crate) fn check() -> Outcome {
    let stories = stories();
    if stories.len() < STORIES {
        return Err(
            format!("{} swap stories in interop/ instead of {STORIES}", stories.len()).into()
        );
    }
    let mut total = Tally::NONE;
    for story in &stories {
        nothing_absent_is_there(story)?;
        let manifest = story.join("Cargo.toml");
        let with = |name: &str| {
            let mut command = sh::cargo([name, "--locked", "--quiet", "--manifest-path"]);
            command.arg(&manifest).env("CARGO_TARGET_DIR", sh::target_dir("interop"));
            command
        };
        total = total + sh::test(&mut with("test"), &[])?;
        if story.join("src/main.rs").is_file() {
            sh::run(&mut with("run"))?;
            total.passed += 1;
        }
    }
    Ok(total)
}

fn stories() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(sh::root().join("interop")).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("swap-"));
    let mut stories: Vec<PathBuf> =
        named.map(|entry| entry.path()).filter(|path| path.join("Cargo.toml").is_file()).collect();
    stories.sort();
    stories
}

fn nothing_absent_is_there(story: &Path) -> Result<(), Trouble> {
    let manifest = story.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest)
        .map_err(|error| format!("{}: {error}", manifest.display()))?;
    let absent = absent(&text);
    if absent.is_empty() {
        return Err(format!(
            "{} names no absent crate ([package.metadata.filch])",
            manifest.display()
        )
        .into());
    }
    let mut command =
        sh::cargo(["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    let tree = sh::output(command.arg("--manifest-path").arg(&manifest))?;
    match present(&tree, &absent) {
        None => Ok(()),
        Some(name) => {
            Err(format!("{}: `{name}` is in the dependency tree", manifest.display()).into())
        }
    }
}

/// The strings of `absent = [..]` in the section `[package.metadata.filch]`.
fn absent(manifest: &str) -> Vec<&str> {
    let Some((_, section)) = manifest.split_once("[package.metadata.filch]") else {
        return Vec::new();
    };
    let section = section.split("\n[").next().unwrap_or(section);
    let Some((_, list)) = section.split_once("absent = [") else { return Vec::new() };
    let list = list.split(']').next().unwrap_or(list);
    list.split('"').skip(1).step_by(2).collect()
}

/// The first of the names that begins a line of the tree.
fn present<'a>(tree: &str, names: &[&'a str]) -> Option<&'a str> {
    names.iter().copied().find(|name| tree.lines().any(|line| line.split(' ').next() == Some(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_absent_is_read_and_found() {
        let manifest = "[package]\n[package.metadata.filch]\nabsent = [\"polling\",\n \"mio\"]\n[dependencies]\n";
        let absent = absent(manifest);
        assert_eq!(absent, ["polling", "mio"]);
        assert_eq!(present("filch v0.1.0\nmio v1.0.0", &absent), Some("mio"));
        assert_eq!(present("filch v0.1.0\nmio-like v1.0.0", &absent), None);
    }

    #[test]
    fn a_story_that_promises_nothing_is_noticed() {
        assert_eq!(absent("[package]\nname = \"a\"\n"), [""; 0]);
    }
}
