//! What TCP and Unix streams have in common: bytes in, bytes out, through a shared reference.

use crate::source::{AsSource, Source};
use filch_core::io::{Direction, Interest};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Result, Write};
use std::net::Shutdown;
use std::task::{Context, Poll};

/// A stream socket of the standard library.
pub trait StreamIo: AsSource + Sized {
    /// What names an end of it.
    type Address;

    fn read(&self, buf: &mut [u8]) -> Result<usize>;
    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize>;
    fn write(&self, buf: &[u8]) -> Result<usize>;
    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize>;
    fn shutdown(&self, how: Shutdown) -> Result<()>;
    fn local_address(&self) -> Result<Self::Address>;
    fn peer_address(&self) -> Result<Self::Address>;
}

impl StreamIo for std::net::TcpStream {
    type Address = std::net::SocketAddr;

    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        Read::read(&mut &*self, buf)
    }

    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        Read::read_vectored(&mut &*self, bufs)
    }

    fn write(&self, buf: &[u8]) -> Result<usize> {
        Write::write(&mut &*self, buf)
    }

    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        Write::write_vectored(&mut &*self, bufs)
    }

    fn shutdown(&self, how: Shutdown) -> Result<()> {
        self.shutdown(how)
    }

    fn local_address(&self) -> Result<Self::Address> {
        self.local_addr()
    }

    fn peer_address(&self) -> Result<Self::Address> {
        self.peer_addr()
    }
}

#[cfg(unix)]
impl StreamIo for std::os::unix::net::UnixStream {
    type Address = super::unix::SocketAddr;

    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        Read::read(&mut &*self, buf)
    }

    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        Read::read_vectored(&mut &*self, bufs)
    }

    fn write(&self, buf: &[u8]) -> Result<usize> {
        Write::write(&mut &*self, buf)
    }

    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        Write::write_vectored(&mut &*self, bufs)
    }

    fn shutdown(&self, how: Shutdown) -> Result<()> {
        self.shutdown(how)
    }

    fn local_address(&self) -> Result<Self::Address> {
        self.local_addr().map(Into::into)
    }

    fn peer_address(&self) -> Result<Self::Address> {
        self.peer_addr().map(Into::into)
    }
}

/// A stream of ours.
pub trait Stream {
    /// The standard library's stream within.
    type Io: StreamIo;

    fn source(&self) -> &Source<Self::Io>;

    fn poll_read_shared(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.source().poll_transfer(cx, Direction::Read, buf.len(), |io| io.read(buf))
    }

    fn poll_read_vectored_shared(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        let room = bufs.iter().map(|buf| buf.len()).sum();
        self.source().poll_transfer(cx, Direction::Read, room, |io| io.read_vectored(bufs))
    }

    fn poll_write_shared(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.source().poll_transfer(cx, Direction::Write, buf.len(), |io| io.write(buf))
    }

    fn poll_write_vectored_shared(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let offered = bufs.iter().map(|buf| buf.len()).sum();
        self.source().poll_transfer(cx, Direction::Write, offered, |io| io.write_vectored(bufs))
    }

    fn poll_close_shared(&self) -> Poll<Result<()>> {
        Poll::Ready(match self.source().io().shutdown(Shutdown::Write) {
            // The peer was faster: what shutting down is for has happened.
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
            result => result,
        })
    }

    fn try_read_shared(&self, buf: &mut [u8]) -> Result<usize> {
        self.source().try_once(Interest::READABLE, |io| io.read(buf))
    }

    fn try_read_vectored_shared(&self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.source().try_once(Interest::READABLE, |io| io.read_vectored(bufs))
    }

    fn try_write_shared(&self, buf: &[u8]) -> Result<usize> {
        self.source().try_once(Interest::WRITABLE, |io| io.write(buf))
    }

    fn try_write_vectored_shared(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.source().try_once(Interest::WRITABLE, |io| io.write_vectored(bufs))
    }
}
