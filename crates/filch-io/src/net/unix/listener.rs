//! A Unix socket that connections come to.

use super::addr::with_address;
use super::{SocketAddr, UnixStream};
use crate::net::accept::{self, PolledBackoff};
use crate::net::nonblocking;
use crate::source::Source;
use filch_core::io::Interest;
use socket2::{Domain, SockAddr, Type};
use std::fmt;
use std::io::{Error, Result};
use std::path::Path;
use std::task::{Context, Poll, ready};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A Unix socket that connections come to.
///
/// Dropping it leaves the socket's file; whoever binds the path again removes it first.
pub struct UnixListener {
    source: Source<std::os::unix::net::UnixListener>,
    backoff: PolledBackoff,
}

impl UnixListener {
    /// Listens at `path`; on Linux, a path that begins with a zero byte is an abstract name.
    ///
    /// # Errors
    /// When there is a file at `path` already, and when it cannot be made.
    pub fn bind<P: AsRef<Path>>(path: P) -> Result<UnixListener> {
        UnixListener::bind_socket2(&SockAddr::unix(path)?)
    }

    /// Listens at an address.
    ///
    /// # Errors
    /// When the address is taken already.
    pub fn bind_addr(address: &SocketAddr) -> Result<UnixListener> {
        UnixListener::bind_socket2(&address.to_socket2()?)
    }

    fn bind_socket2(address: &SockAddr) -> Result<UnixListener> {
        let socket = nonblocking::socket(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)?;
        Ok(UnixListener::new(Source::new(socket.into(), Interest::READABLE)))
    }

    /// Takes a listener of the standard library and makes it non-blocking.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> Result<UnixListener> {
        listener.set_nonblocking(true)?;
        Ok(UnixListener::new(Source::from_outside(listener, Interest::READABLE)))
    }

    /// Gives the listener of the standard library back. It stays non-blocking.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> Result<std::os::unix::net::UnixListener> {
        Ok(self.source.into_io())
    }

    /// Waits for a connection and accepts it. At the descriptor limit it waits as
    /// [`TcpListener::accept`](crate::net::TcpListener::accept) does.
    ///
    /// # Errors
    /// When the listener itself is broken, or its runtime has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has accepted nothing.
    pub async fn accept(&self) -> Result<(UnixStream, SocketAddr)> {
        let (stream, peer) = accept::accept(&self.source, accept_unix).await?;
        Ok((UnixStream::new(Source::new(stream, Interest::BOTH)), peer))
    }

    /// Polls for a connection.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<(UnixStream, SocketAddr)>> {
        let (stream, peer) = ready!(self.backoff.poll_accept(cx, &self.source, accept_unix))?;
        Poll::Ready(Ok((UnixStream::new(Source::new(stream, Interest::BOTH)), peer)))
    }

    /// The address that is listened on.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.source.io().local_addr().map(SocketAddr)
    }

    /// Fetches the pending error of the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn take_error(&self) -> Result<Option<Error>> {
        self.source.io().take_error()
    }

    pub(super) fn new(source: Source<std::os::unix::net::UnixListener>) -> Self {
        UnixListener { source, backoff: PolledBackoff::default() }
    }
}

fn accept_unix(
    listener: &std::os::unix::net::UnixListener,
) -> Result<(std::os::unix::net::UnixStream, SocketAddr)> {
    let (stream, peer) = with_address(listener.accept()?);
    stream.set_nonblocking(true)?;
    Ok((stream, peer))
}

impl TryFrom<std::os::unix::net::UnixListener> for UnixListener {
    type Error = Error;

    fn try_from(listener: std::os::unix::net::UnixListener) -> Result<Self> {
        UnixListener::from_std(listener)
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.io().fmt(f)
    }
}

impl std::os::fd::AsFd for UnixListener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.source.hand_out().as_fd()
    }
}

impl std::os::fd::AsRawFd for UnixListener {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.source.hand_out().as_raw_fd()
    }
}
