//! The client at a server that is not ours: nginx.

use filch::net::TcpStream;
use h2::RecvStream;
use hyper::Request;
use peers::{Folder, Foreign, argument, command, curl, output, spawn, text};
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
    server: Foreign,
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
            let arguments = ["-e", "stderr", "-c", "nginx.conf", "-p", argument(folder.path())];
            let mut server = Foreign::start("nginx", &folder, &arguments)?;
            // Which one it has, it says after it listens.
            if server.prints("event method", || ()) {
                return Some(Nginx { server, folder, ports });
            }
        }
        panic!("nginx does not start");
    }

    fn url(&self, version: Version, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[version as usize])
    }

    /// Our client, about to ask for pages.
    fn command(&self, version: Version, paths: &[&str]) -> Command {
        let mut fetch = command(env!("CARGO_BIN_EXE_fetch"));
        fetch.args((version == Version::Http2).then_some("--http2"));
        fetch.args(paths.iter().map(|path| self.url(version, path)));
        fetch
    }

    fn fetch(&self, version: Version, paths: &[&str]) -> Output {
        output(self.command(version, paths))
    }

    /// Waits until it has answered `n` times, and returns the paths in the order in which it was done with them.
    ///
    /// It notes the last one when the client has it, or a little later.
    fn answered(&self, n: usize) -> Vec<String> {
        loop {
            let log = String::from_utf8(self.folder.read("order.log")).expect("text");
            let paths: Vec<String> = log.lines().map(str::to_owned).collect();
            if n <= paths.len() {
                return paths;
            }
            sleep(Duration::from_millis(1));
        }
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

async fn content(mut body: RecvStream) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.expect("the server lives");
        body.flow_control().release_capacity(data.len()).expect("as much as came");
        content.extend_from_slice(&data);
    }
    content
}

/// It wants tokio's traits of a stream, and nothing else.
#[test]
fn h2_without_hyper_gets_large_bodies_side_by_side() {
    let Some(nginx) = Nginx::start() else { return };
    let bodies = filch::run(async {
        let address = ("127.0.0.1", nginx.ports[Version::Http2 as usize]);
        let stream = TcpStream::connect(address).await.expect("it listens");
        let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        let connection = filch::spawn(connection);
        let asked = ["/large", "/chunks", "/large"].map(|path| {
            let (sender, page) = (sender.clone(), Request::get(nginx.url(Version::Http2, path)));
            async move {
                let mut sender = sender.ready().await.expect("it is open");
                let page = page.body(()).expect("a good URL");
                let (answer, _) = sender.send_request(page, true).expect("it is open");
                content(answer.await.expect("the server lives").into_body()).await
            }
        });
        let bodies = filch::gather(asked).await;
        drop(sender); // The last one: the connection ends.
        connection.await.expect("it does not panic").expect("an orderly end");
        bodies
    });
    assert_eq!(bodies.len(), 3);
    assert!(bodies.into_iter().all(|body| body == large()));
}

#[test]
fn a_slow_page_holds_up_what_follows_in_http_1_only() {
    let Some(nginx) = Nginx::start() else { return };
    let order = VERSIONS.map(|version| {
        let before = 2 * version as usize;
        assert!(nginx.fetch(version, &["/slow", "/which"]).status.success());
        nginx.answered(before + 2).split_off(before)
    });
    assert_eq!(order, [["/slow", "/which"], ["/which", "/slow"]]);
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
        fetch.stderr(Stdio::null());
        let mut fetch = spawn(fetch);
        nginx.answered(1);
        nginx.server.kill();
        assert!(!fetch.wait().expect("it is our child").success(), "{version:?}");
    }
}
