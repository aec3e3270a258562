//! A TCP echo server: one task per connection, until Ctrl-C.
//!
//! `cargo run --release --example echo_server -- 127.0.0.1:7007`, then `nc 127.0.0.1 7007`.

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};

#[filch::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7007".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        filch::select! {
            accepted = listener.accept() => {
                let (stream, peer) = accepted?;
                filch::spawn(async move {
                    if let Err(error) = echo(stream).await {
                        eprintln!("{peer}: {error}");
                    }
                });
            }
            result = filch::signal::ctrl_c() => {
                println!("bye");
                return result;
            }
        }
    }
}

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?;
    }
}
