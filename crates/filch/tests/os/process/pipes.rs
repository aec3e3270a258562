//! The pipes between a child and its parent.

use super::{is_zombie, on_each, sh};
use crate::tools::eventually;
use crate::watchdog::run_alone;
use filch::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use filch::process::{ChildStdin, ChildStdout, Command, Stdio};
use futures_lite::future::poll_once;
use rustix::pipe::PipeFlags;
use std::io::{ErrorKind, IoSlice, Read};
use std::os::fd::AsRawFd;
use std::pin::pin;

#[test]
fn output_gives_what_the_program_wrote_to_both_streams() {
    on_each(|| async {
        let output = sh("echo out; echo err >&2; exit 1").output().await;
        let output = output.expect("there is a shell");
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(output.status.code(), Some(1));
    });
}

#[test]
fn what_is_written_comes_back_and_shutdown_ends_it() {
    on_each(|| async {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a cat");
        let mut stdin = child.stdin.take().expect("it is piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        for text in ["one\n", "two\n"] {
            stdin.write_all(text.as_bytes()).await.expect("cat reads");
            line.clear();
            stdout.read_line(&mut line).await.expect("cat writes");
            assert_eq!(line, text);
        }
        let parts = [IoSlice::new(b"thr"), IoSlice::new(b"ee\n")];
        assert_eq!(stdin.write_vectored(&parts).await.expect("cat reads"), 6);
        stdin.shutdown().await.expect("it was open");
        let error = stdin.write(b"four").await.expect_err("it was shut down");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        stdin.shutdown().await.expect("twice is no error");
        line.clear();
        stdout.read_to_string(&mut line).await.expect("cat writes");
        assert_eq!(line, "three\n");
        assert!(child.wait().await.expect("it is ours").success());
    });
}

#[test]
fn much_in_both_directions_does_not_block() {
    on_each(|| async {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();
        let output = filch::process::run(&mut sh("tee /dev/stderr")).input(bytes.clone()).await;
        let output = output.expect("there is a tee");
        assert!(output.stdout == bytes && output.stderr == bytes);
    });
}

#[test]
fn a_write_to_a_child_that_has_closed_its_end_errs() {
    on_each(|| async {
        let mut child = sh("exec <&-; echo closed; exec sleep 1000")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("there is a shell");
        child.stdout.as_mut().expect("it is piped").read_u8().await.expect("it says so");
        let stdin = child.stdin.as_mut().expect("it is piped");
        let error = stdin.write_all(&[0; 100_000]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert!(child.try_wait().expect("it is ours").is_none(), "it goes on");
        child.kill().await.expect("it is ours");
    });
}

#[test]
fn a_write_that_waits_learns_that_the_child_has_gone() {
    on_each(|| async {
        let mut command = Command::new("sleep");
        command.arg("1000").stdin(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("there is a sleep");
        let mut stdin = child.stdin.take().expect("it is piped");
        let bytes = vec![0; 1_000_000];
        let mut writing = pin!(stdin.write_all(&bytes));
        assert!(poll_once(&mut writing).await.is_none(), "the pipe is full");
        // Once more at first, while the child lives; from then on only the driver wakes it.
        let (written, killed) = filch::join!(biased; writing, async { child.start_kill() });
        killed.expect("it is ours");
        assert_eq!(written.expect_err("nobody reads").kind(), ErrorKind::BrokenPipe);
        child.wait().await.expect("it is ours");
    });
}

/// Whether the process is inside a read of its standard input: the number of the call, and its first argument.
fn reads_stdin(pid: u32) -> bool {
    let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    call.starts_with(&format!("{} 0x0 ", libc::SYS_read))
}

#[test]
fn the_output_of_one_is_the_input_of_another() {
    on_each(|| async {
        // The second one reads before there is anything, which fails on a pipe that does not block.
        let mut first = sh("read line; echo late")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let stdout = first.stdout.take().expect("it is piped");
        let stdin = Stdio::try_from(stdout).expect("it can be given away");
        let mut second = Command::new("cat");
        let second = second.stdin(stdin).stdout(Stdio::piped()).spawn().expect("there is a cat");
        let pid = second.id().expect("its end is not known");
        eventually(|| reads_stdin(pid) || is_zombie(pid));
        assert!(!is_zombie(pid), "it waits");
        first.stdin.take().expect("it is piped").write_all(b"\n").await.expect("the shell reads");
        let output = second.wait_with_output().await.expect("it is ours");
        assert_eq!(output.stdout, b"late\n");
        assert!(first.wait().await.expect("it is ours").success());
    });
}

#[test]
fn a_pipe_can_be_had_as_a_descriptor_that_blocks() {
    on_each(|| async {
        let mut child = sh("read line; echo got $line")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let mut stdin = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let number = stdout.as_raw_fd();
        let stdout = stdout.into_owned_fd().expect("it can be made to block");
        assert_eq!(stdout.as_raw_fd(), number);
        let reading = filch::task::spawn_blocking(move || {
            let mut text = String::new();
            std::fs::File::from(stdout).read_to_string(&mut text).map(|_| text)
        });
        stdin.write_all(b"words\n").await.expect("the shell reads");
        assert_eq!(reading.await.expect("no panic").expect("it blocks"), "got words\n");
        assert!(child.wait().await.expect("it is ours").success());
    });
}

#[test]
fn pipes_of_the_standard_library_can_be_taken_over() {
    on_each(|| async {
        let mut child = std::process::Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a cat");
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let mut stdin = ChildStdin::from_std(stdin).expect("it is open");
        let mut stdout = ChildStdout::from_std(stdout).expect("it is open");
        stdin.write_all(b"hello").await.expect("cat reads");
        drop(stdin);
        let mut text = String::new();
        stdout.read_to_string(&mut text).await.expect("cat writes");
        assert_eq!(text, "hello");
        assert!(child.wait().expect("it is ours").success());
    });
}

#[test]
fn packets_come_one_by_one_and_all_of_them() {
    on_each(|| async {
        // What a child may make of its end of a pipe as well: a read gives one packet, however much room it has.
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::DIRECT).expect("below the limit");
        let mut stdout = ChildStdout::from_std(read.into()).expect("it is open");
        let mut buf = [0; 100];
        let mut reading = pin!(stdout.read(&mut buf));
        assert!(poll_once(&mut reading).await.is_none(), "it waits, so it is registered");
        for packet in ["one", "three"] {
            rustix::io::write(&write, packet.as_bytes()).expect("there is room");
        }
        assert_eq!(reading.await.expect("it is open"), 3);
        assert_eq!(stdout.read(&mut buf).await.expect("it is open"), 5);
        drop(write);
        assert_eq!(stdout.read(&mut buf).await.expect("it is open"), 0);
    });
}

/// Lists the descriptors of the shell.
const LIST: &str = "ls /proc/$$/fd";

#[test]
fn a_child_has_no_descriptors_of_ours() {
    on_each(|| async {
        // What a test run hands down to every child is not ours.
        let handed_down = std::process::Command::new("sh").args(["-c", LIST]).output();
        let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().expect("there is a cat");
        let output = sh(LIST).output().await.expect("there is a shell");
        let text = String::from_utf8(output.stdout).expect("numbers");
        assert_eq!(text.as_bytes(), handed_down.expect("there is a shell").stdout);
        assert!(other.wait().await.expect("it is ours").success());
    });
}

#[test]
fn no_descriptor_is_left() {
    run_alone("process::pipes::count_descriptors", &[]);
}

#[test]
#[ignore = "needs a process of its own"]
fn count_descriptors() {
    let count = || std::fs::read_dir("/proc/self/fd").expect("Linux").count();
    let round = async || {
        sh("cat; echo err >&2").output().await.expect("there is a shell");
        sh("exit 1").status().await.expect("there is a shell");
        Command::new("/no/such/program").output().await.expect_err("it is not there");
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("there is a cat");
        let stdin = child.stdin.take(); // So that the wait does not close it.
        let mut byte = [0];
        let reading = child.stdout.as_mut().expect("it is piped").read(&mut byte);
        let wait = std::time::Duration::from_millis(1);
        assert!(filch::time::timeout(wait, reading).await.is_err());
        assert!(filch::time::timeout(wait, child.wait()).await.is_err());
        drop((child, stdin));
    };
    for runtime in super::runtimes() {
        runtime.block_on(async {
            round().await; // The first one may make what stays: a signal's pipe, a thread's.
            crate::tools::eventually(super::orphans::no_reaper);
            let before = count();
            for _ in 0..20 {
                round().await;
            }
            crate::tools::eventually(super::orphans::no_reaper);
            crate::tools::eventually(|| count() <= before);
        });
    }
}
