//! A TCP socket before it listens or connects.

use super::tcp_stream::INTEREST;
use super::{TcpListener, TcpStream, connecting, nonblocking};
use crate::source::Source;
use filch_core::io::Interest;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::Result;
use std::net::SocketAddr;
use std::time::Duration;

/// A TCP socket that is set up before it listens or connects.
#[derive(Debug)]
pub struct TcpSocket {
    source: Source<Socket>,
}

impl TcpSocket {
    /// Makes a socket for IPv4.
    ///
    /// # Errors
    /// When the system refuses, for example at the descriptor limit.
    pub fn new_v4() -> Result<TcpSocket> {
        TcpSocket::with_domain(Domain::IPV4)
    }

    /// Makes a socket for IPv6.
    ///
    /// # Errors
    /// When the system refuses, for example at the descriptor limit.
    pub fn new_v6() -> Result<TcpSocket> {
        TcpSocket::with_domain(Domain::IPV6)
    }

    pub(super) fn new_for(address: SocketAddr) -> Result<TcpSocket> {
        TcpSocket::with_domain(Domain::for_address(address))
    }

    fn with_domain(domain: Domain) -> Result<TcpSocket> {
        let socket = nonblocking::socket(domain, Type::STREAM, Some(Protocol::TCP))?;
        Ok(TcpSocket { source: Source::new(socket, Interest::BOTH) })
    }

    /// Takes the socket behind a stream of the standard library that is neither connected nor listening, and makes it
    /// non-blocking.
    ///
    /// # Panics
    /// When the socket cannot be made non-blocking, which no open socket refuses.
    pub fn from_std_stream(stream: std::net::TcpStream) -> TcpSocket {
        let socket = Socket::from(stream);
        socket.set_nonblocking(true).expect("an open socket can be made non-blocking");
        TcpSocket { source: Source::from_outside(socket, Interest::BOTH) }
    }

    /// Binds the socket to an address.
    ///
    /// # Errors
    /// When the address is taken or not one of this machine's.
    pub fn bind(&self, address: SocketAddr) -> Result<()> {
        self.source.io().bind(&SockAddr::from(address))
    }

    /// Connects to an address.
    ///
    /// # Errors
    /// When the peer refuses or cannot be reached.
    ///
    /// # Cancel safety
    /// Dropping the future closes the socket.
    pub async fn connect(self, address: SocketAddr) -> Result<TcpStream> {
        let source = self.source.map(INTEREST, std::net::TcpStream::from);
        connecting::connect(&source, &SockAddr::from(address)).await?;
        Ok(TcpStream::new(source))
    }

    /// Listens; `backlog` connections may wait to be accepted.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen(self, backlog: u32) -> Result<TcpListener> {
        self.source.io().listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(TcpListener::new(self.source.map(Interest::READABLE, Into::into)))
    }

    /// The address the socket is bound to.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        let address = self.source.io().local_addr()?;
        address
            .as_socket()
            .ok_or_else(|| std::io::Error::other("a TCP socket with an address of another family"))
    }

    /// Whether an address in use may be bound (`SO_REUSEADDR`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn reuseaddr(&self) -> Result<bool> {
        self.source.io().reuse_address()
    }

    /// Sets whether an address in use may be bound (`SO_REUSEADDR`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_reuseaddr(&self, reuse: bool) -> Result<()> {
        self.source.io().set_reuse_address(reuse)
    }

    /// Whether several sockets may listen on one port (`SO_REUSEPORT`).
    ///
    /// # Errors
    /// When the system does not tell.
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    pub fn reuseport(&self) -> Result<bool> {
        self.source.io().reuse_port()
    }

    /// Sets whether several sockets may listen on one port (`SO_REUSEPORT`).
    ///
    /// # Errors
    /// When the system refuses.
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    pub fn set_reuseport(&self, reuse: bool) -> Result<()> {
        self.source.io().set_reuse_port(reuse)
    }

    /// Whether probes are sent over an idle connection (`SO_KEEPALIVE`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn keepalive(&self) -> Result<bool> {
        self.source.io().keepalive()
    }

    /// Sets whether probes are sent over an idle connection (`SO_KEEPALIVE`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_keepalive(&self, keepalive: bool) -> Result<()> {
        self.source.io().set_keepalive(keepalive)
    }

    /// The size of the send buffer (`SO_SNDBUF`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn send_buffer_size(&self) -> Result<u32> {
        Ok(u32::try_from(self.source.io().send_buffer_size()?).unwrap_or(u32::MAX))
    }

    /// Sets the size of the send buffer (`SO_SNDBUF`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_send_buffer_size(&self, size: u32) -> Result<()> {
        self.source.io().set_send_buffer_size(size as usize)
    }

    /// The size of the receive buffer (`SO_RCVBUF`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn recv_buffer_size(&self) -> Result<u32> {
        Ok(u32::try_from(self.source.io().recv_buffer_size()?).unwrap_or(u32::MAX))
    }

    /// Sets the size of the receive buffer (`SO_RCVBUF`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_recv_buffer_size(&self, size: u32) -> Result<()> {
        self.source.io().set_recv_buffer_size(size as usize)
    }

    /// Whether small packets are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn nodelay(&self) -> Result<bool> {
        self.source.io().tcp_nodelay()
    }

    /// Sets whether small packets are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_nodelay(&self, nodelay: bool) -> Result<()> {
        self.source.io().set_tcp_nodelay(nodelay)
    }

    /// How long a close waits for data to be sent (`SO_LINGER`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn linger(&self) -> Result<Option<Duration>> {
        self.source.io().linger()
    }

    /// Sets how long a close waits for data to be sent (`SO_LINGER`). Zero resets the connection at its close.
    ///
    /// With more than zero, closing blocks its thread for as long.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_linger(&self, wait: Option<Duration>) -> Result<()> {
        self.source.io().set_linger(wait)
    }

    /// Resets the connection at its close: what is not sent is thrown away, and nothing blocks (`SO_LINGER` of zero).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_zero_linger(&self) -> Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// The type of service of packets sent over IPv4 (`IP_TOS`).
    ///
    /// # Errors
    /// When the system does not tell.
    #[cfg(not(any(
        target_os = "fuchsia",
        target_os = "redox",
        target_os = "solaris",
        target_os = "illumos",
        target_os = "haiku"
    )))]
    pub fn tos_v4(&self) -> Result<u32> {
        self.source.io().tos_v4()
    }

    /// Sets the type of service of packets sent over IPv4 (`IP_TOS`).
    ///
    /// # Errors
    /// When the system refuses.
    #[cfg(not(any(
        target_os = "fuchsia",
        target_os = "redox",
        target_os = "solaris",
        target_os = "illumos",
        target_os = "haiku"
    )))]
    pub fn set_tos_v4(&self, tos: u32) -> Result<()> {
        self.source.io().set_tos_v4(tos)
    }

    /// The traffic class of packets sent over IPv6 (`IPV6_TCLASS`).
    ///
    /// # Errors
    /// When the system does not tell, and when the socket is for IPv4.
    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    pub fn tclass_v6(&self) -> Result<u32> {
        self.source.io().tclass_v6()
    }

    /// Sets the traffic class of packets sent over IPv6 (`IPV6_TCLASS`).
    ///
    /// # Errors
    /// When the system refuses, and when the socket is for IPv4.
    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    pub fn set_tclass_v6(&self, class: u32) -> Result<()> {
        self.source.io().set_tclass_v6(class)
    }

    /// The network device the socket is bound to (`SO_BINDTODEVICE`).
    ///
    /// # Errors
    /// When the system does not tell.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn device(&self) -> Result<Option<Vec<u8>>> {
        self.source.io().device()
    }

    /// Binds the socket to a network device, or to none (`SO_BINDTODEVICE`).
    ///
    /// # Errors
    /// When there is no such device, and when the process may not.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn bind_device(&self, device: Option<&[u8]>) -> Result<()> {
        self.source.io().bind_device(device)
    }

    /// Fetches the pending error of the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn take_error(&self) -> Result<Option<std::io::Error>> {
        self.source.io().take_error()
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for TcpSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.source.hand_out().as_fd()
    }
}

#[cfg(unix)]
impl From<std::os::fd::OwnedFd> for TcpSocket {
    /// Takes a socket that is neither connected nor listening and makes it non-blocking, as
    /// [`from_std_stream`](TcpSocket::from_std_stream) does.
    fn from(fd: std::os::fd::OwnedFd) -> Self {
        TcpSocket::from_std_stream(fd.into())
    }
}

#[cfg(unix)]
impl From<TcpSocket> for std::os::fd::OwnedFd {
    fn from(socket: TcpSocket) -> Self {
        socket.source.into_io().into()
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.source.hand_out().as_raw_fd()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsRawSocket for TcpSocket {
    fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
        self.source.hand_out().as_raw_socket()
    }
}
