//! `process::run`.

use super::{TOO_LONG, exists, on_each, sh, with_signals_refused};
use crate::tools::eventually;
use crate::watchdog::run_alone;
use filch::io::{AsyncBufReadExt, BufReader};
use filch::process::{Command, Run, RunError, Stdio, run};
use rustix::process::{Pid, Signal, kill_process};
use std::borrow::BorrowMut;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

#[test]
fn run_gives_what_the_program_wrote() {
    on_each(|| async {
        let output = run(&mut sh("cat; echo err >&2; exit 3")).await.expect("there is a shell");
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b""[..], &b"err\n"[..]));
        assert_eq!(output.status.code(), Some(3), "to fail is no error unless it is checked");

        let counted = run(Command::new("wc").arg("-c")).input("hello").check().await;
        assert_eq!(counted.expect("there is a wc").stdout.trim_ascii(), b"5");
    });
}

#[test]
fn a_run_of_a_command_that_is_given_can_be_a_task() {
    on_each(|| async {
        let run = run(sh("echo hi")).timeout(TOO_LONG).check();
        let output = filch::spawn(async move { run.await }).await.expect("no panic");
        assert_eq!(output.expect("there is a shell").stdout, b"hi\n");
    });
}

#[test]
fn streams_that_the_command_decided_on_are_left_alone() {
    on_each(|| async {
        let mut command = sh("cat; echo err >&2");
        command.stdin(std::fs::File::open("/proc/self/comm").expect("Linux"));
        let output = run(command.stderr(Stdio::null())).await.expect("there is a shell");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    });
}

/// Which pipes a child of the command has.
fn pipes(command: &mut Command) -> (bool, bool, bool) {
    let child = command.spawn().expect("there is a shell");
    (child.stdin.is_some(), child.stdout.is_some(), child.stderr.is_some())
}

#[test]
fn a_command_that_was_used_starts_the_next_child_without_pipes() {
    on_each(|| async {
        let mut command = sh(":");
        run(&mut command).await.expect("there is a shell");
        assert_eq!(pipes(&mut command), (false, false, false));
        run(&mut command).input("words").await.expect("there is a shell");
        assert_eq!(pipes(&mut command), (false, false, false));
        command.output().await.expect("there is a shell");
        assert_eq!(pipes(&mut command), (false, false, false));

        command.stdout(Stdio::piped());
        run(&mut command).await.expect("there is a shell");
        assert_eq!(pipes(&mut command), (false, true, false), "that one was asked for");
    });
}

#[test]
fn a_program_need_not_read_its_input() {
    on_each(|| async {
        let output = run(&mut sh("exec <&-; echo done")).input(vec![0; 1_000_000]).check().await;
        assert_eq!(output.expect("that is no failure").stdout, b"done\n");
    });
}

#[test]
fn a_checked_failure_hands_over_the_output() {
    on_each(|| async {
        let mut command = sh("echo out; echo first >&2; echo it broke >&2; exit 4");
        let error = run(&mut command).check().await.expect_err("it fails");
        assert_eq!(error.to_string(), "`sh` failed (exit status: 4): it broke");
        assert_eq!(error.output().expect("it was started").stdout, b"out\n");
        let RunError::Failed { output, .. } = error else { panic!("it failed") };
        assert_eq!(output.status.code(), Some(4));
    });
}

#[test]
fn a_program_that_cannot_be_started_is_an_error_like_any_other() {
    on_each(|| async {
        let error = run(Command::new("/no/such/program")).await.expect_err("it is not there");
        assert!(error.output().is_none());
        assert!(error.to_string().starts_with("`/no/such/program`: "), "{error}");
        assert_eq!(io::Error::from(error).kind(), ErrorKind::NotFound);
    });
}

#[test]
fn what_a_program_wrote_is_told_although_nobody_knows_how_it_ended() {
    run_alone("process::runs::run_while_children_are_ignored", &[]);
}

#[test]
#[ignore = "ignores a signal of the whole process; run by the test above"]
fn run_while_children_are_ignored() {
    // SAFETY: no handler is set, so nothing runs in one.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    on_each(|| async {
        let echo = || run(sh("echo out; echo err >&2"));
        for run in [echo(), echo().timeout(TOO_LONG)] {
            let error = run.await.expect_err("nobody knows how it ended");
            let output = error.output().expect("it was started");
            assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
            assert_eq!((output.status.code(), output.status.signal()), (None, None));
            assert_eq!(io::Error::from(error).raw_os_error(), Some(libc::ECHILD));
        }
    });
}

/// Runs a program that would go on for ever, with a limit that lets it write something first.
async fn too_slow<C: BorrowMut<Command>>(make: impl Fn() -> Run<C>) -> RunError {
    for limit_ms in [100, 1000, 10_000] {
        let outcome = make().timeout(Duration::from_millis(limit_ms)).await;
        let error = outcome.expect_err("it would go on for ever");
        if !error.output().expect("it was started").stdout.is_empty() {
            return error;
        }
    }
    panic!("the program has not begun");
}

#[test]
fn a_program_that_is_too_slow_is_asked_to_end() {
    const SCRIPT: &str = "trap 'echo bye; exit 5' TERM; echo hi; while :; do sleep 0.01; done";

    on_each(|| async {
        let error = too_slow(|| run(sh(SCRIPT))).await;
        let output = error.output().expect("it was started");
        assert_eq!(output.stdout, b"hi\nbye\n");
        assert_eq!(output.status.code(), Some(5));
        let message = error.to_string();
        assert!(message.starts_with("`sh` was not done after "), "{message}");
        assert!(message.ends_with(" and was ended (exit status: 5)"), "{message}");
        assert_eq!(io::Error::from(error).kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_program_that_does_not_listen_is_killed() {
    const SCRIPT: &str = "trap '' TERM; echo hi; while :; do sleep 0.01; done";

    on_each(|| async {
        let error = too_slow(|| run(sh(SCRIPT)).grace(Duration::from_millis(20))).await;
        let output = error.into_output().expect("it was started");
        assert_eq!(output.status.signal(), Some(9));
        assert_eq!(output.stdout, b"hi\n");
    });
}

#[test]
fn a_descendant_that_holds_the_pipe_is_not_waited_for_beyond_the_timeout() {
    on_each(|| async {
        let begin = Instant::now();
        let tree = || {
            let mut command = sh("sleep 1000 & echo up");
            command.kill_tree_on_drop(true);
            run(command)
        };
        let output = too_slow(tree).await.into_output().expect("it was started");
        assert_eq!(output.stdout, b"up\n");
        assert!(output.status.success(), "the program itself was done");
        assert!(begin.elapsed() < Duration::from_secs(40));
    });
}

#[test]
fn a_descendant_that_holds_the_pipe_costs_no_grace() {
    /// Far less than the grace, which is five seconds.
    const BOUND: Duration = Duration::from_secs(1);

    on_each(|| async {
        // In one, the program itself is done; the other has to be asked to end.
        for script in ["echo up; sleep 30 & echo $!", "echo up; sleep 30 & echo $!; exec sleep 30"]
        {
            let mut shortest = Duration::MAX;
            for _ in 0..5 {
                let begin = Instant::now();
                let error = run(sh(script)).timeout(Duration::from_millis(300)).await;
                let elapsed = begin.elapsed();
                let output = error.expect_err("the pipe is open").into_output();
                let text = String::from_utf8(output.expect("it was started").stdout);
                let pid = text.expect("ASCII").lines().nth(1).and_then(|pid| pid.parse().ok());
                if let Some(pid) = pid.and_then(Pid::from_raw) {
                    kill_process(pid, Signal::KILL).expect("it sleeps on");
                    shortest = shortest.min(elapsed);
                    if shortest < BOUND {
                        break;
                    }
                }
            }
            assert!(shortest < BOUND, "{script}: {shortest:?}");
        }
    });
}

#[test]
fn a_program_that_may_not_be_signaled_is_told_of_with_what_it_wrote() {
    with_signals_refused("process::runs::a_run_whose_signals_are_refused", "");
    with_signals_refused("process::runs::a_tree_whose_signals_are_refused", "");
}

/// Runs a program that writes, and goes on until its input ends, which is after `run` has given up.
async fn refused(kills_tree: bool) {
    let gate = || UnixStream::pair().expect("below the limit");
    let command = |script: &str, stdin| {
        let mut command = sh(script);
        command.stdin(OwnedFd::from(stdin)).kill_tree_on_drop(kills_tree);
        command
    };
    let (stdin, end) = gate();
    let error = loop {
        let run = run(command("echo hi; read line", stdin.try_clone().expect("below the limit")));
        let run = run.grace(Duration::from_millis(20)).timeout(Duration::from_millis(300));
        let error = run.await.expect_err("it waits for its input");
        assert!(matches!(error, RunError::TimedOut { .. }), "{error:?}");
        if !error.output().expect("it was started").stdout.is_empty() {
            break error;
        }
    };
    assert!(error.to_string().ends_with(" and its end is not known"), "{error}");
    let output = error.into_output().expect("it was started");
    assert_eq!(output.stdout, b"hi\n");
    assert_eq!((output.status.code(), output.status.signal()), (None, None));
    assert!(!output.status.success());
    drop((stdin, end));

    // One that ends by itself within the grace has a status.
    let (stdin, end) = gate();
    let run = run(command("read line; exit 7", stdin)).grace(TOO_LONG);
    let running = async { run.timeout(Duration::from_millis(50)).await };
    let ending = async {
        filch::time::sleep(Duration::from_millis(100)).await;
        drop(end);
    };
    // Why biased: the limit begins first, so it is over first.
    let (outcome, ()) = filch::join!(biased; running, ending);
    let output = outcome.expect_err("it was too slow").into_output().expect("it was started");
    assert_eq!(output.status.code(), Some(7));
}

#[test]
#[ignore = "run by a test of this file under strace"]
fn a_run_whose_signals_are_refused() {
    on_each(|| refused(false));
}

#[test]
#[ignore = "run by a test of this file under strace"]
fn a_tree_whose_signals_are_refused() {
    on_each(|| refused(true));
}

#[test]
fn a_descendant_of_no_tree_is_left_alone() {
    on_each(|| async {
        let alone = || run(sh("sleep 20 & echo $!")).grace(Duration::from_millis(20));
        let output = too_slow(alone).await.into_output().expect("it was started");
        let text = String::from_utf8(output.stdout).expect("ASCII");
        let pid: i32 = text.trim().parse().expect("a number");
        let pid = Pid::from_raw(pid).expect("it is not zero");
        kill_process(pid, Signal::TERM).expect("it sleeps on");
    });
}

#[test]
fn a_run_that_is_dropped_ends_its_program() {
    on_each(|| async {
        let (ours, theirs) = UnixStream::pair().expect("below the limit");
        let mut command = sh("echo $$ >&0; exec sleep 1000");
        command.stdin(OwnedFd::from(theirs));
        let ours = filch::net::UnixStream::from_std(ours).expect("it is open");
        let mut line = String::new();
        let running = async { drop(run(command).await) };
        let telling = async {
            BufReader::new(ours).read_line(&mut line).await.expect("it tells its number");
        };
        futures_lite::future::or(running, telling).await;
        let pid: u32 = line.trim().parse().expect("a number");
        eventually(|| !exists(pid));
    });
}
