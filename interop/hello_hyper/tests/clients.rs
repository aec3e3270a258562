//! The server as its clients see it: `curl`, `wrk` when it is there, and a client that behaves badly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts the server on a free port and reads from its output which one it got.
    fn start() -> Server {
        let mut process = Command::new(env!("CARGO_BIN_EXE_hello_hyper"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server was built with this test");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it prints its address");
        let address = line.trim().strip_prefix("listening on http://").expect("an address");
        let address = address.parse().expect("an address");
        Server { process, address }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks it to end, as a terminal does, and waits until it has.
    fn interrupt(mut self) -> bool {
        let sent = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success());
        self.process.wait().expect("it is our child").success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn curl(arguments: &[&str]) -> Output {
    let arguments =
        [&["--silent", "--show-error", "--fail-with-body", "--max-time", "20"], arguments].concat();
    Command::new("curl").args(arguments).output().expect("these tests need curl")
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn curl_gets_a_page_and_a_wrong_page() {
    let server = Server::start();
    assert_eq!(text(curl(&[&server.url("/hello")])), "hello from filch\n");
    let missing = curl(&["--write-out", "%{http_code}", &server.url("/missing")]);
    assert_eq!(String::from_utf8_lossy(&missing.stdout), "no such page\n404");
}

#[test]
fn curl_sends_a_megabyte_and_gets_it_back() {
    let server = Server::start();
    let body = vec![b'x'; 1 << 20];
    let mut curl = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--max-time", "20", "--data-binary", "@-"])
        .arg(server.url("/echo"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("these tests need curl");
    curl.stdin.take().expect("it is piped").write_all(&body).expect("curl reads all of it");
    let output = curl.wait_with_output().expect("curl ends");
    assert!(output.status.success());
    assert_eq!(output.stdout.len(), body.len());
}

#[test]
fn one_connection_serves_many_requests() {
    let server = Server::start();
    let url = server.url("/hello");
    let arguments = [vec![url.as_str(); 50], vec!["--write-out", "%{num_connects}\n"]].concat();
    let output = text(curl(&arguments));
    assert_eq!(output.matches("hello from filch").count(), 50);
    assert_eq!(output.matches("\n1\n").count(), 1, "one connection was enough: {output}");
}

#[test]
fn slow_answers_do_not_wait_for_each_other() {
    let server = Server::start();
    let begin = Instant::now();
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).expect("it listens");
            stream
                .write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                .expect("sent");
            stream
        })
        .collect();
    for mut client in clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("it closes when asked to");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("slow\n"), "{answer}");
    }
    let took = begin.elapsed();
    assert!(took < Duration::from_millis(20 * 50), "they waited for each other: {took:?}");
}

#[test]
fn a_client_that_sends_nonsense_hurts_nobody_else() {
    let server = Server::start();
    let mut rude = TcpStream::connect(server.address).expect("it listens");
    rude.write_all(b"\x16\x03\x01 this is not HTTP\r\n\r\n").expect("sent");
    drop(TcpStream::connect(server.address).expect("it listens")); // One that says nothing at all.
    let mut answer = String::new();
    let _ = rude.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(text(curl(&[&server.url("/hello")])), "hello from filch\n");
}

#[test]
fn an_interrupt_ends_it_with_connections_open() {
    let server = Server::start();
    let open = TcpStream::connect(server.address).expect("it listens");
    assert_eq!(text(curl(&[&server.url("/")])), "hello from filch\n");
    assert!(server.interrupt());
    drop(open);
}

#[test]
fn wrk_gets_answers_only() {
    let server = Server::start();
    let wrk = Command::new("wrk").args(["-t1", "-c32", "-d2s", &server.url("/hello")]).output();
    let Ok(output) = wrk else {
        eprintln!("note: no wrk; this test did nothing");
        return;
    };
    let report = text(output);
    println!("{report}");
    assert!(report.contains("Requests/sec"), "{report}");
    assert!(!report.contains("Socket errors"), "{report}");
    assert!(!report.contains("Non-2xx"), "{report}");
}
