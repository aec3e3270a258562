//! A PostgreSQL and a Redis for the length of the tests: on loopback, on a free port, with data that goes when they go.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::outcome::Trouble;
use crate::{packages, sh};

/// How long a server may take to start, and to stop.
const LIMIT: Duration = Duration::from_secs(30);
/// A free port may be taken by somebody else before the server has it.
const TRIES: usize = 3;

/// Ends with the fastest shutdown that tells clients.
pub(super) struct Postgres(Server);

impl Postgres {
    /// `None`: there is no such program.
    pub(super) fn start() -> Result<Option<Self>, Trouble> {
        if packages::find("postgres").is_none() {
            return Ok(None);
        }
        // It refuses to run as root.
        let user = packages::is_root().then_some("postgres");
        let folder = Folder::new("postgres", user)?;
        let file = |name: &str| folder.0.join(name).display().to_string();
        std::fs::write(file("password"), "filch").map_err(|error| error.to_string())?;
        let options = [
            "--username=filch",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ];
        let mut command = command(user, "initdb", &options)?;
        command.arg("-D").arg(file("data")).arg(format!("--pwfile={}", file("password")));
        sh::output(&mut command)?;
        let start = |port: u16| {
            let mut command =
                self::command(user, "postgres", &["-h", "127.0.0.1", "-c", "fsync=off"])?;
            command.args(["-c", "unix_socket_directories=", "-c", "lc_messages=C"]);
            command.arg("-D").arg(file("data")).arg("-p").arg(port.to_string());
            Ok(command)
        };
        let (child, port) = start_on_free_port(start, "ready to accept connections")?;
        Ok(Some(Postgres(Server { child, port, stop: "INT", _folder: folder })))
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://filch:filch@127.0.0.1:{}/postgres", self.0.port)
    }
}

/// Keeps nothing on disk.
pub(super) struct Redis(Server);

impl Redis {
    /// `None`: there is no such program.
    pub(super) fn start() -> Result<Option<Self>, Trouble> {
        if packages::find("redis-server").is_none() {
            return Ok(None);
        }
        let folder = Folder::new("redis", None)?;
        let start = |port: u16| {
            let mut command =
                command(None, "redis-server", &["--bind", "127.0.0.1", "--save", ""])?;
            command.arg("--dir").arg(&folder.0).arg("--port").arg(port.to_string());
            Ok(command)
        };
        let (child, port) = start_on_free_port(start, "Ready to accept connections")?;
        Ok(Some(Redis(Server { child, port, stop: "TERM", _folder: folder })))
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.0.port)
    }
}

/// A running server; it is ended when this is dropped.
struct Server {
    child: Child,
    port: u16,
    /// The signal that asks it to end.
    stop: &'static str,
    /// Goes after the server.
    _folder: Folder,
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", self.stop, &id]).status();
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder for temporary files, and its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, owner: Option<&str>) -> Result<Self, Trouble> {
        let path = std::env::temp_dir().join(format!("filch-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let folder = Folder(path);
        if let Some(owner) = owner {
            sh::output(sh::program("chown", [owner]).arg(&folder.0))?;
        }
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A command that runs as `user`, and ends when this program ends for whatever reason.
fn command(user: Option<&str>, program: &str, arguments: &[&str]) -> Result<Command, Trouble> {
    let file = packages::find(program).ok_or(Trouble::Missing(format!("no {program}")))?;
    let mut command = if sh::has("setpriv") {
        let mut command = sh::program("setpriv", ["--pdeathsig", "INT"]);
        if let Some(user) = user {
            command.args(["--reuid", user, "--regid", user, "--init-groups"]);
        }
        command.arg("--").arg(file);
        command
    } else {
        sh::program(&file.to_string_lossy(), [""; 0])
    };
    command.args(arguments);
    // Where everybody may be: this user's folder may be closed to the other one.
    command.current_dir(Path::new("/"));
    Ok(command)
}

/// Starts a server on a free port, and waits until it prints `ready`.
fn start_on_free_port(
    start: impl Fn(u16) -> Result<Command, Trouble>,
    ready: &str,
) -> Result<(Child, u16), Trouble> {
    let mut trouble = Trouble::from("no try");
    for _ in 0..TRIES {
        let port = free_port().map_err(|error| error.to_string())?;
        match start_until(start(port)?, ready) {
            Ok(child) => return Ok((child, port)),
            Err(why) => trouble = why,
        }
    }
    Err(trouble)
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn start_until(mut command: Command, ready: &str) -> Result<Child, Trouble> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let (sender, lines) = channel();
    forward(child.stdout.take().expect("stdout is piped"), sender.clone());
    forward(child.stderr.take().expect("stderr is piped"), sender);
    let mut seen = String::new();
    while let Ok(line) = lines.recv_timeout(LIMIT) {
        if line.contains(ready) {
            return Ok(child);
        }
        seen += &line;
        seen.push('\n');
    }
    let _ = child.kill();
    let _ = child.wait();
    Err(format!("a server did not become ready:\n{seen}").into())
}

/// Reads all that a server prints, so that it never waits for a reader.
fn forward(from: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
}
