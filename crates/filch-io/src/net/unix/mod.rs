//! Unix sockets and pipes, and the types of their halves.

mod addr;
mod ucred;

mod datagram;
mod listener;
mod socket;
mod stream;

pub mod pipe;

use super::halves;

pub use addr::SocketAddr;
pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use socket::UnixSocket;
pub use stream::UnixStream;
pub use ucred::{UCred, gid_t, pid_t, uid_t};

/// The borrowed half that reads. From [`UnixStream::split`].
pub type ReadHalf<'a> = halves::ReadHalf<'a, UnixStream>;
/// The borrowed half that writes. From [`UnixStream::split`].
pub type WriteHalf<'a> = halves::WriteHalf<'a, UnixStream>;
/// The owned half that reads. From [`UnixStream::into_split`].
pub type OwnedReadHalf = halves::OwnedReadHalf<UnixStream>;
/// The owned half that writes. From [`UnixStream::into_split`].
pub type OwnedWriteHalf = halves::OwnedWriteHalf<UnixStream>;
/// Two halves that are not of one stream, handed back.
pub type ReuniteError = halves::ReuniteError<UnixStream>;
