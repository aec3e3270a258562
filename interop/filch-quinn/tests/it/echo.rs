//! Echoes over QUIC, one stream per request: filch on both sides, and filch with quinn on smol at the other end.

use filch_quinn::FilchRuntime;
use peers::Certificate;
use quinn::{Endpoint, Runtime, SmolRuntime};
use std::net::SocketAddr;

use crate::{LARGE, client, server};

const PROTOCOL: &[u8] = b"echo";

/// Accepts one connection and echoes each of its streams; returns how many there were.
async fn echo(endpoint: Endpoint) -> usize {
    let connection = endpoint.accept().await.expect("it is open").await.expect("a good client");
    let mut streams = Vec::new();
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        streams.push(filch::spawn(async move {
            let request = receive.read_to_end(LARGE).await.expect("all of it");
            send.write_all(&request).await.expect("the client reads");
            send.finish().expect("once");
        }));
    }
    let n = streams.len();
    for stream in streams {
        stream.await.expect("it does not panic");
    }
    endpoint.wait_idle().await;
    n
}

/// Asks for some echoes at a time over one connection, checks them, and closes.
async fn ask(endpoint: Endpoint, server: SocketAddr, requests: Vec<Vec<u8>>) {
    let connection = endpoint.connect(server, "localhost").expect("a name");
    let connection = connection.await.expect("a good server");
    let asked = requests.into_iter().map(|request| {
        let connection = connection.clone();
        async move {
            let (mut send, mut receive) = connection.open_bi().await.expect("it is open");
            send.write_all(&request).await.expect("the server reads");
            send.finish().expect("once");
            let answer = receive.read_to_end(LARGE).await.expect("all of it");
            assert!(answer == request, "{} bytes instead of {}", answer.len(), request.len());
        }
    });
    filch::gather(asked).await;
    connection.close(0_u32.into(), b"done");
    endpoint.wait_idle().await;
}

fn hundred_requests() -> Vec<Vec<u8>> {
    (0..100).map(|n: u8| vec![n; 10 * usize::from(n)]).collect()
}

fn exchange(of_server: impl Runtime, of_client: impl Runtime, requests: Vec<Vec<u8>>) {
    let certificate = Certificate::new();
    filch::run(async {
        let server = server(&certificate, PROTOCOL, of_server);
        let client = client(&certificate, PROTOCOL, of_client);
        let address = server.local_addr().expect("bound");
        let n = requests.len();
        let echoes = filch::spawn(echo(server));
        ask(client, address, requests).await;
        assert_eq!(echoes.await.expect("it does not panic"), n);
    });
}

#[test]
fn filch_serves_filch() {
    exchange(FilchRuntime, FilchRuntime, hundred_requests());
}

#[test]
fn a_large_request_is_paced_by_filchs_timers() {
    exchange(FilchRuntime, FilchRuntime, vec![vec![7; LARGE], vec![8; LARGE / 2]]);
}

#[test]
fn filch_serves_quinn_on_smol() {
    exchange(FilchRuntime, SmolRuntime, hundred_requests());
}

#[test]
fn quinn_on_smol_serves_filch() {
    exchange(SmolRuntime, FilchRuntime, hundred_requests());
}

#[test]
fn a_client_that_trusts_somebody_else_is_refused() {
    let (ours, other) = (Certificate::new(), Certificate::new());
    filch::run(async {
        let server = server(&ours, PROTOCOL, FilchRuntime);
        let client = client(&other, PROTOCOL, FilchRuntime);
        let address = server.local_addr().expect("bound");
        let accepting =
            filch::spawn(async move { server.accept().await.expect("it is open").await.is_err() });
        let connecting = client.connect(address, "localhost").expect("a name");
        assert!(connecting.await.is_err());
        assert!(accepting.await.expect("it does not panic"));
    });
}
