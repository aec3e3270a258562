//! PostgreSQL over a filch stream: tokio-postgres speaks, filch connects and drives the connection.
//!
//! tokio-postgres is built without its feature `runtime`; of tokio there are the I/O traits only.

use filch::Error;
use filch::net::TcpStream;
use filch::sync::mpsc;
use std::future::poll_fn;
use tokio_postgres::config::Host;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

/// Connects to `postgres://user:password@host:port/database`.
///
/// Queries of one client are sent without waiting for each other's answers. The receiver gets notices and notifications;
/// it may be dropped.
///
/// # Errors
/// When the URL is none of a TCP server, or the server refuses.
pub async fn connect(url: &str) -> Result<(Client, mpsc::UnboundedReceiver<AsyncMessage>), Error> {
    let config: Config = url.parse()?;
    let Some(Host::Tcp(host)) = config.get_hosts().first() else {
        return Err(Error::msg("the URL does not lead to a TCP server"));
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    stream.set_nodelay(true)?;
    let (client, mut connection) = config.connect_raw(stream, NoTls).await?;
    let (sender, messages) = mpsc::unbounded_channel();
    // Ends when the client is gone, or the server; queries that wait then get the error.
    filch::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            let _ = sender.send(message);
        }
    });
    Ok((client, messages))
}
