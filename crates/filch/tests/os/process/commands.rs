//! What a command says of the program to start.

use super::{on_each, sh};
use filch::process::{Command, Stdio};
use rustix::process::{getgid, getuid, set_child_subreaper};
use std::fs::File;
use std::io::ErrorKind;

/// What the command writes.
async fn text_of(command: &mut Command) -> String {
    let output = command.output().await.expect("there is such a program");
    String::from_utf8(output.stdout).expect("ASCII").trim().to_owned()
}

#[test]
fn arguments_environment_and_directory_arrive() {
    on_each(|| async {
        let mut command = sh("echo $0 $1 $2 $ONE $TWO $THREE $PWD");
        command.arg("a").args(["b", "c"]).env("ONE", "1").envs([("TWO", "2"), ("THREE", "3")]);
        command.env_remove("TWO").current_dir("/usr");
        assert_eq!(text_of(&mut command).await, "a b c 1 3 /usr");
        command.env_clear().env("TWO", "two");
        assert_eq!(text_of(&mut command).await, "a b c two /usr");
    });
}

#[test]
fn names_users_and_groups_arrive() {
    on_each(|| async {
        let mut command = sh("id -u; id -g; cut -d ' ' -f 1,5 /proc/$$/stat");
        command.uid(getuid().as_raw()).gid(getgid().as_raw()).process_group(0);
        let text = text_of(&mut command).await;
        let numbers: Vec<u32> =
            text.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        let [uid, gid, pid, group] = numbers[..] else { panic!("{text}") };
        assert_eq!((uid, gid), (getuid().as_raw(), getgid().as_raw()));
        assert_eq!(group, pid, "it leads a group of its own");

        let mut command = Command::new("sh");
        command.arg0("a-shell").args(["-c", "cat /proc/$$/cmdline"]);
        assert!(text_of(&mut command).await.starts_with("a-shell"));
    });
}

#[test]
fn a_call_before_the_program_is_made_in_the_child() {
    on_each(|| async {
        let mut command = sh("grep SigIgn /proc/self/status");
        // SAFETY: one system call, nothing else.
        unsafe { command.pre_exec(|| Ok(set_child_subreaper(None)?)) };
        let mask = text_of(&mut command).await;
        let mask = u64::from_str_radix(mask.trim_start_matches("SigIgn:").trim(), 16);
        assert_eq!(mask.expect("a mask") & (1 << 12), 0, "SIGPIPE is ignored");

        // SAFETY: nothing is done.
        unsafe { command.pre_exec(|| Err(ErrorKind::AddrInUse.into())) };
        command.spawn().expect_err("the call has failed");
    });
}

#[test]
fn commands_of_the_standard_library_can_be_taken_over() {
    on_each(|| async {
        let mut std = std::process::Command::new("sh");
        std.args(["-c", "echo $WORD"]).stdout(Stdio::null());
        let mut command = Command::from(std);
        command.as_std_mut().env("WORD", "taken");
        assert_eq!(command.as_std().get_program(), "sh");
        assert_eq!(text_of(&mut command).await, "taken");
        command.stdout(Stdio::piped());
        assert_eq!(command.into_std().output().expect("there is a shell").stdout, b"taken\n");

        let mut std = std::process::Command::new("readlink");
        std.arg("/proc/self/fd/0").stdin(File::open("/dev/zero").expect("Linux"));
        let mut command = Command::from(std);
        assert_eq!(text_of(&mut command).await, "/dev/zero");
        assert_eq!(text_of(&mut command).await, "/dev/zero", "its input was not captured");

        let spawned = sh("exit 2").spawn_with(std::process::Command::spawn);
        let status = spawned.expect("there is a shell").wait().await.expect("it is ours");
        assert_eq!(status.code(), Some(2));
    });
}
