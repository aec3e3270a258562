//! A Unix stream connection.

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, SocketAddr, UCred, WriteHalf, ucred};
use crate::net::accept::Backoff;
use crate::net::stream::Stream;
use crate::net::{connecting, halves, nonblocking, room};
use crate::source::Source;
use filch_core::io::{Direction, Interest, Ready};
use futures_io::{AsyncRead, AsyncWrite};
use socket2::{Domain, SockAddr, Type};
use std::fmt;
use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A Unix stream connection.
///
/// It reads and writes through [`AsyncReadExt`](crate::io::AsyncReadExt) and
/// [`AsyncWriteExt`](crate::io::AsyncWriteExt). Dropping it closes the connection.
pub struct UnixStream {
    source: Source<std::os::unix::net::UnixStream>,
}

impl UnixStream {
    /// Connects to the listener at `path`; on Linux, a path that begins with a zero byte is an abstract name.
    ///
    /// When the listener's queue is full, the call waits, 1 ms at first, doubling to 1 s, and tries again.
    ///
    /// # Errors
    /// When there is no listener.
    ///
    /// # Cancel safety
    /// Cancel safe: a half-made connection is closed.
    pub async fn connect<P: AsRef<Path>>(path: P) -> Result<UnixStream> {
        UnixStream::connect_socket2(&SockAddr::unix(path)?).await
    }

    /// As [`connect`](Self::connect), to an address.
    ///
    /// # Errors
    /// When there is no listener.
    ///
    /// # Cancel safety
    /// Cancel safe: a half-made connection is closed.
    pub async fn connect_addr(address: &SocketAddr) -> Result<UnixStream> {
        UnixStream::connect_socket2(&address.to_socket2()?).await
    }

    async fn connect_socket2(address: &SockAddr) -> Result<UnixStream> {
        let socket = nonblocking::socket(Domain::UNIX, Type::STREAM, None)?;
        let source = Source::new(socket.into(), Interest::BOTH);
        connect_to(source, address).await.map(UnixStream::new)
    }

    /// Makes two streams that are connected with each other.
    ///
    /// # Errors
    /// When the system refuses, for example at the descriptor limit.
    pub fn pair() -> Result<(UnixStream, UnixStream)> {
        let (a, b) = std::os::unix::net::UnixStream::pair()?;
        a.set_nonblocking(true)?;
        b.set_nonblocking(true)?;
        Ok((
            UnixStream::new(Source::new(a, Interest::BOTH)),
            UnixStream::new(Source::new(b, Interest::BOTH)),
        ))
    }

    /// Takes a stream of the standard library and makes it non-blocking.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> Result<UnixStream> {
        stream.set_nonblocking(true)?;
        Ok(UnixStream::new(Source::from_outside(stream, Interest::BOTH)))
    }

    /// Gives the stream of the standard library back. It stays non-blocking.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> Result<std::os::unix::net::UnixStream> {
        Ok(self.source.into_io())
    }

    pub(super) fn new(source: Source<std::os::unix::net::UnixStream>) -> Self {
        UnixStream { source }
    }

    /// The address of this end.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.source.io().local_addr().map(SocketAddr)
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// When the stream is not connected any more.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.source.io().peer_addr().map(SocketAddr)
    }

    /// Whom the process at the other end belonged to when it connected or listened.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn peer_cred(&self) -> Result<UCred> {
        ucred::of_peer(self.source.io())
    }

    /// Waits until a read is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn readable(&self) -> Result<()> {
        self.source.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until a write is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn writable(&self) -> Result<()> {
        self.source.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Waits until something of `interest` is ready, and answers what.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn ready(&self, interest: Interest) -> Result<Ready> {
        self.source.ready(interest).await
    }

    /// Polls for readiness to read.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.source.poll_ready(cx, Direction::Read).map_ok(drop)
    }

    /// Polls for readiness to write.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.source.poll_ready(cx, Direction::Write).map_ok(drop)
    }

    /// Reads what there is, without waiting; [`WouldBlock`](std::io::ErrorKind::WouldBlock) when there is nothing.
    ///
    /// # Errors
    /// When there is nothing, and when the connection is broken.
    pub fn try_read(&self, buf: &mut [u8]) -> Result<usize> {
        self.try_read_shared(buf)
    }

    /// As [`try_read`](Self::try_read), into several buffers.
    ///
    /// # Errors
    /// When there is nothing, and when the connection is broken.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.try_read_vectored_shared(bufs)
    }

    /// As [`try_read`](Self::try_read), appending to `buf` what fits into its capacity; a full one is given more.
    ///
    /// # Errors
    /// When there is nothing, and when the connection is broken.
    pub fn try_read_buf(&self, buf: &mut Vec<u8>) -> Result<usize> {
        Ok(room::append(buf, |room| Ok((self.try_read_shared(room)?, ())))?.0)
    }

    /// Writes what fits, without waiting; [`WouldBlock`](std::io::ErrorKind::WouldBlock) when nothing does.
    ///
    /// # Errors
    /// When nothing fits, and when the connection is broken.
    pub fn try_write(&self, buf: &[u8]) -> Result<usize> {
        self.try_write_shared(buf)
    }

    /// As [`try_write`](Self::try_write), from several buffers.
    ///
    /// # Errors
    /// When nothing fits, and when the connection is broken.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.try_write_vectored_shared(bufs)
    }

    /// Tries an operation of your own once, or not at all when it is known that it would block.
    ///
    /// `operation` must answer [`WouldBlock`](std::io::ErrorKind::WouldBlock) only when the socket said so.
    ///
    /// # Errors
    /// Those of `operation`, and `WouldBlock` when the socket is not ready.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        self.source.try_once(interest, |_| operation())
    }

    /// Waits for `interest` and tries an operation of your own until it does not answer
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock).
    ///
    /// # Errors
    /// Those of `operation`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has not had `operation` succeed.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut() -> Result<R>,
    ) -> Result<R> {
        self.source.run_with(interest, |_| operation()).await
    }

    /// Fetches the pending error of the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn take_error(&self) -> Result<Option<Error>> {
        self.source.io().take_error()
    }

    /// Borrows the stream as a half that reads and a half that writes, for two futures in one task.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        halves::split(self)
    }

    /// Splits the stream in a half that reads and a half that writes, for two tasks.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        halves::into_split(self)
    }
}

/// Connects, with patience when the listener's queue is full.
pub(super) async fn connect_to(
    source: Source<std::os::unix::net::UnixStream>,
    address: &SockAddr,
) -> Result<Source<std::os::unix::net::UnixStream>> {
    let mut backoff = Backoff::new();
    loop {
        match connecting::connect(&source, address).await {
            // The kernel has no event for room in a queue.
            Err(error) if error.kind() == ErrorKind::WouldBlock => backoff.wait().await,
            result => return result.map(|()| source),
        }
    }
}

impl Stream for UnixStream {
    type Io = std::os::unix::net::UnixStream;

    fn source(&self) -> &Source<Self::Io> {
        &self.source
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.poll_read_shared(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.poll_read_vectored_shared(cx, bufs)
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.poll_write_shared(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.poll_write_vectored_shared(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends the writing direction; reading goes on.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_close_shared()
    }
}

impl TryFrom<std::os::unix::net::UnixStream> for UnixStream {
    type Error = Error;

    fn try_from(stream: std::os::unix::net::UnixStream) -> Result<Self> {
        UnixStream::from_std(stream)
    }
}

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.io().fmt(f)
    }
}

impl std::os::fd::AsFd for UnixStream {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.source.hand_out().as_fd()
    }
}

impl std::os::fd::AsRawFd for UnixStream {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.source.hand_out().as_raw_fd()
    }
}
