//! Operations that are dropped midway.

use super::{Folder, bytes, on_each};
use crate::tools::{Hand, eventually};
use filch::fs::{self, File};
use filch::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
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

/// A file whose reads go to a thread, for nothing of it is in a cache, and its bytes.
#[cfg(target_os = "linux")]
async fn uncached() -> (File, Vec<u8>) {
    let file = File::open("/proc/version").await.expect("every kernel has one");
    (file, std::fs::read("/proc/version").expect("it may be read"))
}

/// A runtime whose only thread for blocking calls is free until [`hold_thread`].
#[cfg(target_os = "linux")]
fn with_one_thread() -> filch::runtime::Runtime {
    let mut builder = filch::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).max_blocking_threads(1).build().expect("the stock parts fit")
}

/// Keeps that thread busy until the sender is dropped.
#[cfg(target_os = "linux")]
async fn hold_thread() -> std::sync::mpsc::Sender<()> {
    let (free, is_freed) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = filch::sync::oneshot::channel();
    drop(filch::task::spawn_blocking(move || {
        begun.send(()).expect("it is awaited");
        let _ = is_freed.recv();
    }));
    has_begun.await.expect("the thread begins");
    free
}

#[test]
#[cfg(target_os = "linux")]
fn a_seek_to_the_end_finds_what_came_after_one_that_was_given_up() {
    with_one_thread().block_on(async {
        let folder = Folder::new();
        let path = folder.file("file", "first\n");
        let mut file = File::options().write(true).open(&path).await.expect("it exists");
        let free = hold_thread().await;
        assert!(Hand::default().poll(&mut pin!(file.seek(SeekFrom::End(0)))).is_pending());
        drop(free);
        filch::task::spawn_blocking(|| ()).await.expect("the seek is over by then");
        let mut other = std::fs::OpenOptions::new().append(true).open(&path).expect("it exists");
        std::io::Write::write_all(&mut other, b"of another\n").expect("there is room");
        assert_eq!(file.seek(SeekFrom::End(0)).await.expect("it has an end"), 17);
        file.write_all(b"ours\n").await.expect("there is room");
        file.flush().await.expect("there is room");
        let text = fs::read_to_string(path).await.expect("it exists");
        assert_eq!(text, "first\nof another\nours\n");
    });
}

/// Has the file's descriptor mean another open file.
#[cfg(target_os = "linux")]
fn put_in_place(other: BorrowedFd<'_>, file: &File) {
    let fd = file.as_raw_fd();
    // SAFETY: both are open, and the file's descriptor is open afterwards.
    assert_eq!(unsafe { libc::dup2(other.as_raw_fd(), fd) }, fd);
}

/// Whoever asks the system where a file stands waits for the call that moves it.
#[test]
#[cfg(target_os = "linux")]
fn nobody_asks_for_the_position_while_a_write_is_under_way() {
    with_one_thread().block_on(async {
        let folder = Folder::new();
        let mut options = File::options();
        options.read(true).write(true).create(true);
        let mut file = options.open(folder.path("file")).await.expect("it may be made");
        let free = hold_thread().await;
        file.write_all(b"accepted").await.expect("it is accepted");
        // What would be asked now has no position, so that who asks would not wait.
        let (pipe, _writer) = std::io::pipe().expect("there are descriptors");
        let kept = rustix::io::dup(file.as_fd()).expect("there are descriptors");
        put_in_place(pipe.as_fd(), &file);
        let mut piece = [0; 4];
        let hand = Hand::default();
        assert!(hand.poll(&mut pin!(file.seek(SeekFrom::Start(2)))).is_pending());
        assert!(hand.poll(&mut pin!(file.read(&mut piece))).is_pending());
        assert!(hand.poll(&mut pin!(file.write(b"x"))).is_pending());
        put_in_place(kept.as_fd(), &file);
        drop(free);
        assert_eq!(file.seek(SeekFrom::Start(2)).await.expect("it is a file"), 2);
        file.read_exact(&mut piece).await.expect("it is a file");
        assert_eq!(&piece, b"cept");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_shares_its_position_is_sought_and_read_on_a_thread() {
    with_one_thread().block_on(async {
        let folder = Folder::new();
        let mut file = File::open(folder.file("file", "0123456789")).await.expect("it exists");
        let mut clone = file.try_clone().await.expect("there are descriptors");
        let mut piece = [0; 4];
        let free = hold_thread().await;
        for file in [&mut file, &mut clone] {
            let hand = Hand::default();
            assert!(hand.poll(&mut pin!(file.seek(SeekFrom::Start(2)))).is_pending());
        }
        drop(free);
        assert_eq!(file.stream_position().await.expect("it has positions"), 0);
        assert_eq!(clone.seek(SeekFrom::Start(2)).await.expect("it has positions"), 2);
        let free = hold_thread().await;
        assert!(Hand::default().poll(&mut pin!(file.read(&mut piece))).is_pending());
        drop(free);
        file.read_exact(&mut piece).await.expect("there are more");
        assert_eq!(&piece, b"2345");
        assert_eq!(clone.stream_position().await.expect("it has positions"), 6);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_clone_begins_before_what_a_read_that_was_given_up_would_have_got() {
    with_one_thread().block_on(async {
        let (mut file, bytes) = uncached().await;
        let free = hold_thread().await;
        let mut piece = [0; 4];
        assert!(Hand::default().poll(&mut pin!(file.read(&mut piece))).is_pending());
        let mut clone = {
            let mut cloning = pin!(file.try_clone());
            assert!(Hand::default().poll(&mut cloning).is_pending());
            drop(free);
            cloning.await.expect("there are descriptors")
        };
        clone.read_exact(&mut piece).await.expect("it is longer");
        assert_eq!(piece, bytes[..4]);
        assert_eq!(file.stream_position().await.expect("it has positions"), 4);
    });
}
