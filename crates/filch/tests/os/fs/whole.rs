//! Whole files at once.

use super::{Folder, bytes, on_each};
use filch::fs;
use std::io::ErrorKind;

#[test]
fn what_is_written_is_read() {
    on_each(async |folder: Folder| {
        let path = folder.path("file");
        for n in [0, 1, 4096, 65_535, 65_536, 65_537, 3_000_000] {
            let content = bytes(n);
            fs::write(&path, &content).await.expect("the folder can be written");
            for _ in 0..3 {
                assert_eq!(fs::read(&path).await.expect("it exists"), content, "{n} bytes");
            }
        }
    });
}

#[test]
fn a_write_replaces_what_was_there() {
    on_each(async |folder: Folder| {
        let path = folder.file("file", "a long text");
        fs::write(&path, "short".to_owned()).await.expect("it may be written");
        assert_eq!(fs::read_to_string(&path).await.expect("it is text"), "short");
    });
}

#[test]
fn a_file_that_is_missing_says_so() {
    on_each(async |folder: Folder| {
        let path = folder.path("missing");
        for _ in 0..2 {
            assert_eq!(fs::read(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
            assert_eq!(fs::read_to_string(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
            assert_eq!(fs::File::open(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
        }
        let inside = folder.path("missing/file");
        assert_eq!(fs::write(inside, "").await.unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn what_is_no_text_is_not_read_as_text() {
    on_each(async |folder: Folder| {
        let path = folder.file("file", b"\xFF");
        assert_eq!(fs::read_to_string(path).await.unwrap_err().kind(), ErrorKind::InvalidData);
    });
}

#[test]
fn a_copy_has_the_content_and_the_permissions() {
    on_each(async |folder: Folder| {
        let path = folder.file("file", bytes(100_000));
        let mut permissions = fs::metadata(&path).await.expect("it exists").permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).await.expect("it is ours");
        let copy = folder.path("copy");
        assert_eq!(fs::copy(path, &copy).await.expect("it may be read"), 100_000);
        assert_eq!(fs::read(&copy).await.expect("it may be read"), bytes(100_000));
        assert!(fs::metadata(&copy).await.expect("it exists").permissions().readonly());
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_says_it_is_empty_is_read_to_its_end() {
    on_each(async |_| {
        for _ in 0..2 {
            let status = fs::read_to_string("/proc/self/status").await.expect("it is ours");
            assert!(status.contains("Threads:"), "{status}");
        }
    });
}

#[test]
fn a_directory_is_no_file() {
    on_each(async |folder: Folder| {
        for _ in 0..2 {
            fs::read(&folder.0).await.expect_err("it is a directory");
        }
    });
}

#[test]
fn many_files_are_written_and_read_at_once() {
    on_each(async |folder: Folder| {
        let tasks: Vec<_> = (0..200)
            .map(|n| {
                let path = folder.path(&n.to_string());
                filch::spawn(async move {
                    fs::write(&path, bytes(n)).await.expect("the folder can be written");
                    assert_eq!(fs::read(&path).await.expect("it exists"), bytes(n));
                    fs::remove_file(path).await
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic").expect("it exists");
        }
        fs::remove_dir(&folder.0).await.expect("it is empty");
    });
}
