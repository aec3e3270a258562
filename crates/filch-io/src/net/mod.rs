//! TCP, UDP and Unix sockets, pipes, names, and servers.
//!
//! | to | use |
//! |---|---|
//! | connect to a host by name, by whichever address answers first | [`connect()`], [`Connect`] |
//! | as asyncio does it: a reader, and a writer that takes bytes at once | [`open_connection`] |
//! | connect to addresses, one after the other | [`TcpStream::connect`] |
//! | accept connections, and handle them in tasks of their own | [`serve()`] |
//! | accept one connection after the other | [`TcpListener`] |
//! | set up a socket first | [`TcpSocket`], [`Connect::prepare`] |
//! | find addresses, or have others found | [`lookup_host`], [`Resolver`] |
//! | send datagrams | [`UdpSocket`] |
//! | talk to a process of this machine | [`unix`] |
//!
//! A socket needs a runtime only when it has to wait: it binds to the runtime that is current at its first wait, and
//! from then on works on any thread and under any executor. After that runtime has ended, waiting is an error.
//!
//! All calls that a signal interrupted are repeated.

mod accept;
mod addr;
mod connecting;
mod halves;
mod nonblocking;
mod resolver;
mod room;
pub(crate) mod stream;

mod tcp_listener;
mod tcp_socket;
mod tcp_stream;
mod udp;

mod connect;
mod serve;
mod streams;

#[cfg(unix)]
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use connect::{Connect, ConnectError, connect};
pub use resolver::{Resolver, SystemResolver, lookup_host_with};
pub use serve::{
    Accept, HandlerFailure, HandlerOutput, Server, ServerBuilder, ServerReport, serve,
};
pub use streams::{StreamReader, StreamWriter, into_streams, open_connection};
pub use tcp_listener::TcpListener;
pub use tcp_socket::TcpSocket;
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix::{UnixDatagram, UnixListener, UnixSocket, UnixStream};

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
