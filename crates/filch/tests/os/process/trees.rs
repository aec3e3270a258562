//! Children with their descendants.

use super::{exists, is_zombie, on_each, sh};
use crate::tools::eventually;
use filch::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use filch::process::{Child, ChildStdout, Command, Stdio};
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;

/// A child, the number of its own child, and what tells that all have ended.
async fn family(command: &mut Command) -> (Child, u32, BufReader<ChildStdout>) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("there is a shell");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).await.expect("the shell writes");
    (child, line.trim().parse().expect("a number"), stdout)
}

/// Waits until nobody holds the pipe.
async fn all_ended(mut stdout: BufReader<ChildStdout>) {
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).await.expect("it can be read");
}

#[test]
fn kill_tree_kills_the_descendants() {
    on_each(|| async {
        for own_group in
            [(|command| command.process_group(0)) as fn(&mut Command) -> &mut Command, |command| {
                command.kill_tree_on_drop(true)
            }]
        {
            let mut command = sh("sleep 1000 & echo $!; wait");
            let (mut child, grandchild, stdout) = family(own_group(&mut command)).await;
            assert!(exists(grandchild));
            child.kill_tree().await.expect("it leads its group");
            let status = child.try_wait().expect("it is ours").expect("it was awaited");
            assert_eq!(status.signal(), Some(9));
            all_ended(stdout).await;
            child.kill_tree().await.expect("to kill what has ended is no error");
        }
    });
}

#[test]
fn a_tree_that_nobody_asked_for_is_not_known() {
    on_each(|| async {
        let (mut child, grandchild, stdout) = family(&mut sh("sleep 0.1 & echo $!; wait")).await;
        let error = child.kill_tree().await.expect_err("it is in our group");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("kill_tree_on_drop"), "{error}");
        let _ = grandchild;
        all_ended(stdout).await;
        assert!(child.wait().await.expect("it is ours").success());
    });
}

#[test]
fn a_command_goes_back_to_the_group_it_was_told_when_no_tree_is_asked_for() {
    async fn number_and_group(command: &mut Command) -> (u32, u32) {
        let output = command.output().await.expect("there is a shell");
        let text = String::from_utf8(output.stdout).expect("ASCII");
        let (pid, group) = text.trim().split_once(' ').expect("two numbers");
        (pid.parse().expect("a number"), group.parse().expect("a number"))
    }

    on_each(|| async {
        let mut leader = sh("read line").stdin(Stdio::piped()).process_group(0).spawn();
        let leader = leader.as_mut().expect("there is a shell");
        let theirs = leader.id().expect("its end is not known");
        let mut command = sh("cut -d ' ' -f 1,5 /proc/$$/stat");
        command.process_group(i32::try_from(theirs).expect("process numbers are small"));

        let (pid, group) = number_and_group(command.kill_tree_on_drop(true)).await;
        assert_eq!(group, pid, "it leads a group of its own");
        let (pid, group) = number_and_group(command.kill_tree_on_drop(false)).await;
        assert_eq!(group, theirs, "{pid} is not in the group of the command");
        leader.wait().await.expect("it is ours");
    });
}

#[test]
fn a_dropped_child_takes_its_tree_along() {
    on_each(|| async {
        let mut command = sh("sleep 1000 & echo $!; wait");
        let (child, _, stdout) = family(command.kill_tree_on_drop(true)).await;
        let pid = child.id().expect("its end is not known");
        drop(child);
        all_ended(stdout).await;
        eventually(|| !exists(pid));
    });
}

#[test]
fn descendants_that_outlive_an_awaited_child_are_still_known() {
    on_each(|| async {
        let mut command = sh("sleep 1000 & echo $!");
        let (mut child, grandchild, stdout) = family(command.kill_tree_on_drop(true)).await;
        let pid = child.id().expect("its end is not known");
        assert!(child.wait().await.expect("it is ours").success());
        assert_eq!(child.id(), None);
        assert!(is_zombie(pid), "its number goes on to name the group");
        assert!(child.wait().await.expect("it is ours").success());
        assert!(exists(grandchild));
        drop(child);
        assert!(!exists(pid), "it is reaped");
        all_ended(stdout).await;
    });
}

#[test]
fn kill_tree_reaches_descendants_of_an_awaited_child() {
    on_each(|| async {
        let mut command = sh("sleep 1000 & echo $!");
        let (mut child, _, stdout) = family(command.kill_tree_on_drop(true)).await;
        assert!(child.wait().await.expect("it is ours").success());
        child.kill_tree().await.expect("it led its group");
        all_ended(stdout).await;
    });
}

#[test]
fn a_tree_has_its_grace_until_the_child_has_ended() {
    on_each(|| async {
        // The child waits for its own, which says goodbye.
        let script = "trap : TERM
            (trap 'echo bye; exit' TERM; echo $$; while :; do sleep 0.01; done) &
            wait; wait";
        let mut command = sh(script);
        command.kill_tree_on_drop(true).terminate_timeout(super::TOO_LONG);
        let (child, _, mut stdout) = family(&mut command).await;
        drop(child);
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).await.expect("it can be read");
        assert_eq!(rest, "bye\n");
    });
}

#[test]
fn terminate_timeout_reaches_the_tree() {
    on_each(|| async {
        let mut command = sh("sleep 1000 & echo $!; wait");
        let (mut child, _, stdout) = family(command.kill_tree_on_drop(true)).await;
        let status = child.terminate_timeout(super::TOO_LONG).await.expect("it is ours");
        assert_eq!(status.signal(), Some(15));
        all_ended(stdout).await;
    });
}
