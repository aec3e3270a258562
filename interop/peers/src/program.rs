//! Programs that end with the test.

use crate::{Folder, command, installed, spawn};
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A program that prints where it listens; it is killed when this is dropped.
pub struct Server {
    program: Program,
    pub address: SocketAddr,
}

impl Server {
    /// Starts a program and reads its first line, `listening on <scheme>://<address>`.
    pub fn start(binary: &str, arguments: &[&str]) -> Server {
        let mut program = Program::start(binary, arguments);
        let line = program.line().expect("it prints its address");
        let (_, address) = line.rsplit_once("://").expect("a scheme before the address");
        Server { program, address: address.parse().expect("an address") }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// As [`Program::interrupt`].
    pub fn interrupt(self) -> bool {
        self.program.interrupt()
    }
}

/// A program with its output; it is killed when this is dropped.
pub struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    pub fn start(binary: &str, arguments: &[&str]) -> Program {
        let mut command = command(binary);
        command.args(arguments);
        Program::spawn(command)
    }

    pub fn spawn(mut command: Command) -> Program {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = spawn(command);
        let output = child.stdout.take().expect("it is piped");
        Program { child, lines: BufReader::new(output).lines() }
    }

    /// What it prints next. `None`: it has closed its output.
    pub fn line(&mut self) -> Option<String> {
        self.lines.next().map(|line| line.expect("text"))
    }

    /// Sends a signal, by its name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("there is a kill").success());
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Kills it, and waits until it is gone. It has no time for anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Asks it to end, as a terminal does, and waits until it has. `true`: with success.
    pub fn interrupt(mut self) -> bool {
        self.signal("INT");
        while self.line().is_some() {} // A full pipe would keep it.
        self.child.wait().expect("it is our child").success()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server of somebody else's, which writes what it prints to a file; it is killed when this is dropped.
pub struct Foreign {
    program: Program,
    output: PathBuf,
}

impl Foreign {
    /// Lets it work in `folder`, with nobody's rights when the test has root's. `None`: it is not [`installed`].
    pub fn start(server: &str, folder: &Folder, arguments: &[&str]) -> Option<Foreign> {
        let server = installed(server)?;
        let mut command = command("sh");
        command.args(["-c", "exec \"$0\" \"$@\" >output 2>&1"]).arg(server).args(arguments);
        command.current_dir(folder.path());
        if folder.give_to(NOBODY) {
            command.uid(NOBODY).gid(NOBODY);
        }
        Some(Foreign { program: Program::spawn(command), output: folder.file("output") })
    }

    /// Waits until it has printed `what`, and calls `nudge` every now and then. `false`: it has ended before.
    pub fn prints(&mut self, what: &str, nudge: impl Fn()) -> bool {
        let begin = Instant::now();
        loop {
            nudge();
            let has_ended = self.program.has_ended(); // Who has, prints nothing more after this line.
            let output = fs::read(&self.output).unwrap_or_default(); // At first there is none.
            let output = String::from_utf8_lossy(&output);
            if output.contains(what) {
                return true;
            }
            if has_ended {
                eprintln!("{output}");
                return false;
            }
            assert!(begin.elapsed() < TO_START, "it does not print {what:?}, only {output}");
            sleep(Duration::from_millis(1));
        }
    }

    /// As [`Program::kill`].
    pub fn kill(&mut self) {
        self.program.kill();
    }
}

/// On every Linux, as a user and as a group.
const NOBODY: u32 = 65534;

/// No server takes so long to become ready.
const TO_START: Duration = Duration::from_secs(60);
