//! Redis over a filch stream: the `redis` crate speaks, filch connects and drives the connection.
//!
//! The crate's feature `smol-comp` is on because it wants some runtime to be chosen at compile time. It is not used:
//! [`connect`] brings the stream and runs the driver, so that everything happens on filch's workers.

use filch::Error;
use filch::net::TcpStream;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, IntoConnectionInfo};

/// Connects to `redis://host:port/`. Clones share the connection: their commands go out together, answers come in order.
///
/// A command that blocks in the server (`XREADGROUP … BLOCK`) blocks every clone, so it wants a connection of its own.
///
/// # Errors
/// When the URL is none of a TCP server, or the server does not answer as Redis does.
pub async fn connect(url: &str) -> Result<MultiplexedConnection, Error> {
    let info = url.into_connection_info()?;
    let ConnectionAddr::Tcp(host, port) = info.addr() else {
        return Err(Error::msg(format!("{url} does not lead to a TCP server")));
    };
    let stream = TcpStream::connect((host.as_str(), *port)).await?;
    stream.set_nodelay(true)?;
    // Why no timeout of its own: it would wait by smol's timers. `filch::time::timeout` around a command does the same.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let settings = info.redis_settings();
    let (connection, driver) =
        MultiplexedConnection::new_with_config(settings, stream, config).await?;
    // Ends when the last clone is gone, or the server.
    filch::spawn(driver);
    Ok(connection)
}
