//! The server as its clients see it: `curl`, our own client, `wrk` when it is there, and one that behaves badly.

use peers::{Server, command, curl, output, text};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn start() -> Server {
    Server::start(env!("CARGO_BIN_EXE_hello_hyper"), &[])
}

/// Our client.
fn fetch(arguments: &[&str]) -> Output {
    let mut fetch = command(env!("CARGO_BIN_EXE_fetch"));
    fetch.args(arguments);
    output(fetch)
}

#[test]
fn curl_gets_a_page_and_a_wrong_page() {
    let server = start();
    assert_eq!(text(curl(&[&server.url("/hello")])), "hello from filch\n");
    let missing = curl(&["--write-out", "%{http_code}", &server.url("/missing")]);
    assert_eq!(String::from_utf8_lossy(&missing.stdout), "no such page\n404");
}

/// One request per connection: curl before 8.0 cannot use an unencrypted one twice. `hello_https` has it use one often.
#[test]
fn curl_speaks_http_2_to_the_same_port() {
    let server = start();
    let version = ["--http2-prior-knowledge", "--write-out", "%{http_version}"];
    assert_eq!(
        text(curl(&[&version[..], &[&server.url("/hello")]].concat())),
        "hello from filch\n2"
    );
}

#[test]
fn our_client_gets_pages_by_either_version() {
    let server = start();
    let pages = ["/hello", "/slow", "/"].map(|path| server.url(path));
    let pages = pages.each_ref().map(String::as_str);
    let expected = "hello from filch\nslow\nhello from filch\n";
    assert_eq!(text(fetch(&pages)), expected);
    assert_eq!(text(fetch(&[&["--http2"], &pages[..]].concat())), expected);
    assert!(!fetch(&[&server.url("/missing")]).status.success());
}

#[test]
fn streams_of_one_http_2_connection_wait_side_by_side() {
    const REQUESTS: usize = 50;
    let server = start();
    let slow = server.url("/slow");
    let begin = Instant::now();
    let output = fetch(&[&["--http2"], &[slow.as_str(); REQUESTS][..]].concat());
    assert_eq!(text(output), "slow\n".repeat(REQUESTS));
    let took = begin.elapsed();
    assert!(took < REQUESTS as u32 * Duration::from_millis(50), "one after the other: {took:?}");
}

#[test]
fn curl_sends_a_megabyte_and_gets_it_back() {
    let server = start();
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
    let server = start();
    let url = server.url("/hello");
    let arguments = [vec![url.as_str(); 50], vec!["--write-out", "%{num_connects}\n"]].concat();
    let output = text(curl(&arguments));
    assert_eq!(output.matches("hello from filch").count(), 50);
    assert_eq!(output.matches("\n1\n").count(), 1, "one connection was enough: {output}");
}

#[test]
fn slow_answers_do_not_wait_for_each_other() {
    let server = start();
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
    let server = start();
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
    let server = start();
    let open = TcpStream::connect(server.address).expect("it listens");
    assert_eq!(text(curl(&[&server.url("/")])), "hello from filch\n");
    assert!(server.interrupt());
    drop(open);
}

#[test]
fn wrk_gets_answers_only() {
    let server = start();
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
