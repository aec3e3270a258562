//! QUIC by quinn, on filch's sockets, timers and tasks.

mod echo;
mod http3;

use peers::Certificate;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Endpoint, EndpointConfig, Runtime};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use std::net::UdpSocket;
use std::sync::Arc;

/// More than any buffer on the way holds.
const LARGE: usize = 3 << 20;

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("a port")
}

/// Accepts who speaks `protocol`.
fn server(certificate: &Certificate, protocol: &[u8], runtime: impl Runtime) -> Endpoint {
    let chain = vec![CertificateDer::from_pem_file(certificate.cert()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(certificate.key()).expect("a key");
    let tls = rustls::ServerConfig::builder_with_protocol_versions(&[&TLS13]);
    let tls = tls.with_no_client_auth().with_single_cert(chain, key);
    let mut tls = tls.expect("they belong together");
    tls.alpn_protocols = vec![protocol.to_vec()];
    let quic = QuicServerConfig::try_from(tls).expect("it has QUIC's first cipher suite");
    let config = Some(quinn::ServerConfig::with_crypto(Arc::new(quic)));
    Endpoint::new(EndpointConfig::default(), config, socket(), Arc::new(runtime))
        .expect("the socket is good")
}

/// Trusts this certificate only, and speaks `protocol`.
fn client(certificate: &Certificate, protocol: &[u8], runtime: impl Runtime) -> Endpoint {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate.cert()).expect("PEM")).expect("a root");
    let tls = rustls::ClientConfig::builder_with_protocol_versions(&[&TLS13]);
    let mut tls = tls.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![protocol.to_vec()];
    let quic = QuicClientConfig::try_from(tls).expect("it has QUIC's first cipher suite");
    let mut endpoint = Endpoint::new(EndpointConfig::default(), None, socket(), Arc::new(runtime))
        .expect("the socket is good");
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(quic)));
    endpoint
}
