//! Operations that are dropped midway.

use super::{Folder, bytes, on_each};
use crate::tools::{Hand, eventually};
use filch::fs::{self, File};
use filch::io::{AsyncReadExt, AsyncWriteExt};
use std::pin::pin;
use std::task::Poll;

#[test]
#[cfg(unix)]
fn a_read_that_is_given_up_loses_no_bytes() {
    on_each(async |folder: Folder| {
        let path = super::fifo(&folder);
        let mut pipe = File::options().read(true).write(true).open(&path).await.expect("it exists");
        let mut feed = File::options().write(true).open(&path).await.expect("it exists");
        for round in 0..20 {
            let mut piece = [0; 5];
            assert!(Hand::default().poll(&mut pin!(pipe.read(&mut piece))).is_pending(), "{round}");
            feed.write_all(b"hello world").await.expect("there is room");
            feed.flush().await.expect("there is room");
            let mut text = [0; 11];
            pipe.read_exact(&mut text).await.expect("all is there");
            assert_eq!(&text, b"hello world");
        }
    });
}

#[test]
fn a_write_that_is_given_up_was_accepted_or_not_done() {
    on_each(async |folder: Folder| {
        let path = folder.path("file");
        let mut file = File::create(&path).await.expect("it may be written");
        let mut accepted = Vec::new();
        for n in 0..200_u8 {
            let result = Hand::default().poll(&mut pin!(file.write(&[n; 3])));
            if let Poll::Ready(result) = result {
                let n_bytes = result.expect("there is room");
                accepted.extend([n; 3].iter().take(n_bytes));
            }
        }
        file.flush().await.expect("there is room");
        assert!(!accepted.is_empty());
        assert_eq!(fs::read(path).await.expect("it exists"), accepted);
    });
}

#[test]
fn an_operation_that_was_never_polled_did_nothing() {
    on_each(async |folder: Folder| {
        let path = folder.file("file", "content");
        drop(fs::remove_file(&path));
        drop(fs::write(&path, "other"));
        drop(File::create(&path));
        drop(fs::rename(&path, folder.path("other")));
        assert_eq!(fs::read_to_string(path).await.expect("it exists"), "content");
    });
}

#[test]
fn an_operation_that_waits_for_a_thread_can_be_taken_back() {
    let builder = filch::runtime::Builder::new_multi_thread();
    let (runtime, free) = super::with_a_stuck_thread(builder);
    let folder = Folder::new();
    let path = folder.file("file", "content");
    runtime.block_on(async {
        let hand = Hand::default();
        assert!(hand.poll(&mut pin!(fs::remove_file(&path))).is_pending());
        assert!(hand.poll(&mut pin!(fs::write(&path, "other"))).is_pending());
        assert!(hand.poll(&mut pin!(File::create(&path))).is_pending());
        assert!(hand.poll(&mut pin!(fs::create_dir(folder.path("directory")))).is_pending());
        drop(free);
        assert_eq!(fs::read_to_string(&path).await.expect("it exists"), "content");
        assert!(!fs::try_exists(folder.path("directory")).await.expect("it may be looked at"));
    });
}

#[test]
fn an_operation_that_runs_goes_on() {
    on_each(async |folder: Folder| {
        let path = folder.path("file");
        let (began, is_over) = (Hand::default(), || std::fs::read(&path).ok() == Some(bytes(10)));
        // It may be taken back before its thread begins, so not each of them arrives.
        eventually(|| {
            let mut write = Box::pin(fs::write(&path, bytes(10)));
            let _ = began.poll(&mut write);
            std::thread::yield_now();
            drop(write);
            is_over()
        });
    });
}

#[test]
fn a_listing_that_is_given_up_loses_no_entry() {
    on_each(async |folder: Folder| {
        for n in 0..600 {
            folder.file(&n.to_string(), "");
        }
        let mut entries = fs::read_dir(&folder.0).await.expect("it exists");
        let mut walk = fs::walk_dir(&folder.0);
        let (mut listed, mut walked) = (Vec::new(), Vec::new());
        loop {
            match Hand::default().poll(&mut pin!(entries.next_entry())) {
                Poll::Ready(entry) => match entry.expect("it may be read") {
                    Some(entry) => listed.push(entry.file_name()),
                    None => break,
                },
                Poll::Pending => filch::task::yield_now().await,
            }
        }
        loop {
            match Hand::default().poll(&mut pin!(walk.next())) {
                Poll::Ready(Some(entry)) => walked.push(entry.expect("it may be read").file_name()),
                Poll::Ready(None) => break,
                Poll::Pending => filch::task::yield_now().await,
            }
        }
        for names in [&mut listed, &mut walked] {
            names.sort();
            names.dedup();
            assert_eq!(names.len(), 600);
        }
    });
}
