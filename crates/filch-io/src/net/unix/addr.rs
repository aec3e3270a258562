//! The address of a Unix socket.

use std::fmt;
use std::os::unix::net;
use std::path::Path;

/// The address of a Unix socket: a path, on Linux an abstract name, or none.
///
/// It converts from and to the standard library's type, which can also be made from a path or a name.
#[derive(Clone)]
pub struct SocketAddr(pub(super) net::SocketAddr);

impl SocketAddr {
    /// Whether it has no name, as the socket of a client.
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// The path, if it is one.
    pub fn as_pathname(&self) -> Option<&Path> {
        self.0.as_pathname()
    }

    /// The abstract name, without its leading zero byte, if it is one.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        #[cfg(target_os = "android")]
        use std::os::android::net::SocketAddrExt;
        #[cfg(target_os = "linux")]
        use std::os::linux::net::SocketAddrExt;
        self.0.as_abstract_name()
    }

    /// The same as the system calls take it.
    pub(super) fn to_socket2(&self) -> std::io::Result<socket2::SockAddr> {
        if let Some(path) = self.as_pathname() {
            return socket2::SockAddr::unix(path);
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = self.as_abstract_name() {
            use std::os::unix::ffi::OsStringExt;
            let path = [b"\0", name].concat();
            return socket2::SockAddr::unix(std::ffi::OsString::from_vec(path));
        }
        socket2::SockAddr::unix("")
    }
}

/// Turns the address of an accept or a receive into ours.
pub(super) fn with_address<T>((value, address): (T, net::SocketAddr)) -> (T, SocketAddr) {
    (value, SocketAddr(address))
}

impl From<net::SocketAddr> for SocketAddr {
    fn from(address: net::SocketAddr) -> Self {
        SocketAddr(address)
    }
}

impl From<SocketAddr> for net::SocketAddr {
    fn from(address: SocketAddr) -> Self {
        address.0
    }
}

impl fmt::Debug for SocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
