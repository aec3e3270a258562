//! What connections come from.

use crate::net::{TcpListener, TcpStream};
use std::fmt;
use std::future::Future;
use std::io::Result;
use std::net::SocketAddr;

/// What connections come from: a listener, or something around one (TLS, a list of listeners, a test's channel).
///
/// # Examples
/// ```no_run
/// use filch_io::net::{Accept, TcpListener, TcpStream};
/// use std::io::Result;
/// use std::net::SocketAddr;
///
/// /// Sends small packets at once.
/// struct Prompt(TcpListener);
///
/// impl Accept for Prompt {
///     type Stream = TcpStream;
///     type Address = SocketAddr;
///
///     async fn accept(&self) -> Result<(TcpStream, SocketAddr)> {
///         let (stream, peer) = self.0.accept().await?;
///         stream.set_nodelay(true)?;
///         Ok((stream, peer))
///     }
/// }
/// ```
pub trait Accept: Send + Sync + 'static {
    /// A connection.
    type Stream: Send + 'static;
    /// Who is at its other end.
    type Address: Clone + fmt::Debug + Send + 'static;

    /// Waits for a connection. Dropped, it has accepted nothing.
    ///
    /// # Errors
    /// When no more can be accepted: a server ends then. What is wrong with a single connection is not to end in an error.
    fn accept(&self) -> impl Future<Output = Result<(Self::Stream, Self::Address)>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;
    type Address = SocketAddr;

    async fn accept(&self) -> Result<(TcpStream, SocketAddr)> {
        self.accept().await
    }
}

#[cfg(unix)]
impl Accept for crate::net::UnixListener {
    type Stream = crate::net::UnixStream;
    type Address = crate::net::unix::SocketAddr;

    async fn accept(&self) -> Result<(Self::Stream, Self::Address)> {
        self.accept().await
    }
}
