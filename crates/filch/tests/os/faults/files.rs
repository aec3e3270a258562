//! Files whose runtime ends: what waits for one of its threads errs, what comes later errs as well, and what was accepted is
//! written.

use crate::fs::with_a_stuck_thread;
use crate::tools::{Hand, current_thread, eventually, workers};
use crate::watchdog::Watchdog;
use filch::fs::{self, File};
use filch::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use filch::runtime::Builder;
use std::future::Future;
use std::io::{Result, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// A file of some text, which the drop removes.
struct Text(PathBuf);

impl Text {
    fn new(name: &str) -> Text {
        let path = std::env::temp_dir().join(format!("filch-{name}-{}", std::process::id()));
        std::fs::write(&path, "some text").expect("the folder can be written");
        Text(path)
    }

    fn open(&self) -> File {
        let options = std::fs::File::options().read(true).write(true).open(&self.0);
        File::from_std(options.expect("it is there"))
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

type Operation = fn(File, PathBuf) -> Pin<Box<dyn Future<Output = [Result<()>; 2]>>>;

/// Each of them needs a thread, twice.
const EACH: &[(&str, Operation)] = &[
    ("File::seek", |mut file, _| {
        Box::pin(async move {
            let mut seek = async || file.seek(SeekFrom::End(0)).await.map(drop);
            [seek().await, seek().await]
        })
    }),
    ("File::metadata", |file, _| {
        Box::pin(async move { [file.metadata().await.map(drop), file.metadata().await.map(drop)] })
    }),
    ("File::sync_all", |file, _| {
        Box::pin(async move { [file.sync_all().await, file.sync_all().await] })
    }),
    ("File::set_len", |file, _| {
        Box::pin(async move { [file.set_len(1).await, file.set_len(2).await] })
    }),
    ("File::write_at", |file, _| {
        Box::pin(async move {
            [file.write_at(b"S", 0).await.map(drop), file.write_at(b"S", 0).await.map(drop)]
        })
    }),
    ("the read of a pipe", |_, _| {
        Box::pin(async move {
            let (near, _far) = UnixStream::pair().expect("there are descriptors");
            let mut file = File::from(OwnedFd::from(near));
            [file.read_u8().await.map(drop), file.read_u8().await.map(drop)]
        })
    }),
    ("fs::rename", |_, path| {
        Box::pin(async move { [fs::rename(&path, "/nowhere").await, fs::remove_file(&path).await] })
    }),
    ("fs::write", |_, path| {
        Box::pin(async move { [fs::write(&path, "").await, fs::write(&path, "").await] })
    }),
];

fn expect_ended(name: &str, results: [Result<()>; 2]) {
    for (result, which) in results.into_iter().zip(["first", "second"]) {
        let Err(error) = result else { panic!("{name}: the {which} one succeeds") };
        assert!(error.to_string().contains("the runtime ended"), "{name}, {which}: {error}");
    }
}

#[test]
fn whoever_waits_for_a_thread_when_the_runtime_ends_is_woken_and_gets_an_error() {
    let text = Text::new("files-waiting");
    for (name, operation) in EACH {
        for builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let _watchdog = Watchdog::new();
            let (runtime, free) = with_a_stuck_thread(builder);
            let handle = *runtime.handle();
            let _entered = handle.enter();
            let (hand, mut waits) = (Hand::default(), operation(text.open(), text.0.clone()));
            assert!(hand.poll(&mut waits).is_pending(), "{name}: no thread is free");
            drop(runtime.shutdown(Duration::ZERO));
            assert!(hand.wakes() > 0, "{name} was left to wait");
            match hand.poll(&mut waits) {
                Poll::Ready(results) => expect_ended(name, results),
                Poll::Pending => panic!("{name} still waits"),
            }
            drop(free);
        }
    }
    assert_eq!(std::fs::read(&text.0).expect("it is there"), b"some text", "nothing was done");
}

#[test]
fn whoever_begins_inside_of_a_runtime_that_has_ended_gets_an_error() {
    let text = Text::new("files-late");
    for (name, operation) in EACH {
        for runtime in [workers(1), current_thread()] {
            let _watchdog = Watchdog::new();
            let handle = *runtime.handle();
            drop(runtime);
            let _entered = handle.enter();
            match Hand::default().poll(&mut operation(text.open(), text.0.clone())) {
                Poll::Ready(results) => expect_ended(name, results),
                Poll::Pending => panic!("{name} waits for a runtime that has ended"),
            }
        }
    }
    assert_eq!(std::fs::read(&text.0).expect("it is there"), b"some text", "nothing was done");
}

#[test]
fn what_is_written_inside_of_a_runtime_that_has_ended_is_written() {
    let text = Text::new("files-written");
    for runtime in [workers(1), current_thread()] {
        let _watchdog = Watchdog::new();
        let handle = *runtime.handle();
        drop(runtime);
        let _entered = handle.enter();
        let mut file = text.open();
        let mut written = Box::pin(async {
            file.write_all(b"next ").await?;
            file.write_all(b"text").await?;
            file.flush().await
        });
        let result = Hand::default().poll(&mut written);
        assert!(matches!(result, Poll::Ready(Ok(()))), "{result:?}");
        assert_eq!(std::fs::read(&text.0).expect("it is there"), b"next text");
    }
}

#[test]
fn a_read_that_has_its_thread_goes_on_beyond_the_end_of_the_runtime() {
    for builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let _watchdog = Watchdog::new();
        let runtime = { builder }.max_blocking_threads(1).build().expect("the stock parts fit");
        let (near, mut far) = UnixStream::pair().expect("there are descriptors");
        let fd = near.as_raw_fd();
        let mut file = File::from(OwnedFd::from(near));
        let (hand, mut buf) = (Hand::default(), [0; 9]);
        let mut reading = Box::pin(file.read(&mut buf));
        let entered = runtime.enter();
        assert!(hand.poll(&mut reading).is_pending());
        eventually(|| is_read(fd));
        drop(entered);
        drop(runtime.shutdown(Duration::ZERO));
        assert!(hand.poll(&mut reading).is_pending(), "nobody has written");
        hand.wakes();
        far.write_all(b"late text").expect("there is room");
        eventually(|| hand.wakes() > 0);
        let Poll::Ready(n) = hand.poll(&mut reading) else { panic!("it was woken") };
        assert_eq!(n.expect("the peer lives"), 9);
        drop(reading);
        assert_eq!(&buf, b"late text");
    }
}

/// Whether a thread of this process sleeps in a `read` of the descriptor.
fn is_read(fd: RawFd) -> bool {
    let call = format!("{} {fd:#x} ", libc::SYS_read);
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let mut calls =
        tasks.flatten().flat_map(|task| std::fs::read_to_string(task.path().join("syscall")));
    calls.any(|present| present.starts_with(&call))
}
