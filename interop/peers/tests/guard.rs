//! What becomes of programs and folders when the tests that made them end too early, or never.

#![cfg(target_os = "linux")]

use peers::{Folder, Program, command, output};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::{park, sleep, spawn};
use std::time::Duration;

/// What the test below has left behind: a process and a folder.
struct Left {
    process: String,
    folder: String,
}

impl Left {
    fn read(line: &str) -> Option<Left> {
        let (process, folder) = line.strip_prefix("left ")?.split_once(' ')?;
        Some(Left { process: process.to_owned(), folder: folder.to_owned() })
    }

    fn wait_until_gone(&self) {
        let stat = format!("/proc/{}/stat", self.process);
        // Whoever has been killed may stay as a zombie until somebody asks for it.
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            sleep(Duration::from_millis(1));
        }
        while Path::new(&self.folder).exists() {
            sleep(Duration::from_millis(1));
        }
    }
}

#[test]
#[ignore = "it never ends; the tests below start it in a process of its own"]
fn starts_a_program_and_hangs() {
    let folder = Folder::new();
    folder.write("file", "a file");
    let mut program = Program::start("sh", &["-c", "echo $$; exec sleep 1000"]);
    let process = program.line().expect("it prints its id");
    println!("\nleft {process} {}", folder.path().display());
    loop {
        park();
    }
}

fn hanging() -> Command {
    let mut tests = command(std::env::current_exe().expect("it has a path"));
    tests.args(["--ignored", "--exact", "starts_a_program_and_hangs", "--nocapture"]);
    tests
}

#[test]
fn what_tests_have_left_behind_that_were_killed_goes() {
    let mut tests = Program::spawn(hanging());
    let left = std::iter::from_fn(|| tests.line()).find_map(|line| Left::read(&line));
    let left = left.expect("it says what it leaves");
    assert!(Path::new(&left.folder).exists());
    tests.kill();
    left.wait_until_gone();
}

#[test]
fn tests_that_hang_are_ended_and_say_so() {
    let mut tests = hanging();
    tests.env("FILCH_TEST_LIMIT", "2");
    let ended = output(tests);
    assert!(!ended.status.success());
    let error = String::from_utf8(ended.stderr).expect("text");
    assert!(error.contains("these tests hang"), "{error}");
    let said = String::from_utf8(ended.stdout).expect("text");
    said.lines().find_map(Left::read).expect("it says what it leaves").wait_until_gone();
}

#[test]
fn a_program_outlives_the_thread_that_asked_for_it() {
    let script = "trap 'echo told; exit' TERM; echo ready; while :; do sleep 0.01; done";
    let asking = spawn(move || {
        let mut program = Program::start("sh", &["-c", script]);
        assert_eq!(program.line().as_deref(), Some("ready"));
        program
    });
    let mut program = asking.join().expect("it does not panic");
    program.signal("TERM");
    assert_eq!(program.line().as_deref(), Some("told"));
}
