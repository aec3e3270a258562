//! An HTTPS server: rustls encrypts, hyper speaks HTTP/1.1 or HTTP/2, filch listens. Ctrl-C ends it.
//!
//! ```text
//! cargo run --release -- cert.pem key.pem 127.0.0.1:8443
//! curl --cacert cert.pem https://localhost:8443/
//! ```
//!
//! Without an address it takes a free port and prints it. `/echo` returns the body.

use filch::Error;
use filch::hyper::{FilchExecutor, FilchTimer};
use filch::net::{TcpListener, TcpStream};
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
use std::io::Write;
use std::sync::Arc;

/// Whoever connects and says nothing is let go after this.
const HANDSHAKE: Duration = Duration::from_secs(5);

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = match request.uri().path() {
        "/echo" => request.into_body().collect().await?.to_bytes(),
        _ => Bytes::from(format!("{:?} in secret\n", request.version())),
    };
    Ok(Response::new(Full::new(body)))
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor) -> Result<(), Error> {
    let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await??;
    let mut http = auto::Builder::new(FilchExecutor::new());
    http.http1().timer(FilchTimer::new());
    http.http2().timer(FilchTimer::new());
    let served = http.serve_connection(stream, service_fn(answer)).await;
    served.map_err(Error::msg)
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor) -> Result<(), Error> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        filch::spawn(async move {
            if let Err(error) = serve(stream, acceptor).await {
                eprintln!("connection: {error}");
            }
        });
    }
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
    std::io::stdout().flush()?;
    filch::select! {
        result = accept(listener, acceptor) => result,
        interrupted = filch::signal::ctrl_c() => Ok(interrupted?),
    }
}
