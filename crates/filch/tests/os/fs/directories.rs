//! Directories, names and links.

use super::{Folder, on_each};
use filch::fs::{self, DirBuilder};
use std::collections::BTreeSet;
use std::io::ErrorKind;

#[test]
fn directories_are_made_and_removed() {
    on_each(async |folder: Folder| {
        let (outer, inner) = (folder.path("a"), folder.path("a/b/c"));
        assert_eq!(fs::create_dir(&inner).await.unwrap_err().kind(), ErrorKind::NotFound);
        fs::create_dir_all(&inner).await.expect("the folder can be written");
        fs::create_dir_all(&inner).await.expect("it is there");
        assert_eq!(fs::create_dir(&inner).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert!(fs::metadata(&inner).await.expect("it exists").is_dir());
        let not_empty = fs::remove_dir(&outer).await.unwrap_err();
        assert_eq!(not_empty.kind(), ErrorKind::DirectoryNotEmpty);
        fs::remove_dir(&inner).await.expect("it is empty");
        fs::remove_dir_all(&outer).await.expect("it is ours");
        assert!(!fs::try_exists(&outer).await.expect("the folder can be read"));
    });
}

#[test]
fn a_builder_makes_parents_if_asked() {
    on_each(async |folder: Folder| {
        let inner = folder.path("a/b");
        let mut builder = DirBuilder::new();
        assert_eq!(builder.create(&inner).await.unwrap_err().kind(), ErrorKind::NotFound);
        builder.recursive(true).create(&inner).await.expect("the folder can be written");
        assert!(fs::try_exists(inner).await.expect("it may be looked at"));
    });
}

#[test]
#[cfg(unix)]
fn a_builder_makes_directories_of_a_mode() {
    use std::os::unix::fs::PermissionsExt;
    on_each(async |folder: Folder| {
        let path = folder.path("mine");
        DirBuilder::new().mode(0o700).create(&path).await.expect("the folder can be written");
        let mode = fs::metadata(path).await.expect("it exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    });
}

#[test]
fn files_are_renamed_and_removed() {
    on_each(async |folder: Folder| {
        let (old, new) = (folder.file("old", "content"), folder.path("new"));
        fs::rename(&old, &new).await.expect("the folder can be written");
        assert!(!fs::try_exists(&old).await.expect("the folder can be read"));
        assert_eq!(fs::read_to_string(&new).await.expect("it exists"), "content");
        fs::remove_file(&new).await.expect("it is ours");
        assert_eq!(fs::remove_file(&new).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(fs::rename(&old, &new).await.unwrap_err().kind(), ErrorKind::NotFound);
        fs::remove_file(&folder.0).await.expect_err("it is a directory");
    });
}

#[test]
fn a_file_has_several_names() {
    on_each(async |folder: Folder| {
        let (file, link) = (folder.file("file", "content"), folder.path("link"));
        fs::hard_link(&file, &link).await.expect("the folder can be written");
        fs::remove_file(&file).await.expect("it is ours");
        assert_eq!(fs::read_to_string(&link).await.expect("it exists"), "content");
    });
}

#[test]
#[cfg(unix)]
fn links_lead_to_their_targets() {
    on_each(async |folder: Folder| {
        let (file, link) = (folder.file("file", "content"), folder.path("link"));
        fs::symlink("file", &link).await.expect("the folder can be written");
        assert_eq!(fs::read_link(&link).await.expect("it is a link").to_str(), Some("file"));
        assert!(fs::symlink_metadata(&link).await.expect("it exists").is_symlink());
        assert!(fs::metadata(&link).await.expect("it leads somewhere").is_file());
        let real = fs::canonicalize(&file).await.expect("it exists");
        assert_eq!(fs::canonicalize(&link).await.expect("it leads somewhere"), real);
        for _ in 0..2 {
            assert_eq!(fs::read_to_string(&link).await.expect("it leads somewhere"), "content");
        }
        fs::remove_file(&file).await.expect("it is ours");
        assert!(!fs::try_exists(&link).await.expect("the folder can be read"));
        assert_eq!(fs::canonicalize(&link).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(fs::read_link(&folder.0).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn every_entry_of_a_directory_is_listed_once() {
    on_each(async |folder: Folder| {
        for n_entries in [0, 1, 256, 257, 600] {
            let directory = folder.path(&format!("of-{n_entries}"));
            std::fs::create_dir(&directory).expect("the folder can be written");
            for n in 0..n_entries {
                std::fs::write(directory.join(n.to_string()), "").expect("it can be written");
            }
            let mut entries = fs::read_dir(&directory).await.expect("it exists");
            let mut names = BTreeSet::new();
            while let Some(entry) = entries.next_entry().await.expect("it may be read") {
                assert_eq!(entry.path(), directory.join(entry.file_name()));
                assert!(names.insert(entry.file_name()));
            }
            assert_eq!(names.len(), n_entries);
            assert!(entries.next_entry().await.expect("it is over").is_none());
        }
        assert_eq!(
            fs::read_dir(folder.path("missing")).await.unwrap_err().kind(),
            ErrorKind::NotFound
        );
    });
}

#[test]
fn an_entry_tells_what_it_is() {
    on_each(async |folder: Folder| {
        folder.file("file", "content");
        std::fs::create_dir(folder.path("directory")).expect("the folder can be written");
        let mut entries = fs::read_dir(&folder.0).await.expect("it exists");
        while let Some(entry) = entries.next_entry().await.expect("it may be read") {
            let is_file = entry.name() == "file";
            assert_eq!(entry.file_type().await.expect("it exists").is_file(), is_file);
            let metadata = entry.metadata().await.expect("it exists");
            assert_eq!(metadata.is_dir(), !is_file);
            #[cfg(unix)]
            assert_eq!(entry.ino(), std::os::unix::fs::MetadataExt::ino(&metadata));
            if is_file {
                fs::remove_file(entry.path()).await.expect("it is ours");
                let gone = entry.metadata().await.unwrap_err();
                assert_eq!(gone.kind(), ErrorKind::NotFound);
            }
        }
    });
}
