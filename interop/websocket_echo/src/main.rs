//! A WebSocket server that returns each message: async-tungstenite speaks, filch listens. Ctrl-C or
//! SIGTERM ends it.
//!
//! ```text
//! cargo run --release -- 127.0.0.1:8080
//! ```
//!
//! Without an address it takes a free port and prints it.

use async_tungstenite::accept_async;
use filch::Error;
use filch::net::{self, TcpListener, TcpStream};
use filch::time::Duration;
use futures_util::StreamExt;

/// Conversations that go on when the program is asked to end may do so for this long.
const GRACE: Duration = Duration::from_secs(1);

/// Pings and closing handshakes are answered by tungstenite, while the next message is awaited.
async fn echo(stream: TcpStream) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut socket = accept_async(stream).await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

#[filch::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = TcpListener::bind(address.as_str()).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    let server = net::serve(listener, |stream, _| echo(stream));
    filch::signal::shutdown_signal().await?;
    println!("{}", server.shutdown(GRACE).await);
    Ok(())
}
