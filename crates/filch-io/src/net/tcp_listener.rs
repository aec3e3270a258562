//! A TCP socket that connections come to.

use super::accept::{self, PolledBackoff};
use super::addr::{ToSocketAddrs, first_of};
use super::nonblocking::accept_tcp;
use super::tcp_stream::INTEREST;
use super::{TcpSocket, TcpStream};
use crate::source::Source;
use filch_core::io::Interest;
use std::fmt;
use std::io::Result;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A TCP socket that connections come to.
///
/// Any number of tasks may [`accept`](Self::accept) at the same time.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::net::TcpListener;
///
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// let (stream, peer) = listener.accept().await?;
/// println!("{peer} is connected");
/// # drop(stream); Ok(()) }
/// ```
pub struct TcpListener {
    source: Source<std::net::TcpListener>,
    backoff: PolledBackoff,
}

impl TcpListener {
    /// Listens on the first of the addresses that can be bound; port 0 lets the system choose.
    ///
    /// The address can be bound again at once after a listener was closed (`SO_REUSEADDR`, on Unix).
    ///
    /// # Errors
    /// The last address's error when none can be bound.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is bound after a drop.
    pub async fn bind<A: ToSocketAddrs>(addresses: A) -> Result<TcpListener> {
        first_of(addresses, async |address| {
            let socket = TcpSocket::new_for(address)?;
            if cfg!(unix) {
                // On Windows this option would let another program take the address over.
                socket.set_reuseaddr(true)?;
            }
            socket.bind(address)?;
            socket.listen(BACKLOG)
        })
        .await
    }

    /// Takes a listener of the standard library and makes it non-blocking.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_std(listener: std::net::TcpListener) -> Result<TcpListener> {
        listener.set_nonblocking(true)?;
        Ok(TcpListener::new(Source::from_outside(listener, Interest::READABLE)))
    }

    /// Gives the listener of the standard library back. It stays non-blocking.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> Result<std::net::TcpListener> {
        Ok(self.source.into_io())
    }

    /// Waits for a connection and accepts it.
    ///
    /// A connection that died while it waited is passed over. When no descriptor is left (`EMFILE`, `ENFILE`,
    /// `ENOBUFS`, `ENOMEM`), the call waits, 1 ms at first, doubling to 1 s, and tries again: nothing spins, and the
    /// connection is accepted once another was closed.
    ///
    /// # Errors
    /// When the listener itself is broken, or its runtime has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has accepted nothing.
    pub async fn accept(&self) -> Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = accept::accept(&self.source, accept_tcp).await?;
        Ok((TcpStream::new(Source::new(stream, INTEREST)), peer))
    }

    /// Polls for a connection. Handles dead connections and the descriptor limit as [`accept`](Self::accept) does.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<(TcpStream, SocketAddr)>> {
        let (stream, peer) = ready!(self.backoff.poll_accept(cx, &self.source, accept_tcp))?;
        Poll::Ready(Ok((TcpStream::new(Source::new(stream, INTEREST)), peer)))
    }

    /// The address that is listened on.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.source.io().local_addr()
    }

    /// The `IP_TTL` of connections to come.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ttl(&self) -> Result<u32> {
        self.source.io().ttl()
    }

    /// Sets the `IP_TTL` of connections to come.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_ttl(&self, ttl: u32) -> Result<()> {
        self.source.io().set_ttl(ttl)
    }

    pub(super) fn new(source: Source<std::net::TcpListener>) -> Self {
        TcpListener { source, backoff: PolledBackoff::default() }
    }
}

impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = std::io::Error;

    fn try_from(listener: std::net::TcpListener) -> Result<Self> {
        TcpListener::from_std(listener)
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.io().fmt(f)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for TcpListener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.source.hand_out().as_fd()
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.source.hand_out().as_raw_fd()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsRawSocket for TcpListener {
    fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
        self.source.hand_out().as_raw_socket()
    }
}
