//! TCP, UDP and Unix sockets.
//!
//! A socket needs a runtime only when it has to wait: it binds to the runtime that is current at its first wait, and
//! from then on works on any thread and under any executor. After that runtime has ended, waiting is an error.
//!
//! All calls that a signal interrupted are repeated.

mod accept;
mod addr;
mod connect;
mod halves;
mod nonblocking;
pub(crate) mod stream;

mod tcp_listener;
mod tcp_socket;
mod tcp_stream;
mod udp;

#[cfg(unix)]
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use tcp_listener::TcpListener;
pub use tcp_socket::TcpSocket;
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix::{UnixDatagram, UnixListener, UnixStream};

/// The types of TCP's halves.
pub mod tcp {
    use super::{TcpStream, halves};

    /// The borrowed half that reads. From [`TcpStream::split`].
    pub type ReadHalf<'a> = halves::ReadHalf<'a, TcpStream>;
    /// The borrowed half that writes. From [`TcpStream::split`].
    pub type WriteHalf<'a> = halves::WriteHalf<'a, TcpStream>;
    /// The owned half that reads. From [`TcpStream::into_split`].
    pub type OwnedReadHalf = halves::OwnedReadHalf<TcpStream>;
    /// The owned half that writes. From [`TcpStream::into_split`].
    pub type OwnedWriteHalf = halves::OwnedWriteHalf<TcpStream>;
    /// Two halves that are not of one stream, handed back.
    pub type ReuniteError = halves::ReuniteError<TcpStream>;
}
