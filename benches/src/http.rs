//! What hyper does on a connection, the same for every runtime: its traits on the stream are all that differs.

use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

/// Answers every request of a connection, until its client hangs up.
pub(crate) async fn serve(stream: impl Read + Write + Unpin + 'static) {
    // Why no error: a client that is gone is none of the server's business.
    let _ = http1::Builder::new().serve_connection(stream, service_fn(hello)).await;
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(b"hello, world\n"))))
}
