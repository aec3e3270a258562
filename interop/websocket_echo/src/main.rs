//! A WebSocket server that returns each message: async-tungstenite speaks, filch listens. Ctrl-C ends it.
//!
//! ```text
//! cargo run --release -- 127.0.0.1:8080
//! ```
//!
//! Without an address it takes a free port and prints it.

use async_tungstenite::accept_async;
use async_tungstenite::tungstenite::Error;
use filch::net::{TcpListener, TcpStream};
use futures_util::StreamExt;
use std::io::Write;

/// Pings and closing handshakes are answered by tungstenite, while the next message is awaited.
async fn echo(stream: TcpStream) -> Result<(), Error> {
    let mut socket = accept_async(stream).await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn accept(listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        filch::spawn(async {
            if let Err(error) = echo(stream).await {
                eprintln!("connection: {error}");
            }
        });
    }
}

#[filch::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = TcpListener::bind(address.as_str()).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    filch::select! {
        result = accept(listener) => result,
        interrupted = filch::signal::ctrl_c() => interrupted,
    }
}
