//! Who is at the other end of a Unix stream.

use std::io::Result;
use std::os::unix::net::UnixStream;

/// As in C.
#[allow(non_camel_case_types, reason = "C's name")]
pub type uid_t = u32;
/// As in C.
#[allow(non_camel_case_types, reason = "C's name")]
pub type gid_t = u32;
/// As in C.
#[allow(non_camel_case_types, reason = "C's name")]
pub type pid_t = i32;

/// Whom the process at the other end belonged to when it connected or listened. From
/// [`UnixStream::peer_cred`](super::UnixStream::peer_cred).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UCred {
    pid: Option<pid_t>,
    uid: uid_t,
    gid: gid_t,
}

impl UCred {
    /// The process's user.
    pub fn uid(&self) -> uid_t {
        self.uid
    }

    /// The process's group.
    pub fn gid(&self) -> gid_t {
        self.gid
    }

    /// The process, where the system tells (Linux) and it is not in another namespace. Its number may belong to another
    /// one by now.
    pub fn pid(&self) -> Option<pid_t> {
        self.pid
    }
}

/// `SO_PEERCRED`.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn of_peer(stream: &UnixStream) -> Result<UCred> {
    use std::os::fd::AsRawFd;

    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = size_of_val(&found) as libc::socklen_t;
    // SAFETY: the descriptor is open for the length of the borrow; the pointers lead to a value of three integers, for
    // which every pattern is valid, and to its size.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut found).cast(),
            &raw mut len,
        )
    };
    if result != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(UCred { pid: (found.pid != 0).then_some(found.pid), uid: found.uid, gid: found.gid })
}

/// `getpeereid`.
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
))]
pub(super) fn of_peer(stream: &UnixStream) -> Result<UCred> {
    use std::os::fd::AsRawFd;

    let (mut uid, mut gid) = (0, 0);
    // SAFETY: the descriptor is open for the length of the borrow; the pointers lead to one integer each.
    let result = unsafe { libc::getpeereid(stream.as_raw_fd(), &raw mut uid, &raw mut gid) };
    if result != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(UCred { pid: None, uid, gid })
}

/// No call of this system is known here.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
pub(super) fn of_peer(_: &UnixStream) -> Result<UCred> {
    Err(std::io::ErrorKind::Unsupported.into())
}
