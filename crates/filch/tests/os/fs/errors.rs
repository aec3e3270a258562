//! Errors of writes, which may come after the write was accepted: none is lost.

use super::{Folder, bytes, fifo, on_each};
use crate::tools::Hand;
use filch::fs::{self, File, OpenOptions};
use filch::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use std::io::{ErrorKind, Result, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;

/// A file with a write that was accepted and fails.
async fn with_a_failed_write() -> File {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/full")
        .await
        .expect("every Unix has it that runs this");
    assert_eq!(file.write(b"too much").await.expect("it is accepted"), 8);
    file
}

fn assert_full<T>(result: Result<T>) {
    let error = result.err().expect("the disk is full");
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_error_of_an_accepted_write_is_told_once_by_whatever_comes_next() {
    on_each(async |_| {
        let mut file = with_a_failed_write().await;
        assert_full(file.flush().await);
        file.flush().await.expect("it was told");

        let mut file = with_a_failed_write().await;
        assert_full(file.write(b"more").await);
        file.flush().await.expect("nothing was accepted since");

        let mut file = with_a_failed_write().await;
        assert_full(file.shutdown().await);

        let file = with_a_failed_write().await;
        assert_full(file.sync_all().await);

        let file = with_a_failed_write().await;
        assert_full(file.sync_data().await);

        let file = with_a_failed_write().await;
        assert_full(file.set_len(0).await);

        let file = with_a_failed_write().await;
        assert_full(file.write_at(b"more", 0).await);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn what_tells_no_errors_of_writes_leaves_them() {
    on_each(async |_| {
        let mut file = with_a_failed_write().await;
        file.metadata().await.expect("it is open");
        assert_eq!(file.read(&mut [1]).await.expect("it has zeros"), 1);
        assert_eq!(file.read_at(&mut [1], 0).await.expect("it has zeros"), 1);
        file.seek(SeekFrom::Start(0)).await.expect("it has a position");
        file.try_clone().await.expect("below the limit").flush().await.expect("it wrote nothing");
        let mut file = file.try_into_std().expect_err("there is something to tell");
        assert_full(file.flush().await);
        drop(file.try_into_std().expect("it was told"));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn large_writes_to_a_full_disk_fail() {
    on_each(async |_| {
        let mut file = File::options().write(true).open("/dev/full").await.expect("it exists");
        assert_full(file.write_all(&bytes(10_000_000)).await);
        assert_full(fs::write("/dev/full", bytes(10)).await);
        assert_full(file.write_all_at(b"x", 0).await);
    });
}

#[test]
fn a_write_to_a_pipe_that_nobody_reads_fails() {
    on_each(async |folder: Folder| {
        let path = fifo(&folder);
        let reading = filch::spawn(File::open(path.clone()));
        let mut writer = File::options().write(true).open(path).await.expect("it exists");
        drop(reading.await.expect("no panic").expect("it exists"));
        writer.write_all(b"for nobody").await.expect("it is accepted");
        assert_eq!(writer.flush().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_pipe_has_no_positions() {
    on_each(async |folder: Folder| {
        let path = fifo(&folder);
        let mut pipe = File::options().read(true).write(true).open(path).await.expect("it exists");
        for to in [SeekFrom::Start(0), SeekFrom::Current(0), SeekFrom::End(0)] {
            assert_eq!(pipe.seek(to).await.unwrap_err().kind(), ErrorKind::NotSeekable);
        }
        assert_eq!(pipe.read_at(&mut [0], 0).await.unwrap_err().kind(), ErrorKind::NotSeekable);
        assert_eq!(pipe.write_at(&[0], 0).await.unwrap_err().kind(), ErrorKind::NotSeekable);
        pipe.write_all(b"abc").await.expect("there is room");
        assert_eq!(pipe.read_u8().await.expect("it is there"), b'a');
    });
}

#[test]
fn bytes_of_a_pipe_outlast_a_write() {
    on_each(async |folder: Folder| {
        let path = fifo(&folder);
        let mut pipe = File::options().read(true).write(true).open(path).await.expect("it exists");
        let mut piece = [0; 100];
        // The read is given up; by the time the write comes, it may have its bytes or not.
        assert!(Hand::default().poll(&mut pin!(pipe.read(&mut piece))).is_pending());
        let mut feed = pipe.try_clone().await.expect("below the limit");
        feed.write_all(b"first").await.expect("there is room");
        feed.flush().await.expect("there is room");
        pipe.write_all(b"second").await.expect("there is room");
        pipe.flush().await.expect("there is room");
        let mut text = [0; 11];
        pipe.read_exact(&mut text).await.expect("all is there");
        assert_eq!(&text, b"firstsecond");
    });
}

#[test]
fn what_has_no_positions_is_written_while_a_read_waits() {
    on_each(async |_| {
        let (near, far) = UnixStream::pair().expect("below the limit");
        let (mut near, mut far) = (File::from(OwnedFd::from(near)), File::from(OwnedFd::from(far)));
        for _ in 0..10 {
            let mut answer = [0; 6];
            assert!(Hand::default().poll(&mut pin!(near.read(&mut answer))).is_pending());
            near.write_all(b"question").await.expect("there is room");
            near.flush().await.expect("there is room");
            far.read_exact(&mut [0; 8]).await.expect("it was written");
            far.write_all(b"answer").await.expect("there is room");
            near.read_exact(&mut answer).await.expect("it is on its way");
            assert_eq!(&answer, b"answer");
        }
    });
}

/// In a process of its own that may not make files of more than a few KiB.
#[test]
fn a_write_that_fits_in_part_is_an_error() {
    let test = "fs::errors::a_write_that_fits_in_part_is_an_error_alone";
    let limited = format!(
        "trap '' XFSZ; ulimit -f 8; exec '{}' --ignored --exact {test} --nocapture",
        std::env::current_exe().expect("a test has a path").display()
    );
    let output = std::process::Command::new("sh").arg("-c").arg(limited).output();
    let output = output.expect("there is a shell");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
}

#[test]
#[ignore = "run by a_write_that_fits_in_part_is_an_error"]
fn a_write_that_fits_in_part_is_an_error_alone() {
    on_each(async |folder: Folder| {
        let mut file = File::create(folder.path("file")).await.expect("it may be written");
        file.write_all(&bytes(1_000_000)).await.expect("it is accepted");
        assert_eq!(file.flush().await.unwrap_err().kind(), ErrorKind::FileTooLarge);
        let size = file.metadata().await.expect("it is open").len();
        assert!((1..1_000_000).contains(&size), "{size} bytes fit");

        let error = fs::write(folder.path("other"), bytes(1_000_000)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        let error = file.write_all_at(&bytes(1_000_000), 0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    });
}
