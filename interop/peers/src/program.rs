//! Programs that end with the test.

use crate::{Folder, installed};
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};

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
        Program::spawn(Command::new(binary).args(arguments))
    }

    pub fn spawn(command: &mut Command) -> Program {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it was built with this test, or looked for");
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

/// A foreign server that works in `folder`, with nobody's rights when the test has root's. All that it prints is its output.
///
/// `None`: it is not [`installed`].
pub fn foreign(server: &str, folder: &Folder) -> Option<Command> {
    let server = installed(server)?;
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(server).current_dir(folder.path());
    if folder.give_to(NOBODY) {
        command.uid(NOBODY).gid(NOBODY);
    }
    Some(command)
}

/// On every Linux, as a user and as a group.
const NOBODY: u32 = 65534;
