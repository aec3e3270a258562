//! TLS clients on filch with OpenSSL as the server: `filch::tls`, and tokio-rustls, which wants tokio's traits of a
//! stream and nothing else. Of tokio-rustls the server too, as `curl` sees it.

use filch::net::{self, TcpListener, TcpStream};
use filch::tls;
use filch::tls::pki_types::pem::PemObject;
use filch::tls::pki_types::{CertificateDer, PrivateKeyDer};
use filch::tls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use peers::{Certificate, Program, argument, command, curl};
use std::io::{ErrorKind, Result};
use std::process::Stdio;
use std::sync::Arc;

const REQUEST: &[u8] = b"GET /body HTTP/1.0\r\n\r\n";

/// More than any buffer on the way holds.
fn body() -> Vec<u8> {
    (0..4_000_037).map(|n| (n % 251) as u8).collect()
}

/// `openssl s_server`, which serves the folder of its certificate.
struct Openssl {
    certificate: Certificate,
    _program: Program,
    port: u16,
}

impl Openssl {
    fn start(version: &str) -> Openssl {
        let certificate = Certificate::new();
        certificate.folder().write("body", body());
        let mut server = command("openssl");
        server.args(["s_server", "-accept", "127.0.0.1:0", "-WWW", version]);
        server.args(["-cert", "cert.pem", "-key", "key.pem"]);
        server.current_dir(certificate.folder().path()).stderr(Stdio::null());
        let mut program = Program::spawn(server);
        let port = std::iter::from_fn(|| program.line())
            .find_map(|line| line.strip_prefix("ACCEPT 127.0.0.1:")?.parse().ok())
            .expect("it prints where it listens");
        Openssl { certificate, _program: program, port }
    }

    /// A client that trusts this server only.
    fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let cert = CertificateDer::from_pem_file(self.certificate.cert()).expect("a certificate");
        roots.add(cert).expect("a root");
        client(roots)
    }
}

fn client(roots: RootCertStore) -> Arc<ClientConfig> {
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// Asks servers of either version of TLS.
fn ask_openssl(ask: impl AsyncFn(Arc<ClientConfig>, u16) -> Result<Vec<u8>>) {
    for version in ["-tls1_2", "-tls1_3"] {
        let server = Openssl::start(version);
        let answer = filch::run(ask(server.client(), server.port)).expect("an orderly end");
        assert!(answer.starts_with(b"HTTP/1.0 200 "), "{version}");
        assert!(answer.ends_with(&body()), "{version}: {} bytes", answer.len());
    }
}

#[test]
fn filch_gets_a_large_body() {
    use filch::io::{AsyncReadExt, AsyncWriteExt};
    ask_openssl(async |client, port| {
        let mut stream = tls::connect(&client.into(), "localhost", port).await?;
        stream.write_all(REQUEST).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(answer)
    });
}

#[test]
fn filch_does_not_talk_to_whom_it_does_not_trust() {
    let server = Openssl::start("-tls1_3");
    let stranger = client(RootCertStore::empty());
    let refused = filch::run(tls::connect(&stranger.into(), "localhost", server.port));
    assert_eq!(refused.expect_err("nobody is trusted").kind(), ErrorKind::InvalidData);
}

#[test]
fn tokio_rustls_gets_a_large_body() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ask_openssl(async |client, port| {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let name = "localhost".try_into().expect("a name");
        let connector = tokio_rustls::TlsConnector::from(client);
        let mut stream = connector.connect(name, stream).await?;
        stream.write_all(REQUEST).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(answer)
    });
}

/// Reads a head and answers with the body.
async fn answer(stream: TcpStream, acceptor: tokio_rustls::TlsAcceptor) -> Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await?;
    stream.write_all(&body()).await?;
    stream.shutdown().await
}

#[test]
fn tokio_rustls_sends_curl_a_large_body() {
    let certificate = Certificate::new();
    let chain = vec![CertificateDer::from_pem_file(certificate.cert()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(certificate.key()).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config.expect("they belong together")));
    let (output, report) = filch::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://{}/body", listener.local_addr().expect("bound"));
        let server = net::serve(listener, move |stream, _| answer(stream, acceptor.clone()));
        let cert = certificate.cert();
        let asking = filch::to_thread(move || curl(&["--cacert", argument(&cert), &url]));
        (asking.await, server.drain().await)
    });
    assert!(output.stdout == body(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((report.accepted, report.completed), (1, 1), "{report}");
}
