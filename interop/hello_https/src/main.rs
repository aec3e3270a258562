//! An HTTPS server: rustls encrypts, hyper speaks HTTP/1.1 or HTTP/2, filch listens. Ctrl-C or
//! SIGTERM ends it.
//!
//! ```text
//! cargo run --release -- cert.pem key.pem 127.0.0.1:8443
//! curl --cacert cert.pem https://localhost:8443/
//! ```
//!
//! Without an address it takes a free port and prints it. `/echo` returns the body.

use filch::Error;
use filch::hyper::{FilchExecutor, FilchTimer};
use filch::net::{self, TcpListener, TcpStream};
use filch::time::{Duration, timeout};
use filch::tls::TlsAcceptor;
use filch::tls::pki_types::pem::PemObject;
use filch::tls::pki_types::{CertificateDer, PrivateKeyDer};
use filch::tls::rustls::ServerConfig;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::server::conn::auto;
use std::sync::Arc;

/// Whoever connects and says nothing is let go after this.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Requests that run when the program is asked to end may go on for so long.
const GRACE: Duration = Duration::from_secs(1);

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = match request.uri().path() {
        "/echo" => request.into_body().collect().await?.to_bytes(),
        _ => Bytes::from(format!("{:?} in secret\n", request.version())),
    };
    Ok(Response::new(Full::new(body)))
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await??;
    let mut http = auto::Builder::new(FilchExecutor::new());
    http.http1().timer(FilchTimer::new());
    http.http2().timer(FilchTimer::new());
    http.serve_connection(stream, service_fn(answer)).await.map_err(Error::msg)
}

fn acceptor(cert: &str, key: &str) -> Result<TlsAcceptor, Error> {
    let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[filch::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [cert, key, address @ ..] = &arguments[..] else {
        return Err(Error::msg("usage: hello_https <cert.pem> <key.pem> [address]"));
    };
    let acceptor = acceptor(cert, key)?;
    let address = address.first().map_or("127.0.0.1:0", String::as_str);
    let listener = TcpListener::bind(address).await?;
    println!("listening on https://{}", listener.local_addr()?);
    let server = net::serve(listener, move |stream, _| serve(stream, acceptor.clone()));
    filch::signal::shutdown_signal().await?;
    println!("{}", server.shutdown(GRACE).await);
    Ok(())
}
