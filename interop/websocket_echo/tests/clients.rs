//! The server as its clients see it: bytes from RFC 6455, Python's websockets, and async-tungstenite's own client, which
//! talks to a server of Python's too.

use async_tungstenite::client_async;
use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use futures_util::StreamExt;
use peers::{Server, command, curl, installed, output, text};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

fn start() -> Server {
    Server::start(env!("CARGO_BIN_EXE_websocket_echo"), &[])
}

/// Debian's Python, for it is Debian that has packed the library. `None`: it has not been installed.
fn python() -> Option<&'static str> {
    installed("/usr/lib/python3/dist-packages/websockets/__init__.py").map(|_| "/usr/bin/python3")
}

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer.py");

/// The key and its answer stand in RFC 6455, section 1.3; the frames in section 5.7.
#[test]
fn bytes_from_the_standard_are_answered_as_it_says() {
    let server = start();
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    stream
        .write_all(
            b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a whole head");
        head.extend(byte);
    }
    let head = String::from_utf8(head).expect("text").to_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");

    let mut exchange = |sent: &[u8], expected: &[u8]| {
        stream.write_all(sent).expect("sent");
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, expected);
    };
    let masked_hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    exchange(&masked_hello, b"\x81\x05Hello");
    let masked_ping = [0x89, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    exchange(&masked_ping, b"\x8a\x05Hello");
    let in_two_parts =
        [0x01, 0x83, 0, 0, 0, 0, b'H', b'e', b'l', 0x80, 0x82, 0, 0, 0, 0, b'l', b'o'];
    exchange(&in_two_parts, b"\x81\x05Hello");
    let masked_close = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]; // 1000: nothing is wrong.
    exchange(&masked_close, &[0x88, 0x02, 0x03, 0xe8]);
    assert_eq!(stream.read(&mut [0]).expect("the server closes"), 0);
}

#[test]
fn a_client_of_another_library_is_echoed() {
    let Some(python) = python() else { return };
    let server = start();
    let url = format!("ws://{}", server.address);
    let mut client = command(python);
    client.args([PEER, "client", &url]);
    text(output(client));
}

#[test]
fn a_server_of_another_library_echoes_our_client() {
    let Some(python) = python() else { return };
    let server = Server::start(python, &[PEER, "server"]);
    let messages = vec![
        Message::text("hello"),
        Message::text(""),
        Message::binary(vec![0x5a; 4 << 20]),
        Message::text("Grüße"),
    ];
    assert_eq!(filch::run(talk(&server, messages.clone())), messages);
}

#[test]
fn a_client_that_asks_for_a_page_is_refused_and_hurts_nobody() {
    let server = start();
    let refused = curl(&[&server.url("/")]);
    assert!(!refused.status.success());
    let greeting = filch::run(talk(&server, vec![Message::text("still there?")]));
    assert_eq!(greeting, [Message::text("still there?")]);
}

#[test]
fn a_hundred_clients_get_their_own_messages_back() {
    let server = start();
    filch::run(async {
        let address = server.address;
        filch::gather((0..100).map(|n| async move {
            let messages: Vec<_> = (0..10).map(|m| Message::text(format!("{n}: {m}"))).collect();
            assert_eq!(exchange(address, messages.clone()).await, messages);
        }))
        .await;
    });
}

#[test]
fn a_message_larger_than_any_buffer_comes_back() {
    let server = start();
    let large = Message::binary(vec![0x5a; 4 << 20]);
    assert_eq!(filch::run(talk(&server, vec![large.clone()])), [large]);
}

async fn talk(server: &Server, messages: Vec<Message>) -> Vec<Message> {
    exchange(server.address, messages).await
}

/// Sends messages, waits for as many, and says goodbye.
async fn exchange(address: SocketAddr, messages: Vec<Message>) -> Vec<Message> {
    let stream = filch::net::TcpStream::connect(address).await.expect("it listens");
    let (socket, _) =
        client_async(format!("ws://{address}/"), stream).await.expect("a WebSocket server");
    let (mut sink, mut stream) = socket.split();
    let n = messages.len();
    let send = async {
        for message in messages {
            sink.send(message).await.expect("it reads");
        }
    };
    let receive = async {
        let mut answers = Vec::new();
        while answers.len() < n {
            answers.push(stream.next().await.expect("as many as were sent").expect("good ones"));
        }
        answers
    };
    let ((), answers) = filch::join!(send, receive);
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
    sink.send(Message::Close(Some(goodbye.clone()))).await.expect("it is open");
    // It says the same, and closes.
    let last = stream.next().await.expect("an answer").expect("a good one");
    assert_eq!(last, Message::Close(Some(goodbye)));
    assert!(stream.next().await.is_none());
    answers
}
