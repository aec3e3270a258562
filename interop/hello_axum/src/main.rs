//! An axum `Router` on filch: handlers, extractors and state as ever, only `axum::serve` is not used. Ctrl-C or
//! SIGTERM ends it.
//!
//! ```text
//! cargo run --release -- 127.0.0.1:8080
//! curl --data 'buy milk' http://127.0.0.1:8080/notes
//! curl http://127.0.0.1:8080/notes/0
//! ```
//!
//! Without an address it takes a free port and prints it.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use filch::Error;
use filch::hyper::FilchTimer;
use filch::net::{self, TcpListener, TcpStream};
use filch::sync::Mutex;
use filch::time::{Duration, sleep};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use std::sync::Arc;
use tower_service::Service;

/// Requests that run when the program is asked to end may go on for so long.
const GRACE: Duration = Duration::from_secs(1);

type Notes = Arc<Mutex<Vec<String>>>;

async fn list(State(notes): State<Notes>) -> String {
    notes.lock().await.iter().map(|note| format!("{note}\n")).collect()
}

async fn add(State(notes): State<Notes>, note: String) -> (StatusCode, String) {
    let mut notes = notes.lock().await;
    notes.push(note);
    (StatusCode::CREATED, format!("/notes/{}\n", notes.len() - 1))
}

async fn read(State(notes): State<Notes>, Path(number): Path<usize>) -> Result<String, StatusCode> {
    let notes = notes.lock().await;
    notes.get(number).map(|note| format!("{note}\n")).ok_or(StatusCode::NOT_FOUND)
}

async fn slow() -> &'static str {
    sleep(Duration::from_millis(50)).await;
    "slow\n"
}

fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "hello from axum on filch\n" }))
        .route("/slow", get(slow))
        .route("/notes", get(list).post(add))
        .route("/notes/{number}", get(read))
        .with_state(Notes::default())
}

async fn serve(stream: TcpStream, app: Router) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    // A router is always ready, so there is nothing to await before the call.
    let service = service_fn(move |request: Request<Incoming>| app.clone().call(request));
    let mut http = http1::Builder::new();
    http.timer(FilchTimer::new());
    Ok(http.serve_connection(stream, service).with_upgrades().await?)
}

#[filch::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = TcpListener::bind(address.as_str()).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = app();
    let server = net::serve(listener, move |stream, _| serve(stream, app.clone()));
    filch::signal::shutdown_signal().await?;
    println!("{}", server.shutdown(GRACE).await);
    Ok(())
}
