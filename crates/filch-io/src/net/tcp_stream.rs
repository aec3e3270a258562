//! A TCP connection.

use super::addr::{ToSocketAddrs, first_of};
use super::stream::Stream;
use super::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::{TcpSocket, halves, room};
use crate::source::Source;
use filch_core::io::{Direction, Interest, Ready};
use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;
use std::fmt;
use std::io::{Error, IoSlice, IoSliceMut, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// What streams ask the driver for.
// Why urgent data, which hardly anybody awaits: a read ends before it, so that a short one does not prove an empty buffer.
pub(super) const INTEREST: Interest = Interest::BOTH.add(Interest::PRIORITY);

/// A TCP connection.
///
/// It reads and writes through [`AsyncReadExt`](crate::io::AsyncReadExt) and
/// [`AsyncWriteExt`](crate::io::AsyncWriteExt). Dropping it closes the connection.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::io::{AsyncReadExt, AsyncWriteExt};
/// use filch_io::net::TcpStream;
///
/// let mut stream = TcpStream::connect("localhost:8080").await?;
/// stream.write_all(b"hello").await?;
/// stream.shutdown().await?;
/// let mut reply = String::new();
/// stream.read_to_string(&mut reply).await?;
/// # Ok(()) }
/// ```
pub struct TcpStream {
    source: Source<std::net::TcpStream>,
}

impl TcpStream {
    /// Connects to the first of the addresses that answers.
    ///
    /// # Errors
    /// The last address's error when none answers.
    ///
    /// # Cancel safety
    /// Cancel safe: a half-made connection is closed.
    pub async fn connect<A: ToSocketAddrs>(addresses: A) -> Result<TcpStream> {
        first_of(addresses, async |address| TcpSocket::new_for(address)?.connect(address).await)
            .await
    }

    /// Takes a stream of the standard library and makes it non-blocking.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_std(stream: std::net::TcpStream) -> Result<TcpStream> {
        stream.set_nonblocking(true)?;
        Ok(TcpStream::new(Source::from_outside(stream, INTEREST)))
    }

    /// Gives the stream of the standard library back. It stays non-blocking.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> Result<std::net::TcpStream> {
        Ok(self.source.into_io())
    }

    pub(super) fn new(source: Source<std::net::TcpStream>) -> Self {
        TcpStream { source }
    }

    /// The address of this end.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.source.io().local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// When the stream is not connected any more.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.source.io().peer_addr()
    }

    /// Reads without taking away: the next read sees the same bytes.
    ///
    /// # Errors
    /// When the connection is broken.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken away.
    pub async fn peek(&self, buf: &mut [u8]) -> Result<usize> {
        self.source.run(Direction::Read, |io| io.peek(buf)).await
    }

    /// Polls for bytes without taking them away.
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.source.poll(cx, Direction::Read, |io| io.peek(buf))
    }

    /// Whether small packets are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn nodelay(&self) -> Result<bool> {
        self.source.io().nodelay()
    }

    /// Sets whether small packets are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_nodelay(&self, nodelay: bool) -> Result<()> {
        self.source.io().set_nodelay(nodelay)
    }

    /// How long a close waits for data to be sent (`SO_LINGER`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn linger(&self) -> Result<Option<Duration>> {
        SockRef::from(self.source.io()).linger()
    }

    /// Sets how long a close waits for data to be sent (`SO_LINGER`). Zero resets the connection at its close.
    ///
    /// With more than zero, closing blocks its thread for as long.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_linger(&self, wait: Option<Duration>) -> Result<()> {
        SockRef::from(self.source.io()).set_linger(wait)
    }

    /// Resets the connection at its close: what is not sent is thrown away, and nothing blocks (`SO_LINGER` of zero).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_zero_linger(&self) -> Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// Whether data is acknowledged at once (`TCP_QUICKACK`).
    ///
    /// # Errors
    /// When the system does not tell.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn quickack(&self) -> Result<bool> {
        SockRef::from(self.source.io()).tcp_quickack()
    }

    /// Sets whether data is acknowledged at once (`TCP_QUICKACK`). The kernel may change it again.
    ///
    /// # Errors
    /// When the system refuses.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn set_quickack(&self, quickack: bool) -> Result<()> {
        SockRef::from(self.source.io()).set_tcp_quickack(quickack)
    }

    /// The `IP_TTL` of packets sent.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ttl(&self) -> Result<u32> {
        self.source.io().ttl()
    }

    /// Sets the `IP_TTL` of packets sent.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_ttl(&self, ttl: u32) -> Result<()> {
        self.source.io().set_ttl(ttl)
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

impl Stream for TcpStream {
    type Io = std::net::TcpStream;

    fn source(&self) -> &Source<Self::Io> {
        &self.source
    }
}

impl AsyncRead for TcpStream {
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

impl AsyncWrite for TcpStream {
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

impl TryFrom<std::net::TcpStream> for TcpStream {
    type Error = Error;

    fn try_from(stream: std::net::TcpStream) -> Result<Self> {
        TcpStream::from_std(stream)
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.io().fmt(f)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for TcpStream {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.source.hand_out().as_fd()
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.source.hand_out().as_raw_fd()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsRawSocket for TcpStream {
    fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
        self.source.hand_out().as_raw_socket()
    }
}
