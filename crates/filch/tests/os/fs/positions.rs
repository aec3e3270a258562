//! A file's position, whatever is given up or under way.

use super::{Folder, hold_thread};
use crate::tools::Hand;
use crate::watchdog::Watchdog;
use filch::fs::{self, File};
use filch::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use filch::runtime::Builder;
use rustix::event::{EventfdFlags, eventfd};
use std::future::Future;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::pin::pin;

/// A file whose reads go to a thread, for nothing of it is in a cache, and its bytes.
async fn uncached() -> (File, Vec<u8>) {
    let file = File::open("/proc/version").await.expect("every kernel has one");
    (file, std::fs::read("/proc/version").expect("it may be read"))
}

/// Runs `test` where there is one thread for blocking calls.
fn on_one_thread(test: impl Future<Output = ()>) {
    let _watchdog = Watchdog::new();
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).max_blocking_threads(1).build();
    runtime.expect("the stock parts fit").block_on(test);
}

#[test]
fn a_seek_to_the_end_finds_what_came_after_one_that_was_given_up() {
    on_one_thread(async {
        let folder = Folder::new();
        let path = folder.file("file", "first\n");
        let mut file = File::options().write(true).open(&path).await.expect("it exists");
        let free = hold_thread();
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
fn put_in_place(other: BorrowedFd<'_>, file: &File) {
    let fd = file.as_raw_fd();
    // SAFETY: both are open, and the file's descriptor is open afterwards.
    assert_eq!(unsafe { libc::dup2(other.as_raw_fd(), fd) }, fd);
}

/// Whoever asks the system where a file stands waits for the call that moves it.
#[test]
fn nobody_asks_for_the_position_while_a_write_is_under_way() {
    on_one_thread(async {
        let folder = Folder::new();
        let mut options = File::options();
        options.read(true).write(true).create(true);
        let mut file = options.open(folder.path("file")).await.expect("it may be made");
        let free = hold_thread();
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
fn a_file_that_shares_its_position_is_sought_and_read_on_a_thread() {
    on_one_thread(async {
        let folder = Folder::new();
        let mut file = File::open(folder.file("file", "0123456789")).await.expect("it exists");
        let mut clone = file.try_clone().await.expect("there are descriptors");
        let mut piece = [0; 4];
        let free = hold_thread();
        for file in [&mut file, &mut clone] {
            let hand = Hand::default();
            assert!(hand.poll(&mut pin!(file.seek(SeekFrom::Start(2)))).is_pending());
        }
        drop(free);
        assert_eq!(file.stream_position().await.expect("it has positions"), 0);
        assert_eq!(clone.seek(SeekFrom::Start(2)).await.expect("it has positions"), 2);
        let free = hold_thread();
        assert!(Hand::default().poll(&mut pin!(file.read(&mut piece))).is_pending());
        drop(free);
        file.read_exact(&mut piece).await.expect("there are more");
        assert_eq!(&piece, b"2345");
        assert_eq!(clone.stream_position().await.expect("it has positions"), 6);
    });
}

#[test]
fn a_clone_begins_before_what_a_read_that_was_given_up_would_have_got() {
    on_one_thread(async {
        let (mut file, bytes) = uncached().await;
        let free = hold_thread();
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

#[test]
fn a_seek_looks_anew_after_a_read_and_in_another_runtime() {
    on_one_thread(async {
        let folder = Folder::new();
        let mut file = File::open(folder.file("file", "0123456789")).await.expect("it exists");
        let free = hold_thread();
        assert!(Hand::default().poll(&mut pin!(file.seek(SeekFrom::End(0)))).is_pending());
        drop(free);
        filch::task::spawn_blocking(|| ()).await.expect("the look is over by then");
        file.read_exact(&mut [0; 4]).await.expect("there are more");
        let free = hold_thread();
        assert!(Hand::default().poll(&mut pin!(file.seek(SeekFrom::End(0)))).is_pending());
        drop(free);

        let (other, free) = super::with_a_stuck_thread(Builder::new_current_thread());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _inside = other.enter();
                assert!(Hand::default().poll(&mut pin!(file.seek(SeekFrom::End(-1)))).is_pending());
            });
        });
        other.shutdown_background();
        assert_eq!(file.seek(SeekFrom::End(-1)).await.expect("it has an end"), 9);
        drop(free);
    });
}

#[test]
fn a_clone_of_what_keeps_no_position_waits_for_no_read() {
    let _watchdog = Watchdog::new();
    let runtime = Builder::new_current_thread().build().expect("the stock parts fit");
    runtime.block_on(async {
        let events = eventfd(0, EventfdFlags::empty()).expect("there are descriptors");
        let bell = events.try_clone().expect("there are descriptors");
        let mut file = File::from_std(events.into());
        assert!(Hand::default().poll(&mut pin!(file.read(&mut [0; 8]))).is_pending());
        file.try_clone().await.expect("there are descriptors");
        rustix::io::write(&bell, &7_u64.to_ne_bytes()).expect("it counts");
        let mut count = [0; 8];
        file.read_exact(&mut count).await.expect("the read that was given up has it");
        assert_eq!(u64::from_ne_bytes(count), 7);
    });
}
