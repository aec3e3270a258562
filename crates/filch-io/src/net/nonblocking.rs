//! Sockets that do not block from the call on that makes them, where the system has such a call.

use socket2::{Domain, Protocol, Socket, Type};
use std::io::Result;
use std::net::{SocketAddr, TcpListener, TcpStream};

pub(super) use system::{accept_tcp, socket};

#[cfg(unix)]
pub(super) use std::os::fd::AsFd as AsObject;
#[cfg(windows)]
pub(super) use std::os::windows::io::AsSocket as AsObject;

/// Whether a connection waits at `listener`; "perhaps" is true.
///
/// Why: Linux makes a socket before it looks for a connection, so that an accept that finds none takes 3.5 µs, and this
/// 0.3 (6.18, an EPYC).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn has_more(listener: &impl AsObject) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&at_once)) != Ok(0)
}

/// Whether a connection waits at `listener`; "perhaps" is true. Elsewhere, an accept that finds none is cheap.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn has_more(_listener: &impl AsObject) -> bool {
    true
}

/// Makes a pipe that does not block: where to read, and where to write.
#[cfg(all(unix, not(any(target_vendor = "apple", target_os = "aix", target_os = "haiku"))))]
pub(super) fn pipe() -> Result<(std::os::fd::OwnedFd, std::os::fd::OwnedFd)> {
    use rustix::pipe::PipeFlags;
    Ok(rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?)
}

/// Makes a pipe that does not block: where to read, and where to write. A process that is started meanwhile on another
/// thread may inherit it.
#[cfg(all(unix, any(target_vendor = "apple", target_os = "aix", target_os = "haiku")))]
pub(super) fn pipe() -> Result<(std::os::fd::OwnedFd, std::os::fd::OwnedFd)> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use rustix::io::{FdFlags, fcntl_setfd};

    let (reader, writer) = rustix::pipe::pipe()?;
    for fd in [&reader, &writer] {
        fcntl_setfd(fd, FdFlags::CLOEXEC)?;
        fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
    }
    Ok((reader, writer))
}

/// One call makes the socket, closed on exec and non-blocking.
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
))]
mod system {
    use super::*;
    use rustix::net::{SocketFlags, acceptfrom_with};

    /// Makes a socket that does not block.
    pub(crate) fn socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> Result<Socket> {
        Socket::new(domain, kind.nonblocking(), protocol)
    }

    /// Accepts a connection as a socket that does not block.
    pub(crate) fn accept_tcp(listener: &TcpListener) -> Result<(TcpStream, SocketAddr)> {
        let (fd, peer) = acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
        let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
        let stream = TcpStream::from(fd);
        match peer {
            Some(peer) => Ok((stream, peer)),
            None => stream.peer_addr().map(|peer| (stream, peer)),
        }
    }
}

/// A second call sets it to non-blocking.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
mod system {
    use super::*;

    /// Makes a socket that does not block.
    pub(crate) fn socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> Result<Socket> {
        let socket = Socket::new(domain, kind, protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    /// Accepts a connection as a socket that does not block.
    pub(crate) fn accept_tcp(listener: &TcpListener) -> Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = listener.accept()?;
        stream.set_nonblocking(true)?;
        Ok((stream, peer))
    }
}
