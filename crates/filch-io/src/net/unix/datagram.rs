//! A Unix datagram socket.

use super::SocketAddr;
use super::addr::with_address;
use crate::net::accept::Backoff;
use crate::net::room;
use crate::source::Source;
use filch_core::coop;
use filch_core::io::{Direction, Interest, Ready};
use std::fmt;
use std::future::poll_fn;
use std::io::{Error, ErrorKind, Result};
use std::net::Shutdown;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a send waits at most before it tries again.
// Why no longer: nobody tells when there is room. A try costs a few microseconds.
const LONGEST_WAIT: Duration = Duration::from_millis(16);

/// A Unix datagram socket.
///
/// Dropping it leaves the socket's file; whoever binds the path again removes it first.
pub struct UnixDatagram {
    source: Source<std::os::unix::net::UnixDatagram>,
}

impl UnixDatagram {
    /// Binds a socket to `path`.
    ///
    /// # Errors
    /// When there is a file at `path` already, and when it cannot be made.
    pub fn bind<P: AsRef<Path>>(path: P) -> Result<UnixDatagram> {
        UnixDatagram::own(std::os::unix::net::UnixDatagram::bind(path)?)
    }

    /// Makes a socket without a name: it can send, and receives only after [`connect`](Self::connect)ing.
    ///
    /// # Errors
    /// When the system refuses, for example at the descriptor limit.
    pub fn unbound() -> Result<UnixDatagram> {
        UnixDatagram::own(std::os::unix::net::UnixDatagram::unbound()?)
    }

    /// Makes two sockets that are connected with each other.
    ///
    /// # Errors
    /// When the system refuses, for example at the descriptor limit.
    pub fn pair() -> Result<(UnixDatagram, UnixDatagram)> {
        let (a, b) = std::os::unix::net::UnixDatagram::pair()?;
        Ok((UnixDatagram::own(a)?, UnixDatagram::own(b)?))
    }

    /// Takes a socket of the standard library and makes it non-blocking.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_std(socket: std::os::unix::net::UnixDatagram) -> Result<UnixDatagram> {
        socket.set_nonblocking(true)?;
        Ok(UnixDatagram { source: Source::from_outside(socket, Interest::BOTH) })
    }

    /// Gives the socket of the standard library back. It stays non-blocking.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> Result<std::os::unix::net::UnixDatagram> {
        Ok(self.source.into_io())
    }

    /// Sets the peer for [`send`](Self::send).
    ///
    /// # Errors
    /// When there is no socket at `path`.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> Result<()> {
        self.source.io().connect(path)
    }

    /// Sends to the socket at `target`, and answers how many bytes.
    ///
    /// When the queue of `target` is full, the call waits, 1 ms at first, doubling to 16 ms, and tries again: the kernel has
    /// no event for room in the queue of a socket that this one is not connected to. So [`connect`](Self::connect) for a
    /// stream of datagrams.
    ///
    /// # Errors
    /// When there is no socket at `target`, and when the datagram is too long.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has sent nothing.
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> Result<usize> {
        let target = target.as_ref();
        let mut backoff = Backoff::up_to(LONGEST_WAIT);
        loop {
            poll_fn(coop::poll_proceed).await.made_progress();
            match self.source.io().send_to(buf, target) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            // Why not until the socket is writable: that it is told at once, for what was refused is thrown away.
            backoff.wait().await;
        }
    }

    /// Polls for sending to the socket at `target`.
    ///
    /// While its queue is full, the kernel tells again and again that there is room, so the task is woken all the time.
    /// [`send_to`](Self::send_to) waits between its tries.
    pub fn poll_send_to<P: AsRef<Path>>(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: P,
    ) -> Poll<Result<usize>> {
        self.source.poll(cx, Direction::Write, |io| io.send_to(buf, target.as_ref()))
    }

    /// Sends to the socket at `target` without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) when there is no room.
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> Result<usize> {
        self.source.try_once(Interest::WRITABLE, |io| io.send_to(buf, target))
    }

    /// Ends one direction or both.
    ///
    /// # Errors
    /// When the socket is not connected.
    pub fn shutdown(&self, how: Shutdown) -> Result<()> {
        self.source.io().shutdown(how)
    }

    /// Sends to the connected peer, and answers how many bytes.
    ///
    /// # Errors
    /// When the socket is not connected, and when the datagram is too long.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has sent nothing.
    pub async fn send(&self, buf: &[u8]) -> Result<usize> {
        self.source.run(Direction::Write, |io| io.send(buf)).await
    }

    /// Polls for sending to the connected peer.
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.source.poll(cx, Direction::Write, |io| io.send(buf))
    }

    /// Sends to the connected peer without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) when there is no room.
    pub fn try_send(&self, buf: &[u8]) -> Result<usize> {
        self.source.try_once(Interest::WRITABLE, |io| io.send(buf))
    }

    /// Receives one datagram; what does not fit in `buf` is lost.
    ///
    /// # Errors
    /// A pending error of the socket, for example that the peer refused an earlier datagram.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has received nothing.
    pub async fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.source.run(Direction::Read, |io| io.recv(buf)).await
    }

    /// Polls for a datagram; what does not fit in `buf` is lost.
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.source.poll(cx, Direction::Read, |io| io.recv(buf))
    }

    /// Receives one datagram without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) when there is none.
    pub fn try_recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.source.try_once(Interest::READABLE, |io| io.recv(buf))
    }

    /// Receives one datagram and its sender; what does not fit in `buf` is lost.
    ///
    /// # Errors
    /// A pending error of the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has received nothing.
    pub async fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
        self.source.run(Direction::Read, |io| io.recv_from(buf)).await.map(with_address)
    }

    /// Polls for a datagram and its sender; what does not fit in `buf` is lost.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr)>> {
        self.source.poll(cx, Direction::Read, |io| io.recv_from(buf)).map_ok(with_address)
    }

    /// Receives one datagram and its sender without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) when there is none.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
        self.source.try_once(Interest::READABLE, |io| io.recv_from(buf)).map(with_address)
    }

    /// As [`recv`](Self::recv), appending to `buf` what fits into its capacity; a full one is given more.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has received nothing.
    pub async fn recv_buf(&self, buf: &mut Vec<u8>) -> Result<usize> {
        let receive = |io: &std::os::unix::net::UnixDatagram| {
            room::append(buf, |room| Ok((io.recv(room)?, ())))
        };
        Ok(self.source.run(Direction::Read, receive).await?.0)
    }

    /// As [`try_recv`](Self::try_recv), appending to `buf` what fits into its capacity; a full one is given more.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv).
    pub fn try_recv_buf(&self, buf: &mut Vec<u8>) -> Result<usize> {
        Ok(room::append(buf, |room| Ok((self.try_recv(room)?, ())))?.0)
    }

    /// As [`recv_from`](Self::recv_from), appending to `buf` what fits into its capacity; a full one is given more.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has received nothing.
    pub async fn recv_buf_from(&self, buf: &mut Vec<u8>) -> Result<(usize, SocketAddr)> {
        let receive =
            |io: &std::os::unix::net::UnixDatagram| room::append(buf, |room| io.recv_from(room));
        self.source.run(Direction::Read, receive).await.map(with_address)
    }

    /// As [`try_recv_from`](Self::try_recv_from), appending to `buf` what fits into its capacity; a full one is given more.
    ///
    /// # Errors
    /// As [`try_recv_from`](Self::try_recv_from).
    pub fn try_recv_buf_from(&self, buf: &mut Vec<u8>) -> Result<(usize, SocketAddr)> {
        room::append(buf, |room| self.try_recv_from(room))
    }

    /// Waits until a receive is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn readable(&self) -> Result<()> {
        self.source.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until a send is likely to succeed.
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

    /// Polls for readiness to receive.
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.source.poll_ready(cx, Direction::Read).map_ok(drop)
    }

    /// Polls for readiness to send.
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.source.poll_ready(cx, Direction::Write).map_ok(drop)
    }

    /// Tries an operation of your own once, or not at all when it is known that it would block.
    ///
    /// # Errors
    /// Those of `operation`, and [`WouldBlock`](std::io::ErrorKind::WouldBlock) when the socket is not ready.
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

    /// The address of this socket.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.source.io().local_addr().map(SocketAddr)
    }

    /// The address of the connected peer.
    ///
    /// # Errors
    /// When the socket is not connected.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.source.io().peer_addr().map(SocketAddr)
    }

    fn own(socket: std::os::unix::net::UnixDatagram) -> Result<UnixDatagram> {
        socket.set_nonblocking(true)?;
        Ok(UnixDatagram::new(Source::new(socket, Interest::BOTH)))
    }

    pub(super) fn new(source: Source<std::os::unix::net::UnixDatagram>) -> Self {
        UnixDatagram { source }
    }
}

impl TryFrom<std::os::unix::net::UnixDatagram> for UnixDatagram {
    type Error = Error;

    fn try_from(socket: std::os::unix::net::UnixDatagram) -> Result<Self> {
        UnixDatagram::from_std(socket)
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.io().fmt(f)
    }
}

impl std::os::fd::AsFd for UnixDatagram {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.source.hand_out().as_fd()
    }
}

impl std::os::fd::AsRawFd for UnixDatagram {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.source.hand_out().as_raw_fd()
    }
}
