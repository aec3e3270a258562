//! An HTTP server: hyper speaks HTTP/1.1 and HTTP/2, filch listens. Ctrl-C or SIGTERM ends it.
//!
//! ```text
//! cargo run --release --bin hello_hyper -- 127.0.0.1:8080
//! curl http://127.0.0.1:8080/hello
//! curl --http2-prior-knowledge http://127.0.0.1:8080/hello
//! ```
//!
//! Without an address it takes a free port and prints it. `/slow` answers after 50 ms, `/echo` returns the body.

use filch::Error;
use filch::hyper::{FilchExecutor, FilchTimer};
use filch::net::{self, TcpListener, TcpStream};
use filch::time::{Duration, sleep};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::server::conn::auto;

/// Requests that run when the program is asked to end may go on for so long.
const GRACE: Duration = Duration::from_secs(1);

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (status, body) = match request.uri().path() {
        "/" | "/hello" => (StatusCode::OK, Bytes::from_static(b"hello from filch\n")),
        "/slow" => {
            sleep(Duration::from_millis(50)).await;
            (StatusCode::OK, Bytes::from_static(b"slow\n"))
        }
        "/echo" => (StatusCode::OK, request.into_body().collect().await?.to_bytes()),
        _ => (StatusCode::NOT_FOUND, Bytes::from_static(b"no such page\n")),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

async fn serve(stream: TcpStream) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    // HTTP/2 answers many requests at a time, each in a task that the executor spawns.
    let mut http = auto::Builder::new(FilchExecutor::new());
    http.http1().timer(FilchTimer::new()).header_read_timeout(Duration::from_secs(5));
    http.http2().timer(FilchTimer::new()).keep_alive_interval(Duration::from_secs(20));
    // filch's streams have hyper's traits themselves; `HyperIo` would wrap any other one.
    http.serve_connection(stream, service_fn(answer)).await.map_err(Error::msg)
}

#[filch::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = TcpListener::bind(address.as_str()).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let server = net::serve(listener, |stream, _| serve(stream));
    filch::signal::shutdown_signal().await?;
    println!("{}", server.shutdown(GRACE).await);
    Ok(())
}
