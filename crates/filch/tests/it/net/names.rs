//! Names and their addresses.

use super::on_each;
use filch::net::{TcpListener, TcpStream, lookup_host};
use std::io::ErrorKind;

#[test]
fn localhost_is_found() {
    on_each(|| async {
        let addresses: Vec<_> =
            lookup_host("localhost:80").await.expect("every machine has it").collect();
        assert!(
            addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80),
            "{addresses:?}"
        );
        assert!(!addresses.is_empty());
    });
}

#[test]
fn a_stream_connects_by_name() {
    on_each(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let port = listener.local_addr().expect("bound").port();
        let stream = TcpStream::connect(("localhost", port)).await.expect("it listens");
        assert_eq!(stream.peer_addr().expect("connected").port(), port);
    });
}

#[test]
fn what_is_no_name_is_an_error() {
    on_each(|| async {
        let error = TcpStream::connect("no port").await.expect_err("there is no port");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(lookup_host("name.invalid:80").await.is_err());
    });
}
