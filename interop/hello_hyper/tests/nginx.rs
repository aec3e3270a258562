//! The client at a server that is not ours: nginx.

use peers::{Folder, Program, argument, curl, foreign, text};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

const VERSIONS: [Version; 2] = [Version::Http1, Version::Http2];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

/// Some megabytes; no two neighbors of any power of two are the same.
fn large() -> Vec<u8> {
    (0..4_000_037).map(|n| (n % 251) as u8).collect()
}

struct Nginx {
    program: Program,
    folder: Folder,
    /// Of HTTP/1 and of HTTP/2.
    ports: [u16; 2],
}

impl Nginx {
    /// `None`: it is not installed.
    fn start() -> Option<Nginx> {
        // A free port may be taken by somebody else before nginx has it.
        const TRIES: usize = 3;
        let folder = Folder::new();
        folder.write("large", large());
        folder.write("slow", vec![b'.'; 48 << 10]);
        for _ in 0..TRIES {
            let ports = free_ports();
            let text = include_str!("nginx.conf");
            let text = text.replace("HTTP1", &ports[0].to_string());
            folder.write("nginx.conf", text.replace("HTTP2", &ports[1].to_string()));
            let mut command = foreign("nginx", &folder)?;
            command.args(["-e", "stderr", "-c", "nginx.conf", "-p", argument(folder.path())]);
            let mut program = Program::spawn(&mut command);
            while let Some(line) = program.line() {
                eprintln!("{line}");
                // Which one it has, it says after it listens.
                if line.contains("event method") {
                    return Some(Nginx { program, folder, ports });
                }
            }
        }
        panic!("nginx does not start");
    }

    fn url(&self, version: Version, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[version as usize])
    }

    /// Our client, about to ask for pages.
    fn command(&self, version: Version, paths: &[&str]) -> Command {
        let mut fetch = Command::new(env!("CARGO_BIN_EXE_fetch"));
        fetch.args((version == Version::Http2).then_some("--http2"));
        fetch.args(paths.iter().map(|path| self.url(version, path)));
        fetch
    }

    fn fetch(&self, version: Version, paths: &[&str]) -> Output {
        self.command(version, paths).output().expect("it was built")
    }

    /// The paths it has answered, in the order in which it was done with them.
    fn answered(&self) -> Vec<String> {
        let log = String::from_utf8(self.folder.read("order.log")).expect("text");
        log.lines().map(str::to_owned).collect()
    }
}

fn free_ports() -> [u16; 2] {
    let listen = || TcpListener::bind("127.0.0.1:0").expect("a port");
    let listeners = [listen(), listen()];
    listeners.each_ref().map(|listener| listener.local_addr().expect("bound").port())
}

#[test]
fn one_connection_is_used_for_all_pages() {
    // More than the server answers at a time.
    const PAGES: usize = 40;
    let Some(nginx) = Nginx::start() else { return };
    for (version, name) in [(Version::Http1, "HTTP/1.1"), (Version::Http2, "HTTP/2.0")] {
        let pages = text(nginx.fetch(version, &["/which"; PAGES]));
        let mut requests: Vec<usize> = Vec::new();
        let mut connections: Vec<&str> = Vec::new();
        for page in pages.lines() {
            let [spoken, connection, request] = page.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{page}");
            };
            assert_eq!(spoken, name);
            connections.push(connection);
            requests.push(request.parse().expect("a number"));
        }
        connections.dedup();
        assert_eq!(connections.len(), 1);
        requests.sort();
        assert!(requests.into_iter().eq(1..=PAGES));
    }
}

#[test]
fn large_bodies_come_whole_with_and_without_a_length() {
    let Some(nginx) = Nginx::start() else { return };
    let head = ["--dump-header", "-", "--output", "/dev/null"];
    let of_chunks = text(curl(&[&head[..], &[&nginx.url(Version::Http1, "/chunks")]].concat()));
    assert!(of_chunks.contains("Transfer-Encoding: chunked\r\n"), "{of_chunks}");
    for version in VERSIONS {
        let pages = nginx.fetch(version, &["/large", "/chunks", "/large", "/chunks"]);
        assert!(pages.status.success(), "{version:?}: {}", String::from_utf8_lossy(&pages.stderr));
        assert!(pages.stdout == large().repeat(4), "{version:?}: {} bytes", pages.stdout.len());
    }
}

#[test]
fn a_slow_page_holds_up_what_follows_in_http_1_only() {
    let Some(nginx) = Nginx::start() else { return };
    let order = VERSIONS.map(|version| {
        let before = nginx.answered().len();
        assert!(nginx.fetch(version, &["/slow", "/which"]).status.success());
        // The last of them it notes when the client has it, or a little later.
        nginx.answered()[before].clone()
    });
    assert_eq!(order, ["/slow", "/which"]);
}

#[test]
fn a_page_that_is_not_there_is_an_error() {
    let Some(nginx) = Nginx::start() else { return };
    for version in VERSIONS {
        let output = nginx.fetch(version, &["/which", "/missing"]);
        assert!(!output.status.success());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("404"), "{version:?}: {error}");
    }
}

#[test]
fn a_connection_that_the_server_has_enough_of_is_an_error() {
    let Some(nginx) = Nginx::start() else { return };
    assert_eq!(text(nginx.fetch(Version::Http1, &["/last"])), "goodbye\n");
    assert!(!nginx.fetch(Version::Http1, &["/last", "/which"]).status.success());
}

#[test]
fn the_other_version_is_an_error() {
    let Some(mut nginx) = Nginx::start() else { return };
    nginx.ports.reverse();
    for version in VERSIONS {
        assert!(!nginx.fetch(version, &["/which"]).status.success(), "{version:?}");
    }
}

#[test]
fn a_server_that_dies_in_the_middle_of_a_page_is_an_error() {
    for version in VERSIONS {
        let Some(mut nginx) = Nginx::start() else { return };
        let mut fetch = nginx.command(version, &["/which", "/slow"]);
        let fetch = fetch.stderr(Stdio::piped()).spawn().expect("it was built");
        while nginx.answered().is_empty() {
            sleep(Duration::from_millis(1));
        }
        nginx.program.kill();
        assert!(!fetch.wait_with_output().expect("it ends").status.success(), "{version:?}");
    }
}
