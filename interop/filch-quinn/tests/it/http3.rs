//! HTTP/3 with somebody else's QUIC and TLS at the other end: ngtcp2's client and server over GnuTLS.
//!
//! Of HTTP/3 (RFC 9114) there is as much as an echo needs. No header is read, and what is written is in the words of
//! QPACK's static table (RFC 9204), without compression.

use filch_quinn::FilchRuntime;
use peers::{Certificate, Folder, Foreign, argument, command, installed, output, text};
use quinn::{Connection, Endpoint, SendStream, VarInt};
use std::net::SocketAddr;

use crate::{LARGE, client, server, socket};

const PROTOCOL: &[u8] = b"h3";

const NOTHING_WRONG: VarInt = VarInt::from_u32(0x100);

/// Kinds of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;

fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u64 | 0b11 << 62; // Two bits say: in eight bytes.
    [&[kind], &length.to_be_bytes()[..], content].concat()
}

/// A number of one, two, four or eight bytes. `None`: there is nothing more.
fn number(bytes: &mut &[u8]) -> Option<usize> {
    let n_bytes = 1 << (bytes.first()? >> 6);
    let (number, rest) = bytes.split_at(n_bytes);
    *bytes = rest;
    let first = usize::from(number[0] & 0b11_1111);
    Some(number[1..].iter().fold(first, |sum, byte| sum << 8 | usize::from(*byte)))
}

/// What the frames of a stream carry.
fn content(mut stream: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some(kind) = number(&mut stream) {
        let length = number(&mut stream).expect("a length after the kind");
        let (of_frame, rest) = stream.split_at(length);
        if kind == usize::from(DATA) {
            content.extend_from_slice(of_frame);
        }
        stream = rest;
    }
    content
}

/// `:status: 200`.
fn ok() -> Vec<u8> {
    frame(HEADERS, &[0, 0, 0xc0 | 25])
}

/// `:method: GET`, `:scheme: https`, `:authority: localhost`, and a path.
fn get(path: &str) -> Vec<u8> {
    let literal =
        |name: u8, value: &str| [&[0x50 | name, value.len() as u8], value.as_bytes()].concat();
    let fields = [&[0, 0, 0xc0 | 17, 0xc0 | 23][..], &literal(0, "localhost"), &literal(1, path)];
    frame(HEADERS, &fields.concat())
}

/// Each side begins with a stream of its settings, which stays open. Nothing is set.
async fn open_control(connection: &Connection) -> SendStream {
    let mut control = connection.open_uni().await.expect("it is open");
    control.write_all(&[&[0], &frame(SETTINGS, &[])[..]].concat()).await.expect("sent");
    control
}

/// Accepts one connection and echoes what its requests bring; returns how many there were.
async fn echo(endpoint: Endpoint) -> usize {
    let connection = endpoint.accept().await.expect("it is open").await.expect("a good client");
    let _control = open_control(&connection).await;
    let mut n = 0;
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        n += 1;
        filch::spawn(async move {
            let request = receive.read_to_end(2 * LARGE).await.expect("all of it");
            let answer = [ok(), frame(DATA, &content(&request))].concat();
            send.write_all(&answer).await.expect("the client reads");
            send.finish().expect("once");
        });
    }
    endpoint.wait_idle().await;
    n
}

/// Lets ngtcp2's client send the same to several paths at a time, and looks at what it got for each.
fn answer_ngtcp2(n: usize, body: &[u8], options: &[&str]) {
    let Some(program) = installed("gtlsclient") else { return };
    let certificate = Certificate::new();
    let folder = Folder::new();
    folder.write("body", body);
    let served = filch::run(async {
        let server = server(&certificate, PROTOCOL, FilchRuntime);
        let port = server.local_addr().expect("bound").port().to_string();
        let mut command = command(program);
        command.args(["--quiet", "--exit-on-all-streams-close", "--http-method", "POST"]);
        command.args(options).arg("--data").arg(folder.file("body"));
        command.arg("--download").arg(folder.path()).args(["127.0.0.1", &port]);
        command.args((0..n).map(|path| format!("https://localhost/{path}")));
        let served = filch::spawn(echo(server.clone()));
        text(filch::to_thread(move || output(command)).await);
        server.close(NOTHING_WRONG, b""); // The client may have said so, and it may be lost.
        served.await.expect("it does not panic")
    });
    assert_eq!(served, n);
    for path in 0..n {
        assert!(folder.read(&path.to_string()) == body, "the {path}th answer is another one");
    }
}

/// Three of a hundred packets, each way: enough for a few, and a handshake that loses all it may is not to be seen.
const LOSSES: &[&str] = &["--tx-loss", "0.03", "--rx-loss", "0.03"];

#[test]
fn filch_answers_ngtcp2() {
    answer_ngtcp2(50, b"hello from GnuTLS", &[]);
}

#[test]
fn filch_answers_ngtcp2_with_as_much_as_it_was_sent() {
    answer_ngtcp2(2, &vec![7; LARGE], &[]);
}

/// Timers of filch decide when something is sent again.
#[test]
fn filch_answers_ngtcp2_over_a_line_that_loses_packets() {
    answer_ngtcp2(4, &vec![8; LARGE / 10], LOSSES);
}

/// Serves a folder. `None`: it is not installed.
fn ngtcp2(folder: &Folder, options: &[&str]) -> Option<(Foreign, SocketAddr)> {
    // A free port may be taken by somebody else before the server has it.
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        let address = socket().local_addr().expect("bound");
        let port = address.port().to_string();
        let brief = ["--no-quic-dump", "--no-http-dump", "--htdocs", argument(folder.path())];
        let place = ["127.0.0.1", &port, "key.pem", "cert.pem"];
        let arguments = [&brief, options, &place].concat();
        let mut server = Foreign::start("gtlsserver", folder, &arguments)?;
        // It does not say that it is ready, but what it receives.
        let probe = socket();
        probe.connect(address).expect("it is not far");
        if server.prints("Received packet", || drop(probe.send(b"?"))) {
            return Some((server, address));
        }
    }
    panic!("gtlsserver does not start");
}

/// Asks ngtcp2's server for several files at a time, and looks at what it sends for each.
fn ask_ngtcp2(paths: &[&str], options: &[&str]) {
    let certificate = Certificate::new();
    let folder = certificate.folder();
    folder.write("small", "hello to GnuTLS");
    folder.write("large", vec![9; LARGE]);
    let Some((_server, address)) = ngtcp2(folder, options) else { return };
    filch::run(async {
        let endpoint = client(&certificate, PROTOCOL, FilchRuntime);
        let connecting = endpoint.connect(address, "localhost").expect("a name");
        let connection = connecting.await.expect("a good server");
        let _control = open_control(&connection).await;
        let answers = filch::gather(paths.iter().map(|path| {
            let (connection, request) = (connection.clone(), get(path));
            async move {
                let (mut send, mut receive) = connection.open_bi().await.expect("it is open");
                send.write_all(&request).await.expect("the server reads");
                send.finish().expect("once");
                content(&receive.read_to_end(2 * LARGE).await.expect("all of it"))
            }
        }));
        for (path, answer) in paths.iter().zip(answers.await) {
            assert!(answer == folder.read(&path[1..]), "{path} is another one");
        }
        connection.close(NOTHING_WRONG, b"");
        endpoint.wait_idle().await;
    });
}

#[test]
fn ngtcp2_answers_filch() {
    ask_ngtcp2(&["/small"; 50], &[]);
}

#[test]
fn ngtcp2_answers_filch_at_length() {
    ask_ngtcp2(&["/large", "/small", "/large"], &[]);
}

#[test]
fn ngtcp2_answers_filch_over_a_line_that_loses_packets() {
    ask_ngtcp2(&["/large", "/small"], LOSSES);
}
