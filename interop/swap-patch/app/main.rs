//! A program like any other: nothing here says which driver it runs on.

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use std::io;

fn main() -> io::Result<()> {
    filch::run(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let client = filch::spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(b"patched").await
        });
        let (mut stream, _) = listener.accept().await?;
        let mut word = String::new();
        stream.read_to_string(&mut word).await?;
        client.await??;
        println!("{word}");
        Ok(())
    })
}
