//! Pipes, with and without a name.
//!
//! A pipe binds to the runtime that is current at its first wait, as a socket does.
//!
//! A read that came back short does not prove that a pipe is empty: a writer may send packets (`O_DIRECT`), one for
//! each read. So readers meet `WouldBlock` before they wait.

use crate::net::{nonblocking, room};
use crate::source::Source;
use filch_core::io::{Direction, Interest, Ready};
use futures_io::{AsyncRead, AsyncWrite};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat};
use std::fs::File;
use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Read, Result, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Makes a pipe: what is written into the sender comes out of the receiver.
///
/// # Errors
/// When the system refuses, for example at the descriptor limit.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::io::{AsyncReadExt, AsyncWriteExt};
/// use filch_io::net::unix::pipe;
///
/// let (mut sender, mut receiver) = pipe::pipe()?;
/// sender.write_all(b"hello").await?;
/// drop(sender);
/// let mut text = String::new();
/// receiver.read_to_string(&mut text).await?;
/// # Ok(()) }
/// ```
pub fn pipe() -> Result<(Sender, Receiver)> {
    let (reader, writer) = nonblocking::pipe()?;
    Ok((
        Sender { source: Source::new(writer.into(), Interest::WRITABLE) },
        Receiver { source: Source::new(reader.into(), Interest::READABLE) },
    ))
}

/// How a pipe with a name, a FIFO, is opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    read_write: bool,
    unchecked: bool,
}

impl OpenOptions {
    /// One direction only, and the file must be a FIFO.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Opens both directions, although one is used: a sender need not find a receiver then, and a receiver does not
    /// come to an end when the last sender is closed.
    ///
    /// What is in a FIFO is lost once nobody has it open.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn read_write(&mut self, value: bool) -> &mut Self {
        self.read_write = value;
        self
    }

    /// Does not look whether the file is a FIFO.
    pub fn unchecked(&mut self, value: bool) -> &mut Self {
        self.unchecked = value;
        self
    }

    /// Opens a FIFO for reading.
    ///
    /// # Errors
    /// When the file cannot be opened, and when it is no FIFO ([`InvalidInput`](ErrorKind::InvalidInput)).
    pub fn open_receiver<P: AsRef<Path>>(&self, path: P) -> Result<Receiver> {
        Receiver::from_file_unchecked(self.open(path.as_ref(), End::Receiver)?)
    }

    /// Opens a FIFO for writing.
    ///
    /// # Errors
    /// When the file cannot be opened, when it is no FIFO ([`InvalidInput`](ErrorKind::InvalidInput)), and when nobody
    /// has it open for reading (`ENXIO`; see `read_write`).
    pub fn open_sender<P: AsRef<Path>>(&self, path: P) -> Result<Sender> {
        Sender::from_file_unchecked(self.open(path.as_ref(), End::Sender)?)
    }

    fn open(&self, path: &Path, end: End) -> Result<File> {
        let file = std::fs::OpenOptions::new()
            .read(end == End::Receiver || self.read_write)
            .write(end == End::Sender || self.read_write)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        if !self.unchecked {
            expect_pipe(file.as_fd())?;
        }
        Ok(file)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Sender,
    Receiver,
}

/// The end of a pipe that is written to.
///
/// Writing to a pipe that nobody can read any more is a [`BrokenPipe`](ErrorKind::BrokenPipe) error. The receiver sees
/// the end when this is dropped; [`shutdown`](crate::io::AsyncWriteExt::shutdown) does nothing.
#[derive(Debug)]
pub struct Sender {
    source: Source<File>,
}

impl Sender {
    /// Takes a FIFO that is open for writing, and makes it non-blocking.
    ///
    /// # Errors
    /// When the file is no pipe, or not open for writing ([`InvalidInput`](ErrorKind::InvalidInput)).
    pub fn from_file(file: File) -> Result<Sender> {
        Sender::from_owned_fd(file.into())
    }

    /// Takes a pipe that is open for writing, and makes it non-blocking.
    ///
    /// # Errors
    /// When the descriptor is no pipe, or not open for writing ([`InvalidInput`](ErrorKind::InvalidInput)).
    pub fn from_owned_fd(fd: OwnedFd) -> Result<Sender> {
        prepare(fd.as_fd(), End::Sender)?;
        Sender::from_owned_fd_unchecked(fd)
    }

    /// Takes a file that is a pipe, open for writing and non-blocking. Otherwise, writing may block its thread.
    ///
    /// # Errors
    /// None at present.
    pub fn from_file_unchecked(file: File) -> Result<Sender> {
        Ok(Sender { source: Source::from_outside(file, Interest::WRITABLE) })
    }

    /// As [`from_file_unchecked`](Self::from_file_unchecked).
    ///
    /// # Errors
    /// None at present.
    pub fn from_owned_fd_unchecked(fd: OwnedFd) -> Result<Sender> {
        Sender::from_file_unchecked(fd.into())
    }

    /// Waits until something of `interest` is ready, and answers what.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the pipe.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn ready(&self, interest: Interest) -> Result<Ready> {
        self.source.ready(interest).await
    }

    /// Waits until a write is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the pipe.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn writable(&self) -> Result<()> {
        self.source.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Polls for readiness to write.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.source.poll_ready(cx, Direction::Write).map_ok(drop)
    }

    /// Writes what fits, without waiting; [`WouldBlock`](ErrorKind::WouldBlock) when nothing does.
    ///
    /// Up to `PIPE_BUF` bytes (4 KiB on Linux) are written all or not at all.
    ///
    /// # Errors
    /// When nothing fits, and when nobody can read any more.
    pub fn try_write(&self, buf: &[u8]) -> Result<usize> {
        self.source.try_once(Interest::WRITABLE, |mut io| io.write(buf))
    }

    /// As [`try_write`](Self::try_write), from several buffers.
    ///
    /// # Errors
    /// When nothing fits, and when nobody can read any more.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.source.try_once(Interest::WRITABLE, |mut io| io.write_vectored(bufs))
    }

    /// Tries an operation of your own once, or not at all when it is known that it would block.
    ///
    /// # Errors
    /// Those of `operation`, and [`WouldBlock`](ErrorKind::WouldBlock) when the pipe is not ready.
    pub fn try_io<R>(&self, operation: impl FnOnce() -> Result<R>) -> Result<R> {
        self.source.try_once(Interest::WRITABLE, |_| operation())
    }

    /// Gives the descriptor back, made blocking.
    ///
    /// # Errors
    /// When it cannot be made blocking.
    pub fn into_blocking_fd(self) -> Result<OwnedFd> {
        into_blocking(self.source)
    }

    /// Gives the descriptor back. It stays non-blocking.
    ///
    /// # Errors
    /// None at present.
    pub fn into_nonblocking_fd(self) -> Result<OwnedFd> {
        Ok(self.source.into_io().into())
    }
}

impl AsyncWrite for Sender {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.source.poll_transfer(cx, Direction::Write, buf.len(), |mut io| io.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let offered = bufs.iter().map(|buf| buf.len()).sum();
        self.source.poll_transfer(cx, Direction::Write, offered, |mut io| io.write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Does nothing: a pipe ends when its last sender is dropped.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.hand_out().as_fd()
    }
}

impl AsRawFd for Sender {
    fn as_raw_fd(&self) -> RawFd {
        self.source.hand_out().as_raw_fd()
    }
}

/// The end of a pipe that is read from.
///
/// A FIFO has come to its end whenever nobody has it open for writing, also before the first one has. See
/// `OpenOptions::read_write` for one that waits instead.
#[derive(Debug)]
pub struct Receiver {
    source: Source<File>,
}

impl Receiver {
    /// Takes a FIFO that is open for reading, and makes it non-blocking.
    ///
    /// # Errors
    /// When the file is no pipe, or not open for reading ([`InvalidInput`](ErrorKind::InvalidInput)).
    pub fn from_file(file: File) -> Result<Receiver> {
        Receiver::from_owned_fd(file.into())
    }

    /// Takes a pipe that is open for reading, and makes it non-blocking.
    ///
    /// # Errors
    /// When the descriptor is no pipe, or not open for reading ([`InvalidInput`](ErrorKind::InvalidInput)).
    pub fn from_owned_fd(fd: OwnedFd) -> Result<Receiver> {
        prepare(fd.as_fd(), End::Receiver)?;
        Receiver::from_owned_fd_unchecked(fd)
    }

    /// Takes a file that is a pipe, open for reading and non-blocking. Otherwise, reading may block its thread.
    ///
    /// # Errors
    /// None at present.
    pub fn from_file_unchecked(file: File) -> Result<Receiver> {
        Ok(Receiver { source: Source::from_outside(file, Interest::READABLE) })
    }

    /// As [`from_file_unchecked`](Self::from_file_unchecked).
    ///
    /// # Errors
    /// None at present.
    pub fn from_owned_fd_unchecked(fd: OwnedFd) -> Result<Receiver> {
        Receiver::from_file_unchecked(fd.into())
    }

    /// Waits until something of `interest` is ready, and answers what.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the pipe.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn ready(&self, interest: Interest) -> Result<Ready> {
        self.source.ready(interest).await
    }

    /// Waits until a read is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the pipe.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn readable(&self) -> Result<()> {
        self.source.ready(Interest::READABLE).await.map(drop)
    }

    /// Polls for readiness to read.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.source.poll_ready(cx, Direction::Read).map_ok(drop)
    }

    /// Reads what there is, without waiting; [`WouldBlock`](ErrorKind::WouldBlock) when there is nothing.
    ///
    /// # Errors
    /// When there is nothing.
    pub fn try_read(&self, buf: &mut [u8]) -> Result<usize> {
        self.source.try_once(Interest::READABLE, |mut io| io.read(buf))
    }

    /// As [`try_read`](Self::try_read), appending to `buf` what fits into its capacity; a full one is given more.
    ///
    /// # Errors
    /// When there is nothing.
    pub fn try_read_buf(&self, buf: &mut Vec<u8>) -> Result<usize> {
        Ok(room::append(buf, |room| Ok((self.try_read(room)?, ())))?.0)
    }

    /// As [`try_read`](Self::try_read), into several buffers.
    ///
    /// # Errors
    /// When there is nothing.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.source.try_once(Interest::READABLE, |mut io| io.read_vectored(bufs))
    }

    /// Tries an operation of your own once, or not at all when it is known that it would block.
    ///
    /// # Errors
    /// Those of `operation`, and [`WouldBlock`](ErrorKind::WouldBlock) when the pipe is not ready.
    pub fn try_io<R>(&self, operation: impl FnOnce() -> Result<R>) -> Result<R> {
        self.source.try_once(Interest::READABLE, |_| operation())
    }

    /// Gives the descriptor back, made blocking.
    ///
    /// # Errors
    /// When it cannot be made blocking.
    pub fn into_blocking_fd(self) -> Result<OwnedFd> {
        into_blocking(self.source)
    }

    /// Gives the descriptor back. It stays non-blocking.
    ///
    /// # Errors
    /// None at present.
    pub fn into_nonblocking_fd(self) -> Result<OwnedFd> {
        Ok(self.source.into_io().into())
    }
}

impl AsyncRead for Receiver {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0)); // There is nothing to wait for.
        }
        self.source.poll(cx, Direction::Read, |mut io| io.read(buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        self.source.poll(cx, Direction::Read, |mut io| io.read_vectored(bufs))
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.hand_out().as_fd()
    }
}

impl AsRawFd for Receiver {
    fn as_raw_fd(&self) -> RawFd {
        self.source.hand_out().as_raw_fd()
    }
}

/// Makes a pipe from outside ready for use as `end`.
fn prepare(fd: BorrowedFd<'_>, end: End) -> Result<()> {
    expect_pipe(fd)?;
    let flags = fcntl_getfl(fd)?;
    let (one_way, what) = match end {
        End::Sender => (OFlags::WRONLY, "the pipe is not open for writing"),
        End::Receiver => (OFlags::RDONLY, "the pipe is not open for reading"),
    };
    let mode = flags & OFlags::RWMODE;
    if mode != one_way && mode != OFlags::RDWR {
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    if !flags.contains(OFlags::NONBLOCK) {
        fcntl_setfl(fd, flags | OFlags::NONBLOCK)?;
    }
    Ok(())
}

fn expect_pipe(fd: BorrowedFd<'_>) -> Result<()> {
    match FileType::from_raw_mode(fstat(fd)?.st_mode) {
        FileType::Fifo => Ok(()),
        _ => Err(Error::new(ErrorKind::InvalidInput, "the file is not a pipe")),
    }
}

fn into_blocking(source: Source<File>) -> Result<OwnedFd> {
    let fd = OwnedFd::from(source.into_io());
    fcntl_setfl(&fd, fcntl_getfl(&fd)? - OFlags::NONBLOCK)?;
    Ok(fd)
}
