//! An echo server and its clients on a runtime with a foreign driver: the one line that differs is `driver`.

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use filch::runtime::Builder;
use filch::time::{Duration, sleep, timeout};
use std::io;
use swap_driver::PollDriver;

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut message = [0; 5];
    while stream.read_exact(&mut message).await.is_ok() {
        stream.write_all(&message).await?;
    }
    Ok(())
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let server = filch::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(filch::spawn(echo(stream)));
        }
    });
    let clients: Vec<_> = (0..20)
        .map(|_| {
            filch::spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                for _ in 0..50 {
                    stream.write_all(b"hello").await?;
                    let mut answer = [0; 5];
                    stream.read_exact(&mut answer).await?;
                    assert_eq!(&answer, b"hello");
                }
                io::Result::Ok(())
            })
        })
        .collect();
    for client in clients {
        client.await??;
    }
    server.abort();
    Ok(())
}

fn main() -> io::Result<()> {
    let runtime = Builder::new_multi_thread().worker_threads(2).driver(PollDriver::new).build()?;
    runtime.block_on(async {
        sleep(Duration::from_millis(1)).await;
        timeout(Duration::from_secs(30), serve()).await?
    })?;
    println!("1000 messages through a foreign driver");
    Ok(())
}
