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
    /// Whether a read that came back short has taken all there was, urgent data aside.
    const SHORT_READ_EMPTIES: bool;

    fn read(&self, buf: &mut [u8]) -> Result<usize>;
    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize>;
    fn write(&self, buf: &[u8]) -> Result<usize>;
    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize>;
    fn shutdown(&self, how: Shutdown) -> Result<()>;
    fn local_address(&self) -> Result<Self::Address>;
    fn peer_address(&self) -> Result<Self::Address>;
}

/// The two kinds differ in their addresses, and in what ends a read.
macro_rules! stream_io {
    ($stream:ty, $address:ty, $short_read_empties:expr) => {
        impl StreamIo for $stream {
            type Address = $address;
            const SHORT_READ_EMPTIES: bool = $short_read_empties;

            fn read(&self, buf: &mut [u8]) -> Result<usize> {
                transfer::read(self, buf)
            }

            fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
                (&mut &*self).read_vectored(bufs)
            }

            fn write(&self, buf: &[u8]) -> Result<usize> {
                transfer::write(self, buf)
            }

            fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
                (&mut &*self).write_vectored(bufs)
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
    };
}

stream_io!(std::net::TcpStream, std::net::SocketAddr, true);
// Why false: a read ends behind the bytes that came with descriptors or credentials, whatever follows them.
#[cfg(unix)]
stream_io!(std::os::unix::net::UnixStream, super::unix::SocketAddr, false);

/// One buffer in, one out, past the C library: its calls are points where a thread can be canceled, and pay for that with
/// two atomic steps each.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod transfer {
    use rustix::net::{RecvFlags, SendFlags, recv, send};
    use std::io::Result;
    use std::os::fd::AsFd;

    pub(super) fn read(io: impl AsFd, buf: &mut [u8]) -> Result<usize> {
        let (n, _) = recv(io, buf, RecvFlags::empty())?;
        Ok(n)
    }

    pub(super) fn write(io: impl AsFd, buf: &[u8]) -> Result<usize> {
        Ok(send(io, buf, SendFlags::NOSIGNAL)?)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod transfer {
    use std::io::{Read, Result, Write};

    pub(super) fn read<T>(io: &T, buf: &mut [u8]) -> Result<usize>
    where
        for<'a> &'a T: Read,
    {
        Read::read(&mut &*io, buf)
    }

    pub(super) fn write<T>(io: &T, buf: &[u8]) -> Result<usize>
    where
        for<'a> &'a T: Write,
    {
        Write::write(&mut &*io, buf)
    }
}

/// A stream of ours.
pub trait Stream {
    /// The standard library's stream within.
    type Io: StreamIo;

    fn source(&self) -> &Source<Self::Io>;

    fn poll_read_shared(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.poll_receive(cx, buf.len(), |io| io.read(buf))
    }

    fn poll_read_vectored_shared(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        let room = bufs.iter().map(|buf| buf.len()).sum();
        self.poll_receive(cx, room, |io| io.read_vectored(bufs))
    }

    /// Tries `receive`, which takes up to `asked` bytes, until it does not answer `WouldBlock`.
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        asked: usize,
        receive: impl FnMut(&Self::Io) -> Result<usize>,
    ) -> Poll<Result<usize>> {
        if asked == 0 {
            return Poll::Ready(Ok(0)); // There is nothing to wait for.
        }
        if Self::Io::SHORT_READ_EMPTIES {
            self.source().poll_transfer(cx, Direction::Read, asked, receive)
        } else {
            self.source().poll(cx, Direction::Read, receive)
        }
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
        self.source().poll_transfer(cx, Direction::Write, offered, |io| write_gathered(io, bufs))
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
        self.source().try_once(Interest::WRITABLE, |io| write_gathered(io, bufs))
    }
}

/// Up to so many bytes in several buffers are put together before they are written.
// Why: for a list of buffers the kernel takes 200 ns more than for one, which is more than copying so little takes.
const LITTLE: usize = 1024;

/// Writes what lies in several buffers.
fn write_gathered(io: &impl StreamIo, bufs: &[IoSlice<'_>]) -> Result<usize> {
    let mut together = [0; LITTLE];
    let mut room = &mut together[..];
    if bufs.iter().map(|buf| buf.len()).sum::<usize>() > room.len() {
        return io.write_vectored(bufs);
    }
    for buf in bufs {
        let (here, rest) = room.split_at_mut(buf.len());
        here.copy_from_slice(buf);
        room = rest;
    }
    let n = LITTLE - room.len();
    io.write(&together[..n])
}
