//! Each public async function is polled k times and dropped, for each k until it is ready: nothing may be lost.
//!
//! The cases of one function stand under its name, and a function of the crate without a case is a failure.

mod barrier;
mod basics;
mod broadcast;
mod cancellation;
mod capacity_limiter;
mod condition;
mod mpmc;
mod mpsc;
mod once;
mod promise;
mod queue;
mod rendezvous;
mod rwlock;
mod wait_group;
mod watch;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The name of a public async function, `Type::function`, and what happens when it is cut off.
type Case = (&'static str, fn());

const ALL: &[&[Case]] = &[
    basics::CASES,
    rwlock::CASES,
    condition::CASES,
    barrier::CASES,
    wait_group::CASES,
    once::CASES,
    capacity_limiter::CASES,
    promise::CASES,
    cancellation::CASES,
    mpsc::CASES,
    rendezvous::CASES,
    mpmc::CASES,
    broadcast::CASES,
    watch::CASES,
    queue::CASES,
];

#[test]
fn nothing_is_lost_by_a_call_that_is_cut_off() {
    for (name, case) in ALL.iter().copied().flatten() {
        println!("{name}");
        case();
    }
}

#[test]
fn every_public_async_function_is_cut_off() {
    let tested: BTreeSet<String> =
        ALL.iter().copied().flatten().map(|(name, _)| (*name).to_owned()).collect();
    let mut public = BTreeSet::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut public);
    let untested: Vec<_> = public.difference(&tested).collect();
    let unknown: Vec<_> = tested.difference(&public).collect();
    assert!(untested.is_empty(), "no case for {untested:?}");
    assert!(unknown.is_empty(), "cases for what is no public async function: {unknown:?}");
}

/// Adds `module::Type::function` of each `pub async fn` below `folder`; the module only where two types share a name.
fn collect(folder: &Path, public: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            collect(&path, public);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source is text");
            let mut owner = String::new();
            for line in text.lines() {
                if line.starts_with("impl") {
                    owner = owner_of(line);
                }
                if let Some(rest) = line.trim_start().strip_prefix("pub async fn ") {
                    let name = rest.split(['(', '<']).next().unwrap_or(rest);
                    public.insert(format!("{}{owner}::{name}", module_of(&path)));
                }
            }
        }
    }
}

/// The type of a line such as `impl<T: ?Sized> Mutex<T> {`.
fn owner_of(line: &str) -> String {
    let mut depth = 0_usize;
    let mut last_word = String::new();
    for word in line.trim_start_matches("impl").split_inclusive(['<', '>', ' ']) {
        let (name, end) = word.split_at(word.len() - 1);
        if depth == 0 && !name.is_empty() && name != "for" && name != "where" && name != "{" {
            last_word = name.to_owned();
        }
        match end {
            "<" => depth += 1,
            ">" if !name.ends_with('-') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    last_word
}

/// `mpsc::` for a file of that channel: the types of different channels share their names.
fn module_of(path: &Path) -> String {
    let folder =
        path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    match folder.as_deref() {
        Some(
            channel
            @ ("mpsc" | "mpmc" | "rendezvous" | "broadcast" | "watch" | "oneshot" | "queue"),
        ) => {
            format!("{channel}::")
        }
        _ => String::new(),
    }
}
