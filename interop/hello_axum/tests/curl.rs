//! The router as `curl` sees it.

use peers::{Server, curl, text};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn start() -> Server {
    Server::start(env!("CARGO_BIN_EXE_hello_axum"), &[])
}

#[test]
fn routes_extractors_and_state_work() {
    let server = start();
    assert_eq!(text(curl(&[&server.url("/")])), "hello from axum on filch\n");
    let add = |note| text(curl(&["--data", note, &server.url("/notes")]));
    assert_eq!(add("buy milk"), "/notes/0\n");
    assert_eq!(add("sell milk"), "/notes/1\n");
    assert_eq!(text(curl(&[&server.url("/notes/1")])), "sell milk\n");
    assert_eq!(text(curl(&[&server.url("/notes")])), "buy milk\nsell milk\n");
}

#[test]
fn what_no_route_answers_is_refused_by_axum() {
    let server = start();
    let code = |arguments: &[&str]| {
        let output =
            curl(&[&["--output", "/dev/null", "--write-out", "%{http_code}"], arguments].concat());
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(code(&[&server.url("/missing")]), "404");
    assert_eq!(code(&[&server.url("/notes/7")]), "404");
    assert_eq!(code(&[&server.url("/notes/seven")]), "400");
    assert_eq!(code(&["--request", "DELETE", &server.url("/notes")]), "405");
}

#[test]
fn handlers_wait_side_by_side() {
    const REQUESTS: u32 = 40;
    let server = start();
    let url = server.url("/slow");
    let at_once = ["--parallel", "--parallel-immediate", "--parallel-max", "40"];
    let begin = Instant::now();
    let answers = text(curl(&[&at_once[..], &[url.as_str(); REQUESTS as usize]].concat()));
    let took = begin.elapsed();
    assert_eq!(answers, "slow\n".repeat(REQUESTS as usize));
    assert!(took < REQUESTS * Duration::from_millis(50), "they waited for each other: {took:?}");
}

#[test]
fn an_interrupt_ends_it_with_connections_open() {
    let server = start();
    let open = TcpStream::connect(server.address).expect("it listens");
    assert_eq!(text(curl(&[&server.url("/")])), "hello from axum on filch\n");
    assert!(server.interrupt());
    drop(open);
}
