//! How a process ends, and how that is learned.

use super::{exists, in_time, is_zombie, on_each, sh, with_signals_refused};
use crate::tools::{Hand, current_thread, eventually, workers};
use crate::watchdog::{Watchdog, run_alone};
use filch::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use filch::process::{Child, Command, Stdio};
use futures_lite::future::poll_once;
use rustix::process::{Pid, WaitOptions, waitpid};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// A child that ends, with `code`, when the other end of the stream is closed.
fn waiting(code: u8) -> (Child, UnixStream) {
    let (stdin, end) = UnixStream::pair().expect("below the limit");
    let child = gate(&stdin, code).spawn().expect("there is a shell");
    (child, end)
}

fn gate(stdin: &UnixStream, code: u8) -> Command {
    let mut command = sh(&format!("read line; exit {code}"));
    command.stdin(OwnedFd::from(stdin.try_clone().expect("below the limit")));
    command
}

#[test]
fn the_status_says_how_the_program_ended() {
    on_each(|| async {
        let status = async |script| sh(script).status().await.expect("there is a shell");
        assert_eq!(status("exit 0").await.code(), Some(0));
        assert!(status("exit 0").await.success());
        assert_eq!(status("exit 255").await.code(), Some(255));
        let by_signal = status("kill -TERM $$").await;
        assert_eq!((by_signal.code(), by_signal.signal()), (None, Some(15)));
        assert_eq!(status("kill -PIPE $$").await.signal(), Some(13), "SIGPIPE ends a child");
    });
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    on_each(|| async {
        let error = Command::new("/no/such/program").spawn().expect_err("it is not there");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = Command::new("/no/such/program").output().await.expect_err("it is not there");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn every_wait_says_the_same_and_the_number_is_forgotten() {
    on_each(|| async {
        let mut child = sh("exit 3").spawn().expect("there is a shell");
        let pid = child.id().expect("its end is not known");
        assert_eq!(child.wait().await.expect("it is ours").code(), Some(3));
        assert_eq!(child.wait().await.expect("it is ours").code(), Some(3));
        assert_eq!(child.try_wait().expect("it is ours").and_then(|s| s.code()), Some(3));
        assert_eq!(child.id(), None);
        assert!(!exists(pid), "it was reaped");
    });
}

#[test]
fn try_wait_does_not_wait() {
    on_each(|| async {
        let (mut child, end) = waiting(4);
        assert!(child.try_wait().expect("it is ours").is_none());
        drop(end);
        let pid = child.id().expect("its end is not known");
        eventually(|| is_zombie(pid));
        let status = child.try_wait().expect("it is ours").expect("it has ended");
        assert_eq!(status.code(), Some(4));
    });
}

#[test]
fn a_wait_closes_the_pipe_to_the_child() {
    on_each(|| async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("there is a cat");
        assert!(child.wait().await.expect("it is ours").success());
        assert!(child.stdin.is_none());
    });
}

#[test]
fn a_dropped_wait_loses_nothing() {
    on_each(|| async {
        let (mut child, end) = waiting(5);
        let hand = Hand::default();
        for _ in 0..5 {
            let mut wait = pin!(child.wait());
            for _ in 0..3 {
                assert!(hand.poll(&mut wait).is_pending());
            }
        }
        drop(end);
        assert_eq!(child.wait().await.expect("it is ours").code(), Some(5));
    });
}

#[test]
fn five_hundred_that_end_at_once_have_their_own_statuses() {
    for runtime in [workers(2), current_thread()] {
        let _watchdog = Watchdog::new();
        runtime.block_on(async {
            let (stdin, end) = UnixStream::pair().expect("below the limit");
            let mut waits = Vec::new();
            for i in 0..500_u32 {
                let code = u8::try_from(i % 251).expect("it is small");
                let mut child = gate(&stdin, code).spawn().expect("below the limits");
                waits.push((code, filch::spawn(async move { child.wait().await })));
            }
            drop((stdin, end)); // The stream's end is the end of all of them.
            for (code, wait) in waits {
                let status = wait.await.expect("no panic").expect("it is ours");
                assert_eq!(status.code(), Some(i32::from(code)));
            }
        });
    }
}

#[test]
fn a_child_from_outside_of_a_runtime_can_be_awaited_in_one() {
    for runtime in [workers(1), current_thread()] {
        let (mut child, end) = waiting(6);
        runtime.block_on(async {
            let waiting = filch::spawn(async move { child.wait().await });
            filch::task::yield_now().await;
            drop(end);
            let status = in_time(waiting).await.expect("no panic").expect("it is ours");
            assert_eq!(status.code(), Some(6));
        });
    }
}

#[test]
fn a_wait_works_under_a_foreign_executor() {
    let _watchdog = Watchdog::new();
    let runtime = workers(1);
    let _entered = runtime.enter();
    let (mut child, end) = waiting(7);
    let status = futures_lite::future::block_on(async {
        assert!(futures_lite::future::poll_once(child.wait()).await.is_none());
        drop(end);
        child.wait().await
    });
    assert_eq!(status.expect("it is ours").code(), Some(7));
}

#[test]
fn a_wait_whose_runtime_has_ended_errs_until_the_end_is_there() {
    let _watchdog = Watchdog::new();
    let (mut child, end) = waiting(8);
    let runtime = workers(1);
    let hand = Hand::default();
    {
        let _entered = runtime.enter();
        assert!(hand.poll(&mut pin!(child.wait())).is_pending());
    }
    drop(runtime);
    let result = hand.poll(&mut pin!(child.wait()));
    assert!(matches!(result, Poll::Ready(Err(_))), "{result:?}");
    assert!(child.try_wait().expect("it is ours").is_none());
    let pid = child.id().expect("its end is not known");
    drop(end);
    eventually(|| is_zombie(pid));
    let Poll::Ready(Ok(status)) = hand.poll(&mut pin!(child.wait())) else { panic!("it is there") };
    assert_eq!(status.code(), Some(8));
}

#[test]
fn kill_ends_a_child_and_awaits_it() {
    on_each(|| async {
        let (mut child, _end) = waiting(0);
        child.kill().await.expect("it is ours");
        let status = child.try_wait().expect("it is ours").expect("its end was awaited");
        assert_eq!(status.signal(), Some(9));
        child.kill().await.expect("to kill what has ended is no error");
        child.start_kill().expect("to kill what has ended is no error");
    });
}

#[test]
fn what_somebody_else_has_reaped_is_not_signaled() {
    on_each(|| async {
        let (mut child, end) = waiting(0);
        drop(end);
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let reaped = waitpid(pid, WaitOptions::empty()).expect("it is ours");
        assert!(reaped.is_some());
        // The number may belong to a stranger.
        child.start_kill().expect("there is nobody to kill");
        child.send_signal(15).expect("there is nobody to signal");
        let error = child.wait().await.expect_err("nobody knows how it ended");
        assert_eq!(error.raw_os_error(), Some(10), "{error}");
    });
}

#[test]
fn a_signal_reaches_the_child() {
    on_each(|| async {
        let mut child = sh("trap 'exit 9' HUP; echo ready; while :; do sleep 0.01; done")
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).await.expect("the shell lives");
        assert_eq!(line, "ready\n");
        child.send_signal(filch::signal::unix::SignalKind::hangup()).expect("it is ours");
        assert_eq!(child.wait().await.expect("it is ours").code(), Some(9));

        let (mut child, _end) = waiting(0);
        let error = child.send_signal(12345).expect_err("there is no such signal");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn terminate_timeout_asks_first() {
    on_each(|| async {
        let mut child = sh("trap 'exit 11' TERM; echo ready; while :; do sleep 0.01; done")
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        child.stdout.as_mut().expect("it is piped").read_u8().await.expect("the shell lives");
        let status = child.terminate_timeout(super::TOO_LONG).await.expect("it is ours");
        assert_eq!(status.code(), Some(11));
    });
}

#[test]
fn terminate_timeout_kills_who_does_not_listen() {
    on_each(|| async {
        let mut child = sh("trap '' TERM; echo ready; while :; do sleep 0.01; done")
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        child.stdout.as_mut().expect("it is piped").read_u8().await.expect("the shell lives");
        let status = child.terminate_timeout(Duration::from_millis(20)).await.expect("it is ours");
        assert_eq!(status.signal(), Some(9));
    });
}

#[test]
fn a_status_is_told_although_the_rest_of_the_tree_may_not_be_killed() {
    with_signals_refused("process::ends::terminate_a_tree_whose_kill_is_refused", ":when=2");
}

#[test]
#[ignore = "run by a test of this file under strace"]
fn terminate_a_tree_whose_kill_is_refused() {
    current_thread().block_on(in_time(async {
        let mut child = sh("trap 'exit 11' TERM; echo ready; while :; do sleep 0.01; done")
            .stdout(Stdio::piped())
            .kill_tree_on_drop(true)
            .spawn()
            .expect("there is a shell");
        child.stdout.as_mut().expect("it is piped").read_u8().await.expect("the shell lives");
        let status = child.terminate_timeout(super::TOO_LONG).await.expect("it is known");
        assert_eq!(status.code(), Some(11));
    }));
}

#[test]
fn a_child_starts_with_a_clean_signal_mask_and_sigpipe() {
    on_each(|| async {
        let output = Command::new("cat").arg("/proc/self/status").output().await;
        let status = String::from_utf8(output.expect("there is a cat").stdout).expect("ASCII");
        let mask = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux");
            u64::from_str_radix(line.trim(), 16).expect("a mask")
        };
        assert_eq!(mask("SigBlk:"), 0);
        assert_eq!(mask("SigIgn:") & (1 << 12), 0, "SIGPIPE is ignored");
    });
}

#[test]
fn without_pidfds_sigchld_tells() {
    if !crate::tracer::can_trace() {
        return; // It is what makes the system calls fail.
    }
    let _watchdog = Watchdog::new();
    let test = "process::ends::everything_once";
    let output = std::process::Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=pidfd_open"])
        .args(["-e", "inject=pidfd_open:error=ENOSYS"])
        .arg(std::env::current_exe().expect("a test has a path"))
        .args(["--ignored", "--exact", test, "--nocapture", "--test-threads=1"])
        .env("PIDFD", "no")
        .output()
        .expect("there is strace");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
}

#[test]
fn with_pidfds_sigchld_is_left_alone() {
    run_alone("process::ends::everything_once", &[]);
}

/// Whether the process handles `SIGCHLD`.
fn catches_sigchld() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("Linux");
    u64::from_str_radix(mask.trim(), 16).expect("a mask") & (1 << 16) != 0
}

#[test]
#[ignore = "needs a process of its own"]
fn everything_once() {
    let has_pidfds = std::env::var_os("PIDFD").is_none();
    let runtime = workers(2);
    runtime.block_on(in_time(async {
        let (stdin, end) = UnixStream::pair().expect("below the limit");
        let mut waits = Vec::new();
        for code in 0..50_u8 {
            let mut child = gate(&stdin, code).spawn().expect("below the limits");
            assert!(poll_once(child.wait()).await.is_none(), "it waits for its input");
            waits.push(filch::spawn(async move { child.wait().await }));
        }
        assert_eq!(catches_sigchld(), !has_pidfds);
        drop((stdin, end));
        for (code, wait) in waits.into_iter().enumerate() {
            let status = wait.await.expect("no panic").expect("it is ours");
            assert_eq!(status.code(), i32::try_from(code).ok());
        }

        let (mut child, _end) = waiting(0);
        child.kill().await.expect("it is ours");
        assert_eq!(child.wait().await.expect("it is ours").signal(), Some(9));

        let (child, end) = waiting(0);
        let pid = child.id().expect("its end is not known");
        drop(child);
        drop(end);
        eventually(|| !exists(pid));

        let mut command = sh("trap '' TERM; echo ready; while :; do sleep 0.01; done");
        command.stdout(Stdio::piped()).kill_tree_on_drop(true);
        command.terminate_timeout(Duration::from_millis(20));
        let mut child = command.spawn().expect("there is a shell");
        let pid = child.id().expect("its end is not known");
        let mut stdout = child.stdout.take().expect("it is piped");
        stdout.read_u8().await.expect("the shell lives");
        drop(child);
        eventually(|| !exists(pid));
        let mut rest = Vec::new();
        stdout.read_to_end(&mut rest).await.expect("nobody holds the pipe");
    }));
    drop(runtime);
    eventually(|| !catches_sigchld());
}
