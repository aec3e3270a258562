//! A UDP socket.

use super::addr::{ToSocketAddrs, first_of, no_address, resolve};
use super::{nonblocking, room};
use crate::source::Source;
use filch_core::io::{Direction, Interest, Ready};
use socket2::{Domain, Protocol, SockAddr, SockRef, Type};
use std::fmt;
use std::io::{Error, Result};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

/// A UDP socket.
///
/// Any number of tasks may send and receive at the same time.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::net::UdpSocket;
///
/// let socket = UdpSocket::bind("127.0.0.1:0").await?;
/// let mut buf = [0; 1500];
/// let (n, sender) = socket.recv_from(&mut buf).await?;
/// socket.send_to(&buf[..n], sender).await?;
/// # Ok(()) }
/// ```
pub struct UdpSocket {
    source: Source<std::net::UdpSocket>,
}

impl UdpSocket {
    /// Binds a socket to the first of the addresses that can be bound; port 0 lets the system choose.
    ///
    /// # Errors
    /// The last address's error when none can be bound.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is bound after a drop.
    pub async fn bind<A: ToSocketAddrs>(addresses: A) -> Result<UdpSocket> {
        first_of(addresses, async |address| {
            let socket = nonblocking::socket(
                Domain::for_address(address),
                Type::DGRAM,
                Some(Protocol::UDP),
            )?;
            socket.bind(&SockAddr::from(address))?;
            Ok(UdpSocket { source: Source::new(socket.into(), Interest::BOTH) })
        })
        .await
    }

    /// Takes a socket of the standard library and makes it non-blocking.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_std(socket: std::net::UdpSocket) -> Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        Ok(UdpSocket { source: Source::from_outside(socket, Interest::BOTH) })
    }

    /// Gives the socket of the standard library back. It stays non-blocking.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> Result<std::net::UdpSocket> {
        Ok(self.source.into_io())
    }

    /// Sets the peer for [`send`](Self::send), and receives from it only.
    ///
    /// # Errors
    /// The last address's error when none can be used.
    ///
    /// # Cancel safety
    /// Not cancel safe: after a drop the socket may be connected or not.
    pub async fn connect<A: ToSocketAddrs>(&self, addresses: A) -> Result<()> {
        first_of(addresses, async |address| self.source.io().connect(address)).await
    }

    /// Sends to an address, the first when there are several, and answers how many bytes.
    ///
    /// # Errors
    /// When there is no address, and when the datagram is too long.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has sent nothing.
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], target: A) -> Result<usize> {
        let Some(target) = resolve(target).await?.next() else {
            return Err(no_address());
        };
        self.source.run(Direction::Write, |io| io.send_to(buf, target)).await
    }

    /// Polls for sending to an address.
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<Result<usize>> {
        self.source.poll(cx, Direction::Write, |io| io.send_to(buf, target))
    }

    /// Sends to an address without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) when there is no room.
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> Result<usize> {
        self.source.try_once(Interest::WRITABLE, |io| io.send_to(buf, target))
    }

    /// Receives one datagram of the connected peer without taking it away.
    ///
    /// # Errors
    /// A pending error of the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken away.
    pub async fn peek(&self, buf: &mut [u8]) -> Result<usize> {
        self.source.run(Direction::Read, |io| io.peek(buf)).await
    }

    /// Polls for a datagram of the connected peer without taking it away.
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.source.poll(cx, Direction::Read, |io| io.peek(buf))
    }

    /// Receives one datagram of the connected peer without waiting and without taking it away.
    ///
    /// # Errors
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) when there is none.
    pub fn try_peek(&self, buf: &mut [u8]) -> Result<usize> {
        self.source.try_once(Interest::READABLE, |io| io.peek(buf))
    }

    /// Receives one datagram and its sender without taking it away.
    ///
    /// # Errors
    /// A pending error of the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken away.
    pub async fn peek_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
        self.source.run(Direction::Read, |io| io.peek_from(buf)).await
    }

    /// Polls for a datagram and its sender without taking it away.
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr)>> {
        self.source.poll(cx, Direction::Read, |io| io.peek_from(buf))
    }

    /// Receives one datagram and its sender without waiting and without taking it away.
    ///
    /// # Errors
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) when there is none.
    pub fn try_peek_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
        self.source.try_once(Interest::READABLE, |io| io.peek_from(buf))
    }

    /// Waits for a datagram and tells its sender, without taking it away.
    ///
    /// # Errors
    /// A pending error of the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken away.
    pub async fn peek_sender(&self) -> Result<SocketAddr> {
        self.source.run(Direction::Read, sender).await
    }

    /// Polls for the sender of the next datagram.
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<Result<SocketAddr>> {
        self.source.poll(cx, Direction::Read, sender)
    }

    /// Tells the sender of the next datagram, without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) when there is none.
    pub fn try_peek_sender(&self) -> Result<SocketAddr> {
        self.source.try_once(Interest::READABLE, sender)
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
        self.source.run(Direction::Read, |io| io.recv_from(buf)).await
    }

    /// Polls for a datagram and its sender; what does not fit in `buf` is lost.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr)>> {
        self.source.poll(cx, Direction::Read, |io| io.recv_from(buf))
    }

    /// Receives one datagram and its sender without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) when there is none.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
        self.source.try_once(Interest::READABLE, |io| io.recv_from(buf))
    }

    /// As [`recv`](Self::recv), appending to `buf` what fits into its capacity; a full one is given more.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has received nothing.
    pub async fn recv_buf(&self, buf: &mut Vec<u8>) -> Result<usize> {
        let receive = |io: &std::net::UdpSocket| room::append(buf, |room| Ok((io.recv(room)?, ())));
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
        let receive = |io: &std::net::UdpSocket| room::append(buf, |room| io.recv_from(room));
        self.source.run(Direction::Read, receive).await
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
        self.source.io().local_addr()
    }

    /// The address of the connected peer.
    ///
    /// # Errors
    /// When the socket is not connected.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.source.io().peer_addr()
    }

    /// Whether datagrams may go to broadcast addresses (`SO_BROADCAST`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn broadcast(&self) -> Result<bool> {
        self.source.io().broadcast()
    }

    /// Sets whether datagrams may go to broadcast addresses (`SO_BROADCAST`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_broadcast(&self, on: bool) -> Result<()> {
        self.source.io().set_broadcast(on)
    }

    /// The `IP_TTL` of datagrams sent.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ttl(&self) -> Result<u32> {
        self.source.io().ttl()
    }

    /// Sets the `IP_TTL` of datagrams sent.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_ttl(&self, ttl: u32) -> Result<()> {
        self.source.io().set_ttl(ttl)
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
        SockRef::from(self.source.io()).tos_v4()
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
        SockRef::from(self.source.io()).set_tos_v4(tos)
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
        SockRef::from(self.source.io()).tclass_v6()
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
        SockRef::from(self.source.io()).set_tclass_v6(class)
    }

    /// The network device the socket is bound to (`SO_BINDTODEVICE`).
    ///
    /// # Errors
    /// When the system does not tell.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn device(&self) -> Result<Option<Vec<u8>>> {
        SockRef::from(self.source.io()).device()
    }

    /// Binds the socket to a network device, or to none (`SO_BINDTODEVICE`).
    ///
    /// # Errors
    /// When there is no such device, and when the process may not.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn bind_device(&self, device: Option<&[u8]>) -> Result<()> {
        SockRef::from(self.source.io()).bind_device(device)
    }

    /// Whether own multicasts are received (`IP_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn multicast_loop_v4(&self) -> Result<bool> {
        self.source.io().multicast_loop_v4()
    }

    /// Sets whether own multicasts are received (`IP_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_multicast_loop_v4(&self, on: bool) -> Result<()> {
        self.source.io().set_multicast_loop_v4(on)
    }

    /// The `IP_MULTICAST_TTL` of datagrams sent.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn multicast_ttl_v4(&self) -> Result<u32> {
        self.source.io().multicast_ttl_v4()
    }

    /// Sets the `IP_MULTICAST_TTL` of datagrams sent.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> Result<()> {
        self.source.io().set_multicast_ttl_v4(ttl)
    }

    /// Whether own multicasts are received (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn multicast_loop_v6(&self) -> Result<bool> {
        self.source.io().multicast_loop_v6()
    }

    /// Sets whether own multicasts are received (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_multicast_loop_v6(&self, on: bool) -> Result<()> {
        self.source.io().set_multicast_loop_v6(on)
    }

    /// Joins a multicast group (`IP_ADD_MEMBERSHIP`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<()> {
        self.source.io().join_multicast_v4(&group, &interface)
    }

    /// Leaves a multicast group (`IP_DROP_MEMBERSHIP`).
    ///
    /// # Errors
    /// When the socket is not a member.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<()> {
        self.source.io().leave_multicast_v4(&group, &interface)
    }

    /// Joins a multicast group (`IPV6_ADD_MEMBERSHIP`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> Result<()> {
        self.source.io().join_multicast_v6(group, interface)
    }

    /// Leaves a multicast group (`IPV6_DROP_MEMBERSHIP`).
    ///
    /// # Errors
    /// When the socket is not a member.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> Result<()> {
        self.source.io().leave_multicast_v6(group, interface)
    }
}

fn sender(io: &std::net::UdpSocket) -> Result<SocketAddr> {
    let address = SockRef::from(io).peek_sender()?;
    address
        .as_socket()
        .ok_or_else(|| Error::other("a UDP socket with an address of another family"))
}

impl TryFrom<std::net::UdpSocket> for UdpSocket {
    type Error = Error;

    fn try_from(socket: std::net::UdpSocket) -> Result<Self> {
        UdpSocket::from_std(socket)
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.io().fmt(f)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for UdpSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.source.hand_out().as_fd()
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.source.hand_out().as_raw_fd()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsRawSocket for UdpSocket {
    fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
        self.source.hand_out().as_raw_socket()
    }
}
