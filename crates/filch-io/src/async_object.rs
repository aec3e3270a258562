//! Any object of the operating system as an asynchronous one: smol's `Async<T>`.
//!
//! [`AsyncFd`](crate::io::unix::AsyncFd) lends readiness; this one does the operations too.
//!
//! An operation is tried first and waits only when it would block. A short read proves nothing here (the object may hand
//! out packets, or lines), so readers meet `WouldBlock` before they wait.

use crate::source::Source;
use filch_core::io::{Direction, Interest};
use futures_io::{AsyncRead, AsyncWrite};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::fmt;
use std::io::{IoSlice, IoSliceMut, Read, Result, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

/// An asynchronous object made of one that blocks: anything with a descriptor that can be polled, such as a socket, a
/// pipe, a terminal, an `inotify` or a `timerfd`. Not a regular file, which is always ready and blocks all the same.
///
/// It reads and writes when `T` does and is [`IoSafe`]. Everything else is a closure for
/// [`read_with`](Self::read_with) or [`write_with`](Self::write_with).
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::io::Async;
///
/// let socket = Async::new(std::os::unix::net::UnixDatagram::unbound()?)?;
/// let mut buf = [0; 1000];
/// let (n, sender) = socket.read_with(|socket| socket.recv_from(&mut buf)).await?;
/// println!("{n} bytes from {sender:?}");
/// # Ok(()) }
/// ```
pub struct Async<T: AsFd> {
    source: Source<Object<T>>,
}

/// Gives its number through `AsFd`, which promises that it is open.
struct Object<T>(T);

impl<T: AsFd> AsRawFd for Object<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

// Why: the object is never pinned.
impl<T: AsFd> Unpin for Async<T> {}

impl<T: AsFd> Async<T> {
    /// Makes the object non-blocking and watches it with the current runtime.
    ///
    /// Its copies become non-blocking too: for the standard streams, those of other processes.
    ///
    /// # Panics
    /// When there is no runtime and none can be started.
    ///
    /// # Errors
    /// When it cannot be made non-blocking, or cannot be watched: it is a regular file, or watched already.
    #[track_caller]
    pub fn new(object: T) -> Result<Async<T>> {
        let object = Async::new_nonblocking(object)?; // First, so that one that is refused stays as it was.
        let flags = fcntl_getfl(&object)?;
        if !flags.contains(OFlags::NONBLOCK) {
            fcntl_setfl(&object, flags | OFlags::NONBLOCK)?;
        }
        Ok(object)
    }

    /// As [`new`](Self::new) for an object that is non-blocking already. Otherwise, operations may block their thread.
    ///
    /// # Panics
    /// When there is no runtime and none can be started.
    ///
    /// # Errors
    /// When it cannot be watched: it is a regular file, or watched already.
    #[track_caller]
    pub fn new_nonblocking(object: T) -> Result<Async<T>> {
        let source = Source::from_outside(Object(object), Interest::BOTH);
        source.register()?;
        Ok(Async { source })
    }

    /// The object.
    pub fn get_ref(&self) -> &T {
        &self.source.io().0
    }

    /// The object, to be changed.
    ///
    /// # Safety
    /// - The object keeps its descriptor: it is not replaced, and does not close it.
    pub unsafe fn get_mut(&mut self) -> &mut T {
        &mut self.source.hand_out_mut().0
    }

    /// Ends the watch and gives the object back. It stays non-blocking.
    ///
    /// # Errors
    /// None at present.
    pub fn into_inner(self) -> Result<T> {
        Ok(self.source.into_io().0)
    }

    /// Waits until a read is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn readable(&self) -> Result<()> {
        self.source.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until a write is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn writable(&self) -> Result<()> {
        self.source.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Polls for readiness to read.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.source.poll_ready(cx, Direction::Read).map_ok(drop)
    }

    /// Polls for readiness to write.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.source.poll_ready(cx, Direction::Write).map_ok(drop)
    }

    /// Tries `operation` whenever the object is readable, until it does not answer
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock).
    ///
    /// # Errors
    /// Those of `operation`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has not had `operation` succeed.
    pub async fn read_with<R>(&self, mut operation: impl FnMut(&T) -> Result<R>) -> Result<R> {
        self.source.run(Direction::Read, |object| operation(&object.0)).await
    }

    /// Tries `operation` whenever the object is writable, until it does not answer
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock).
    ///
    /// # Errors
    /// Those of `operation`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has not had `operation` succeed.
    pub async fn write_with<R>(&self, mut operation: impl FnMut(&T) -> Result<R>) -> Result<R> {
        self.source.run(Direction::Write, |object| operation(&object.0)).await
    }

    /// As [`read_with`](Self::read_with), lending the object for changing it.
    ///
    /// # Safety
    /// - `operation` leaves the object its descriptor: it does not replace the object, and does not close it.
    ///
    /// # Errors
    /// Those of `operation`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has not had `operation` succeed.
    pub async unsafe fn read_with_mut<R>(
        &mut self,
        mut operation: impl FnMut(&mut T) -> Result<R>,
    ) -> Result<R> {
        self.source.run_mut(Direction::Read.interest(), |object| operation(&mut object.0)).await
    }

    /// As [`write_with`](Self::write_with), lending the object for changing it.
    ///
    /// # Safety
    /// - `operation` leaves the object its descriptor: it does not replace the object, and does not close it.
    ///
    /// # Errors
    /// Those of `operation`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has not had `operation` succeed.
    pub async unsafe fn write_with_mut<R>(
        &mut self,
        mut operation: impl FnMut(&mut T) -> Result<R>,
    ) -> Result<R> {
        self.source.run_mut(Direction::Write.interest(), |object| operation(&mut object.0)).await
    }
}

impl<T: AsFd> AsRef<T> for Async<T> {
    fn as_ref(&self) -> &T {
        self.get_ref()
    }
}

impl<T: AsFd> AsFd for Async<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> AsRawFd for Async<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + From<OwnedFd>> TryFrom<OwnedFd> for Async<T> {
    type Error = std::io::Error;

    fn try_from(fd: OwnedFd) -> Result<Self> {
        Async::new(fd.into())
    }
}

impl<T: AsFd + Into<OwnedFd>> TryFrom<Async<T>> for OwnedFd {
    type Error = std::io::Error;

    fn try_from(object: Async<T>) -> Result<Self> {
        object.into_inner().map(Into::into)
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Async<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Async").field("object", self.get_ref()).finish_non_exhaustive()
    }
}

/// Says that reading, writing and flushing leave an object its descriptor.
///
/// # Safety
/// - [`Read`] and [`Write`] of the type, if it has them, neither close its descriptor nor put another one in its place.
pub unsafe trait IoSafe {}

// SAFETY: it calls the system with its own descriptor, which stays.
unsafe impl IoSafe for std::fs::File {}
// SAFETY: it calls the system with its own descriptor, which stays.
unsafe impl IoSafe for std::io::Stdin {}
// SAFETY: it calls the system with its own descriptor, which stays.
unsafe impl IoSafe for std::io::Stdout {}
// SAFETY: it calls the system with its own descriptor, which stays.
unsafe impl IoSafe for std::io::Stderr {}
// SAFETY: it calls the system with its own descriptor, which stays.
unsafe impl IoSafe for std::net::TcpStream {}
// SAFETY: it calls the system with its own descriptor, which stays.
unsafe impl IoSafe for std::os::unix::net::UnixStream {}
// SAFETY: it calls the system with its own descriptor, which stays.
unsafe impl IoSafe for std::process::ChildStdin {}
// SAFETY: it calls the system with its own descriptor, which stays.
unsafe impl IoSafe for std::process::ChildStdout {}
// SAFETY: it calls the system with its own descriptor, which stays.
unsafe impl IoSafe for std::process::ChildStderr {}
// SAFETY: through a shared reference the object cannot be replaced, and one that changes its descriptor inside breaks
// `AsFd`'s promise, not this one.
unsafe impl<T: ?Sized> IoSafe for &T {}
// SAFETY: it reads and writes through the reference, by the promise of `T`.
unsafe impl<T: IoSafe + ?Sized> IoSafe for &mut T {}
// SAFETY: it reads and writes through the box, by the promise of `T`.
unsafe impl<T: IoSafe + ?Sized> IoSafe for Box<T> {}

impl<T: AsFd + IoSafe + Read> AsyncRead for Async<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.source.poll_mut(cx, Direction::Read, |object| object.0.read(buf))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.source.poll_mut(cx, Direction::Read, |object| object.0.read_vectored(bufs))
    }
}

/// Through a shared reference, for types that read so: several tasks may.
impl<T: AsFd> AsyncRead for &Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.source.poll(cx, Direction::Read, |object| (&object.0).read(buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.source.poll(cx, Direction::Read, |object| (&object.0).read_vectored(bufs))
    }
}

impl<T: AsFd + IoSafe + Write> AsyncWrite for Async<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        self.source.poll_mut(cx, Direction::Write, |object| object.0.write(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.source.poll_mut(cx, Direction::Write, |object| object.0.write_vectored(bufs))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.source.poll_mut(cx, Direction::Write, |object| object.0.flush())
    }

    /// Flushes. What more it takes to end the writing direction depends on the object.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_flush(cx)
    }
}

/// Through a shared reference, for types that write so: several tasks may.
impl<T: AsFd> AsyncWrite for &Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.source.poll(cx, Direction::Write, |object| (&object.0).write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.source.poll(cx, Direction::Write, |object| (&object.0).write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.source.poll(cx, Direction::Write, |object| (&object.0).flush())
    }

    /// Flushes. What more it takes to end the writing direction depends on the object.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_flush(cx)
    }
}
