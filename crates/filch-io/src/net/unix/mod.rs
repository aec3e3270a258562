//! Unix sockets, and the types of their halves.

mod datagram;
mod listener;
mod stream;

use super::halves;

pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use std::os::unix::net::SocketAddr;
pub use stream::UnixStream;

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
