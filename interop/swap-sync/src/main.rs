//! A tokio service whose tasks share filch's locks: `filch-sync` runs on any executor, or with none.
//!
//! The service counts its visitors. At most four are served at a time; `stop` ends it after the tenth.

use filch_sync::{Mutex, Notify, Semaphore, oneshot};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

// Everything in filch-sync can stand in a static.
static SERVED: Mutex<Vec<u32>> = Mutex::const_new(Vec::new());
static AT_A_TIME: Semaphore = Semaphore::const_new(4);
static STOP: Notify = Notify::const_new();

async fn serve(mut visitor: TcpStream) -> io::Result<()> {
    let _permit = AT_A_TIME.acquire().await.expect("nobody closes the semaphore");
    let number = visitor.read_u32().await?;
    let n_served = {
        let mut served = SERVED.lock().await;
        served.push(number);
        served.len()
    };
    visitor.write_u32(number * number).await?;
    if n_served == 10 {
        STOP.notify_one();
    }
    Ok(())
}

async fn service(ready: oneshot::Sender<std::net::SocketAddr>) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let _ = ready.send(listener.local_addr()?);
    loop {
        tokio::select! {
            accepted = listener.accept() => drop(tokio::spawn(serve(accepted?.0))),
            () = STOP.notified() => return Ok(()),
        }
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let (ready, address) = oneshot::channel();
    let service = tokio::spawn(service(ready));
    let address = address.await.expect("the service sends its address");
    let visitors = (1..=10).map(|number| {
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_u32(number).await?;
            io::Result::Ok((number, stream.read_u32().await?))
        })
    });
    for visitor in visitors.collect::<Vec<_>>() {
        let (number, square) = visitor.await??;
        assert_eq!(square, number * number);
    }
    service.await??;
    let mut served = SERVED.lock().await.clone();
    served.sort();
    assert_eq!(served, (1..=10).collect::<Vec<_>>());
    println!("tokio served {} visitors with filch's locks", served.len());
    Ok(())
}
