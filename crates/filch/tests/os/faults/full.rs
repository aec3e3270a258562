//! A full disk, `/dev/full`: whoever writes learns of it, however many buffers lie between.

use crate::tools::{current_thread, workers};
use crate::watchdog::Watchdog;
use filch::fs::{self, File};
use filch::io::{self, AsyncBufReadExt, AsyncWriteExt, BufReader, BufStream, BufWriter};
use filch::net::unix::pipe;
use filch::process::Command;
use std::future::Future;
use std::io::{Error, ErrorKind};
use std::process::Stdio;

const DISK: &str = "/dev/full";

async fn full() -> File {
    File::options().write(true).open(DISK).await.expect("Linux has it")
}

#[track_caller]
fn expect_full(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
}

fn on_each<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for runtime in [workers(2), current_thread()] {
        let _watchdog = Watchdog::new();
        runtime.block_on(test());
    }
}

#[test]
fn a_buffered_writer_learns_of_a_full_disk_when_it_flushes_and_when_it_closes() {
    on_each(|| async {
        let mut writer = BufWriter::new(full().await);
        writer.write_all(b"a little").await.expect("it is in the buffer");
        expect_full(&writer.flush().await.expect_err("the disk is full"));
        let mut stream = BufStream::new(full().await);
        stream.write_all(b"a little").await.expect("it is in the buffer");
        expect_full(&stream.shutdown().await.expect_err("the disk is full"));
    });
}

#[test]
fn a_buffered_writer_learns_of_a_full_disk_when_its_buffer_is_full_as_well() {
    on_each(|| async {
        let mut writer = BufWriter::with_capacity(16, full().await);
        let mut error = None;
        // Why several: the file takes a write before the disk has refused it.
        for _ in 0..4 {
            error = error.or(writer.write_all(&[0; 100]).await.err());
        }
        expect_full(&error.expect("the disk is full"));
    });
}

#[test]
fn a_buffered_writer_learns_that_nobody_reads_when_it_flushes_and_when_it_closes() {
    on_each(|| async {
        // A file accepts what it cannot write; a pipe refuses it at once.
        let broken = || pipe::pipe().expect("there are descriptors").0;
        let mut writer = BufWriter::new(broken());
        writer.write_all(b"a little").await.expect("it is in the buffer");
        let error = writer.flush().await.expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let mut writer = BufWriter::new(broken());
        writer.write_all(b"a little").await.expect("it is in the buffer");
        let error = writer.shutdown().await.expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_copy_to_a_full_disk_fails() {
    on_each(|| async {
        let text = vec![b'x'; 100_000];
        let mut file = full().await;
        let copied = io::copy(&mut &text[..], &mut file).await;
        expect_full(&copied.expect_err("the disk is full"));
        // Little is accepted in one piece: only the flush at the end can tell.
        let copied = io::copy(&mut &b"a little"[..], &mut full().await).await;
        expect_full(&copied.expect_err("the disk is full"));
        let copied = io::copy_buf(&mut &b"a little"[..], &mut full().await).await;
        expect_full(&copied.expect_err("the disk is full"));
        let mut lines = BufReader::new(&text[..]).lines();
        let mut file = full().await;
        while let Some(line) = lines.next_line().await.expect("memory has no faults") {
            let _ = file.write_all(line.as_bytes()).await;
        }
        expect_full(&file.shutdown().await.expect_err("the disk is full"));
    });
}

#[test]
fn whole_writes_to_a_full_disk_fail() {
    on_each(|| async {
        expect_full(&fs::write(DISK, b"text").await.expect_err("the disk is full"));
        let copied = fs::copy("/proc/self/status", DISK).await;
        expect_full(&copied.expect_err("the disk is full"));
    });
}

#[test]
fn a_child_that_writes_to_a_full_disk_says_so_itself() {
    on_each(|| async {
        let disk = full().await.into_std().await;
        let mut command = Command::new("sh");
        command.args(["-c", "echo text"]).stdout(disk).stderr(Stdio::piped());
        let child = command.spawn().expect("there is a shell");
        let output = child.wait_with_output().await.expect("it ends");
        assert!(!output.status.success());
        assert!(!output.stderr.is_empty(), "it complains");
    });
}
