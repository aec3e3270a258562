//! The server as `curl` sees it: a TLS client that is not rustls.

use peers::{Certificate, Server, argument, curl, text};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A server and what `curl` needs to trust it.
struct Secure {
    server: Server,
    certificate: Certificate,
}

impl Secure {
    fn start() -> Secure {
        let certificate = Certificate::new();
        let files = [certificate.cert(), certificate.key()];
        let server = Server::start(
            env!("CARGO_BIN_EXE_hello_https"),
            &files.each_ref().map(|file| argument(file)),
        );
        Secure { server, certificate }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.server.address)
    }

    /// `curl` with this server's certificate as the only one it trusts.
    fn curl(&self, arguments: &[&str]) -> std::process::Output {
        let cert = self.certificate.cert();
        curl(&[&["--cacert", argument(&cert)], arguments].concat())
    }
}

#[test]
fn both_versions_of_http_are_agreed_upon_in_the_handshake() {
    let secure = Secure::start();
    let get = |option| text(secure.curl(&[option, &secure.url("/")]));
    assert_eq!(get("--http1.1"), "HTTP/1.1 in secret\n");
    assert_eq!(get("--http2"), "HTTP/2.0 in secret\n");
}

#[test]
fn many_streams_share_a_connection() {
    let secure = Secure::start();
    let url = secure.url("/");
    let at_once = ["--http2", "--parallel", "--parallel-max", "20"];
    let pages = text(secure.curl(&[&at_once[..], &[url.as_str(); 100]].concat()));
    assert_eq!(pages, "HTTP/2.0 in secret\n".repeat(100));
}

#[test]
fn both_versions_of_tls_are_spoken() {
    let secure = Secure::start();
    for version in ["1.2", "1.3"] {
        let only = [&format!("--tlsv{version}"), "--tls-max", version];
        assert_eq!(
            text(secure.curl(&[&only[..], &[&secure.url("/")]].concat())),
            "HTTP/2.0 in secret\n"
        );
    }
}

#[test]
fn a_body_of_many_records_comes_back() {
    let secure = Secure::start();
    let body = "0123456789abcdef".repeat(1 << 16);
    let folder = secure.certificate.folder();
    folder.write("body", &body);
    let data = format!("@{}", argument(&folder.file("body")));
    for version in ["--http1.1", "--http2"] {
        let echo = secure.curl(&[version, "--data-binary", &data, &secure.url("/echo")]);
        assert!(text(echo) == body);
    }
}

#[test]
fn a_client_that_trusts_nobody_is_the_only_one_without_an_answer() {
    let secure = Secure::start();
    assert!(!curl(&[&secure.url("/")]).status.success());
    // One that does not speak TLS is told so in TLS: an alert record.
    let mut plain = TcpStream::connect(secure.server.address).expect("it listens");
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("sent");
    let mut alert = Vec::new();
    let _ = plain.read_to_end(&mut alert);
    assert_eq!(alert.first(), Some(&21), "{alert:?}");
    assert_eq!(text(secure.curl(&["--http1.1", &secure.url("/")])), "HTTP/1.1 in secret\n");
}
