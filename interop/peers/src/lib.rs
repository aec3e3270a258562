//! What the tests of the examples share: programs that end with the test, `curl`, a certificate, and where the databases are.
//!
//! Everything here blocks and uses nothing but std, so that no test stands on what it tests.

use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

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
        let mut child = Command::new(binary)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built with this test");
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

/// Runs `curl`, quietly and not for ever.
pub fn curl(arguments: &[&str]) -> Output {
    let always = ["--silent", "--show-error", "--fail-with-body", "--max-time", "20"];
    Command::new("curl").args(always).args(arguments).output().expect("these tests need curl")
}

/// What a program printed that ended well.
pub fn text(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// A key and a certificate for `localhost` and `127.0.0.1`, signed with the key itself; the files go with this.
pub struct Certificate {
    folder: PathBuf,
}

impl Certificate {
    /// Lets `openssl` make them.
    pub fn new() -> Certificate {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("filch-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).expect("nobody else has this name");
        let certificate = Certificate { folder };
        std::fs::write(certificate.file("openssl.cnf"), CONFIGURATION).expect("a writable folder");
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "2", "-config", "openssl.cnf"])
            .args(["-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(&certificate.folder)
            .output()
            .expect("these tests need openssl");
        text(made);
        certificate
    }

    pub fn cert(&self) -> PathBuf {
        self.file("cert.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.file("key.pem")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Certificate::new()
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Why our own: the system's would make it the certificate of an authority, which no server may show.
const CONFIGURATION: &str = "\
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = localhost
[extensions]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
";

/// A path as an argument.
pub fn argument(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// The URL of the PostgreSQL that `cargo xtask interop` started.
pub fn postgres() -> Option<String> {
    started("FILCH_POSTGRES")
}

/// The URL of the Redis that `cargo xtask interop` started.
pub fn redis() -> Option<String> {
    started("FILCH_REDIS")
}

/// Without the server a test does nothing but say so; under `CI=true` it fails.
fn started(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok();
    if url.is_none() {
        let must = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!must, "no {variable}: `cargo xtask interop` starts the server and sets it");
        eprintln!("note: no {variable}; this test did nothing (`cargo xtask interop` sets it)");
    }
    url
}
