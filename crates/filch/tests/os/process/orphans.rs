//! Children whose owners have gone.

use super::{exists, on_each, runtimes, sh};
use crate::tools::{eventually, workers};
use crate::watchdog::{Watchdog, run_alone};
use filch::io::AsyncReadExt;
use filch::process::{Child, Command, Stdio};
use futures_lite::future::poll_once;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A command that ends when the other end of the stream is closed.
fn waiting() -> (Command, UnixStream) {
    let (stdin, end) = UnixStream::pair().expect("below the limit");
    let mut command = Command::new("cat");
    command.stdin(OwnedFd::from(stdin)).stdout(Stdio::null());
    (command, end)
}

fn spawn(command: &mut Command) -> (Child, u32) {
    let child = command.spawn().expect("there is a cat");
    let pid = child.id().expect("its end is not known");
    (child, pid)
}

/// Whether the thread that reaps has ended.
pub(super) fn no_reaper() -> bool {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let mut names = tasks
        .flatten()
        .map(|task| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default());
    !names.any(|name| name.trim() == "filch-reaper")
}

#[test]
fn a_dropped_child_goes_on_and_is_reaped_at_its_end() {
    on_each(|| async {
        let (theirs, mut ours) = UnixStream::pair().expect("below the limit");
        let mut command = Command::new("cat");
        command.stdin(OwnedFd::from(theirs.try_clone().expect("below the limit")));
        let (child, pid) = spawn(command.stdout(OwnedFd::from(theirs)));
        drop((child, command));
        // What it answers now, it has read after the drop.
        let mut answer = [0; 5];
        ours.write_all(b"hello").expect("it goes on");
        ours.read_exact(&mut answer).expect("it goes on");
        assert_eq!(&answer, b"hello");
        drop(ours);
        eventually(|| !exists(pid));
    });
}

#[test]
fn a_child_that_was_awaited_for_a_while_is_reaped_as_well() {
    on_each(|| async {
        let (mut command, end) = waiting();
        let (mut child, pid) = spawn(&mut command);
        assert!(filch::time::timeout(Duration::from_millis(2), child.wait()).await.is_err());
        drop((child, command, end));
        eventually(|| !exists(pid));
    });
}

#[test]
fn kill_on_drop_ends_and_reaps() {
    on_each(|| async {
        let (mut command, _end) = waiting();
        let (child, pid) = spawn(command.kill_on_drop(true));
        assert!(command.get_kill_on_drop());
        drop(child);
        eventually(|| !exists(pid));

        let (child, pid) = spawn(sh("exit 0").kill_on_drop(true));
        eventually(|| super::is_zombie(pid));
        drop(child);
        assert!(!exists(pid), "what has ended is reaped at once");
    });
}

#[test]
fn a_canceled_output_kills_if_told_to() {
    on_each(|| async {
        let (mut command, _end) = waiting();
        let output = command.kill_on_drop(true).output();
        let before = Duration::from_millis(2);
        assert!(filch::time::timeout(before, output).await.is_err());
    });
    // Reaping is not seen from here: the future did not tell its number.
}

#[test]
fn a_child_can_be_dropped_without_a_runtime() {
    let _watchdog = Watchdog::new();
    let (mut command, end) = waiting();
    let (child, pid) = spawn(&mut command);
    drop((child, command, end));
    eventually(|| !exists(pid));

    // After its runtime.
    let (mut command, end) = waiting();
    let (mut child, pid) = spawn(&mut command);
    let runtime = workers(1);
    runtime.block_on(async {
        assert!(filch::time::timeout(Duration::from_millis(2), child.wait()).await.is_err());
    });
    drop(runtime);
    drop((child, command, end));
    eventually(|| !exists(pid));
}

/// What of a child was under way when its runtime ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnderWay {
    Nothing,
    AWait,
    /// And the child went with the task.
    AWaitOfATask,
}

#[test]
fn no_zombie_outlives_the_runtime_and_the_child() {
    for under_way in [UnderWay::Nothing, UnderWay::AWait, UnderWay::AWaitOfATask] {
        for kills in [true, false] {
            for runtime in runtimes() {
                let _watchdog = Watchdog::new();
                let (mut command, end) = waiting();
                let (child, pid) = {
                    let _entered = runtime.enter();
                    spawn(command.kill_on_drop(kills))
                };
                drop(command);
                let left = runtime.block_on(wait_a_little(child, under_way));
                drop(runtime);
                assert_eq!(left.is_some(), under_way != UnderWay::AWaitOfATask);
                if left.is_some() {
                    assert!(exists(pid) && !super::is_zombie(pid), "only its runtime has ended");
                }
                drop(left);
                if !kills {
                    assert!(
                        exists(pid) && !super::is_zombie(pid),
                        "{under_way:?}: nobody ended it"
                    );
                    drop(end);
                }
                eventually(|| !exists(pid));
            }
        }
    }
}

/// Hands the child back, unless a task has it.
async fn wait_a_little(mut child: Child, under_way: UnderWay) -> Option<Child> {
    match under_way {
        UnderWay::Nothing => Some(child),
        UnderWay::AWait => {
            assert!(poll_once(child.wait()).await.is_none(), "it waits for its input");
            Some(child)
        }
        UnderWay::AWaitOfATask => {
            let (waits, has_begun) = filch::sync::oneshot::channel();
            drop(filch::spawn(async move {
                assert!(poll_once(child.wait()).await.is_none(), "it waits for its input");
                waits.send(()).expect("it is awaited");
                child.wait().await
            }));
            has_begun.await.expect("the task lives");
            None
        }
    }
}

#[test]
fn a_child_that_ended_before_its_runtime_is_reaped_when_it_is_dropped() {
    for runtime in runtimes() {
        let _watchdog = Watchdog::new();
        let (mut command, end) = waiting();
        let (mut child, pid) = spawn(&mut command);
        drop(command);
        runtime.block_on(async { assert!(poll_once(child.wait()).await.is_none()) });
        drop(runtime);
        drop(end);
        eventually(|| super::is_zombie(pid));
        drop(child);
        assert!(!exists(pid), "what has ended is reaped at once");
    }
}

#[test]
fn a_grace_lets_a_dropped_child_finish() {
    on_each(|| async {
        let mut command = sh("trap 'echo bye; exit' TERM; echo hi; while :; do sleep 0.01; done");
        command.stdout(Stdio::piped()).kill_on_drop(true).terminate_timeout(super::TOO_LONG);
        let (mut child, pid) = spawn(&mut command);
        let mut stdout = child.stdout.take().expect("it is piped");
        assert_eq!(stdout.read_u8().await.expect("the shell lives"), b'h');
        drop(child);
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).await.expect("the shell writes");
        assert_eq!(rest, "i\nbye\n");
        eventually(|| !exists(pid));
    });
}

#[test]
fn a_grace_that_is_over_kills() {
    on_each(|| async {
        let mut command = sh("trap '' TERM; echo hi; while :; do sleep 0.01; done");
        command.stdout(Stdio::piped()).kill_on_drop(true);
        command.terminate_timeout(Duration::from_millis(10));
        let (mut child, pid) = spawn(&mut command);
        let mut stdout = child.stdout.take().expect("it is piped");
        stdout.read_u8().await.expect("the shell lives");
        drop(child);
        eventually(|| !exists(pid));
    });
}

#[test]
fn many_that_are_let_go_at_once_are_all_reaped() {
    run_alone("process::orphans::let_many_go", &[]);
}

#[test]
#[ignore = "needs a process of its own"]
fn let_many_go() {
    for _ in 0..3 {
        let (stdin, end) = UnixStream::pair().expect("below the limit");
        let pids: Vec<u32> = std::thread::scope(|scope| {
            let let_go = || {
                let mut pids = Vec::new();
                for i in 0..25 {
                    let mut command = Command::new("cat");
                    command.stdin(OwnedFd::from(stdin.try_clone().expect("below the limit")));
                    let (child, pid) = spawn(command.kill_on_drop(i % 2 == 0));
                    drop(child);
                    pids.push(pid);
                }
                pids
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(let_go)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(!no_reaper(), "half of them run");
        drop((stdin, end));
        eventually(|| pids.iter().all(|pid| !exists(*pid)));
        eventually(no_reaper);
    }
}
