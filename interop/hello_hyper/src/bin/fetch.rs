//! An HTTP client: filch connects, hyper asks. All URLs must be of one server.
//!
//! ```text
//! cargo run --bin fetch -- http://127.0.0.1:8080/hello http://127.0.0.1:8080/
//! cargo run --bin fetch -- --http2 http://127.0.0.1:8080/slow http://127.0.0.1:8080/slow
//! ```
//!
//! HTTP/1.1 asks for one page after the other, HTTP/2 for all of them at a time; both on one connection.

use filch::Error;
use filch::hyper::{FilchExecutor, FilchTimer};
use filch::net::TcpStream;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::HOST;
use hyper::{Request, Response, Uri};
use std::io::Write;

type Get = Request<Empty<Bytes>>;

fn get(page: &Uri) -> Result<Get, Error> {
    Ok(Request::get(page).body(Empty::new())?)
}

async fn body(response: Response<Incoming>) -> Result<Bytes, Error> {
    if !response.status().is_success() {
        return Err(Error::msg(format!("the server answered {}", response.status())));
    }
    Ok(response.into_body().collect().await?.to_bytes())
}

async fn one_by_one(stream: TcpStream, pages: &[Uri]) -> Result<Vec<Bytes>, Error> {
    let (mut sender, connection) = http1::handshake(stream).await?;
    let bodies = async move {
        let mut bodies = Vec::new();
        for page in pages {
            sender.ready().await?;
            let mut request = get(page)?;
            let host = page.authority().expect("`connect` found it").as_str().parse()?;
            request.headers_mut().insert(HOST, host);
            bodies.push(body(sender.send_request(request).await?).await?);
        }
        Ok(bodies)
    };
    until_closed(connection, bodies).await
}

async fn all_at_once(stream: TcpStream, pages: &[Uri]) -> Result<Vec<Bytes>, Error> {
    let mut http = http2::Builder::new(FilchExecutor::new());
    // One, until the server has said how many it answers at a time: it refuses what is beyond.
    http.timer(FilchTimer::new()).initial_max_send_streams(1);
    let (sender, connection) = http.handshake(stream).await?;
    let requests = pages.iter().map(get).collect::<Result<Vec<Get>, Error>>()?;
    let bodies = filch::try_gather(requests.into_iter().map(move |request| {
        let mut sender = sender.clone();
        async move { body(sender.send_request(request).await?).await }
    }));
    until_closed(connection, bodies).await
}

/// Drives a connection while it is asked, and then until it is closed, which it is when the last sender is gone.
///
/// Its error says more than that of a request, to which it only says that the connection is gone.
async fn until_closed<T>(
    connection: impl Future<Output = Result<(), hyper::Error>>,
    asked: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let connection = async { Ok(connection.await?) };
    let ((), answers) = filch::try_join!(connection, asked)?;
    Ok(answers)
}

async fn connect(pages: &[Uri]) -> Result<TcpStream, Error> {
    let server = pages.first().and_then(Uri::authority);
    let server = server.ok_or_else(|| Error::msg("usage: fetch [--http2] <url>…"))?;
    let host = server.host().trim_matches(['[', ']']); // Those of an IPv6 address.
    let stream = TcpStream::connect((host, server.port_u16().unwrap_or(80))).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[filch::main]
async fn main() -> Result<(), Error> {
    let (options, pages): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let pages = pages.iter().map(|page| page.parse()).collect::<Result<Vec<Uri>, _>>()?;
    let stream = connect(&pages).await?;
    let bodies = match options.iter().any(|option| option == "--http2") {
        true => all_at_once(stream, &pages).await?,
        false => one_by_one(stream, &pages).await?,
    };
    for body in bodies {
        std::io::stdout().write_all(&body)?;
    }
    Ok(())
}
