//! A Unix socket before it listens, connects or receives.

use super::stream::connect_to;
use super::{UnixDatagram, UnixListener, UnixStream};
use crate::net::nonblocking;
use crate::source::Source;
use filch_core::io::Interest;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;

/// A Unix socket that is bound before it listens, connects or receives: for a client with a name, say.
#[derive(Debug)]
pub struct UnixSocket {
    source: Source<Socket>,
    is_stream: bool,
}

impl UnixSocket {
    /// Makes a socket for [`datagram`](Self::datagram).
    ///
    /// # Errors
    /// When the system refuses, for example at the descriptor limit.
    pub fn new_datagram() -> Result<UnixSocket> {
        UnixSocket::of(Type::DGRAM)
    }

    /// Makes a socket for [`listen`](Self::listen) or [`connect`](Self::connect).
    ///
    /// # Errors
    /// When the system refuses, for example at the descriptor limit.
    pub fn new_stream() -> Result<UnixSocket> {
        UnixSocket::of(Type::STREAM)
    }

    fn of(kind: Type) -> Result<UnixSocket> {
        let socket = nonblocking::socket(Domain::UNIX, kind, None)?;
        Ok(UnixSocket {
            source: Source::new(socket, Interest::BOTH),
            is_stream: kind == Type::STREAM,
        })
    }

    /// Binds the socket to `path`; on Linux, a path that begins with a zero byte is an abstract name.
    ///
    /// # Errors
    /// When there is a file at `path` already, and when it cannot be made.
    pub fn bind(&self, path: impl AsRef<Path>) -> Result<()> {
        self.source.io().bind(&SockAddr::unix(path)?)
    }

    /// Listens; `backlog` connections may wait to be accepted.
    ///
    /// # Errors
    /// When the socket is for datagrams, and when the system refuses.
    pub fn listen(self, backlog: u32) -> Result<UnixListener> {
        self.expect_stream("listen")?;
        self.source.io().listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(UnixListener::new(self.source.map(Interest::READABLE, Into::into)))
    }

    /// Connects to the listener at `path`, as [`UnixStream::connect`] does.
    ///
    /// # Errors
    /// When the socket is for datagrams, and when there is no listener.
    ///
    /// # Cancel safety
    /// Dropping the future closes the socket.
    pub async fn connect(self, path: impl AsRef<Path>) -> Result<UnixStream> {
        self.expect_stream("connect")?;
        let address = SockAddr::unix(path)?;
        let source = self.source.map(Interest::BOTH, Into::into);
        connect_to(source, &address).await.map(UnixStream::new)
    }

    /// Makes a datagram socket of it.
    ///
    /// # Errors
    /// When the socket is for streams.
    pub fn datagram(self) -> Result<UnixDatagram> {
        if self.is_stream {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "this UnixSocket is for streams: make it with `UnixSocket::new_datagram`",
            ));
        }
        Ok(UnixDatagram::new(self.source.map(Interest::BOTH, Into::into)))
    }

    fn expect_stream(&self, what: &str) -> Result<()> {
        if self.is_stream {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "this UnixSocket is for datagrams and cannot {what}: make it with `UnixSocket::new_stream`"
            ),
        ))
    }
}

impl AsFd for UnixSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.hand_out().as_fd()
    }
}

impl AsRawFd for UnixSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.source.hand_out().as_raw_fd()
    }
}
