//! Walks through trees of directories.

use super::{Folder, on_each};
use crate::tools::panic_of;
use filch::fs::{self, WalkDir};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

/// a/ with b/ with c/, a file in each, and an empty directory.
fn grow(folder: &Folder) {
    for directory in ["a/b/c", "empty"] {
        std::fs::create_dir_all(folder.path(directory)).expect("the folder can be written");
    }
    for file in ["0", "a/1", "a/b/2", "a/b/c/3"] {
        folder.file(file, file);
    }
}

/// The paths from the root, with their depths. Errors are not expected.
async fn all(folder: &Folder, mut walk: WalkDir) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    while let Some(entry) = walk.next().await {
        let entry = entry.expect("all may be read");
        let path = entry.path();
        let path = path.strip_prefix(&folder.0).expect("it is inside").display().to_string();
        let parent = path.rsplit_once('/').map(|(parent, _)| parent);
        assert!(parent.is_none_or(|parent| found.contains_key(parent)), "{path} came too early");
        assert!(found.insert(path, entry.depth()).is_none(), "each once");
    }
    assert!(walk.next().await.is_none());
    found
}

fn names(found: &BTreeMap<String, usize>) -> Vec<&str> {
    found.keys().map(String::as_str).collect()
}

#[test]
fn a_walk_finds_everything_below() {
    on_each(async |folder: Folder| {
        grow(&folder);
        let found = all(&folder, fs::walk_dir(&folder.0)).await;
        let expected = ["0", "a", "a/1", "a/b", "a/b/2", "a/b/c", "a/b/c/3", "empty"];
        assert_eq!(names(&found), expected);
        assert!(found.iter().all(|(path, depth)| path.split('/').count() == *depth));
    });
}

#[test]
fn a_walk_goes_no_deeper_than_it_may() {
    on_each(async |folder: Folder| {
        grow(&folder);
        assert!(all(&folder, fs::walk_dir(&folder.0).max_depth(0)).await.is_empty());
        let found = all(&folder, fs::walk_dir(&folder.0).max_depth(1)).await;
        assert_eq!(names(&found), ["0", "a", "empty"]);
        let found = all(&folder, fs::walk_dir(&folder.0).max_depth(2)).await;
        assert_eq!(names(&found), ["0", "a", "a/1", "a/b", "empty"]);
    });
}

#[test]
fn a_filter_leaves_out_what_is_below_as_well() {
    on_each(async |folder: Folder| {
        grow(&folder);
        let walk = fs::walk_dir(&folder.0).filter_entry(|entry| entry.name() != "b");
        assert_eq!(names(&all(&folder, walk).await), ["0", "a", "a/1", "empty"]);
    });
}

#[test]
fn a_filter_that_panics_ends_the_walk() {
    on_each(async |folder: Folder| {
        grow(&folder);
        let walk = fs::walk_dir(&folder.0).filter_entry(|_| panic!("the user's"));
        let walking = filch::spawn(async move {
            let mut walk = walk;
            walk.next().await.is_none()
        });
        assert!(walking.await.expect_err("the filter panics").is_panic());
    });
}

#[test]
fn a_root_that_is_missing_is_an_error_that_names_it() {
    on_each(async |folder: Folder| {
        let mut walk = fs::walk_dir(folder.path("missing"));
        let error = walk.next().await.expect("there is something to tell").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("missing"), "{error}");
        assert!(walk.next().await.is_none());
    });
}

#[test]
fn a_walk_is_told_how_to_go_before_it_begins() {
    on_each(async |folder: Folder| {
        grow(&folder);
        let mut walk = fs::walk_dir(&folder.0);
        walk.next().await.expect("it is not empty").expect("it may be read");
        assert!(panic_of(|| walk.max_depth(1)).contains("right after walk_dir"));
    });
}

#[test]
fn a_wide_and_deep_tree_is_walked_with_few_descriptors() {
    on_each(async |folder: Folder| {
        let mut path = folder.0.clone();
        for n in 0..40 {
            path.push(n.to_string());
            std::fs::create_dir(&path).expect("the folder can be written");
            for sibling in 0..4 {
                std::fs::create_dir(path.join(format!("s{sibling}"))).expect("as above");
            }
        }
        let mut walk = fs::walk_dir(&folder.0);
        let mut entries = Vec::new();
        while let Some(entry) = walk.next().await {
            entries.push(entry.expect("all may be read"));
        }
        let paths: BTreeSet<_> = entries.iter().map(fs::DirEntry::path).collect();
        assert_eq!((entries.len(), paths.len()), (200, 200));
    });
}

#[test]
#[cfg(unix)]
fn links_are_listed_and_followed_only_if_asked() {
    on_each(async |folder: Folder| {
        grow(&folder);
        fs::symlink("a/b", folder.path("link")).await.expect("the folder can be written");
        fs::symlink("nowhere", folder.path("lost")).await.expect("the folder can be written");
        let found = all(&folder, fs::walk_dir(&folder.0)).await;
        assert!(found.contains_key("link") && !found.contains_key("link/2"));
        let found = all(&folder, fs::walk_dir(&folder.0).follow_links(true)).await;
        assert!(found.contains_key("link/c/3") && found.contains_key("lost"));

        let mut walk = fs::walk_dir(&folder.0).follow_links(true);
        while let Some(entry) = walk.next().await {
            let entry = entry.expect("all may be read");
            if entry.name() == "link" {
                assert!(entry.file_type().await.expect("it exists").is_dir());
                assert!(entry.metadata().await.expect("it exists").is_dir());
            }
        }
    });
}

#[test]
#[cfg(unix)]
fn a_link_that_leads_around_is_an_error_and_the_walk_goes_on() {
    on_each(async |folder: Folder| {
        grow(&folder);
        fs::symlink("../..", folder.path("a/b/up")).await.expect("the folder can be written");
        let mut walk = fs::walk_dir(&folder.0).follow_links(true);
        let (mut found, mut errors) = (BTreeSet::new(), Vec::new());
        while let Some(entry) = walk.next().await {
            match entry {
                Ok(entry) => drop(found.insert(entry.path())),
                Err(error) => errors.push(error.to_string()),
            }
        }
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains("up: leads back to"), "{errors:?}");
        assert_eq!(found.len(), 9);
    });
}
