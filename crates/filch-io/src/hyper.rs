//! hyper 1.x over this runtime: its I/O traits on our streams, its executor and its timer.
//!
//! [`TcpStream`] and [`UnixStream`](crate::net::UnixStream) implement hyper's traits themselves; [`HyperIo`] lends them
//! to every other stream, and gives hyper's own streams the futures-io traits.

use crate::io::{AsyncRead, AsyncWrite};
use crate::net::stream::Stream;
use crate::net::{self, TcpStream};
use ::hyper::rt::{Executor, Read, ReadBufCursor, Sleep, Timer, Write};
use filch_core::runtime::RuntimeRef;
use filch_core::task::Spawn;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::io::{Error, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

pin_project! {
    /// Any futures-io stream with hyper's I/O traits, and any stream of hyper's with those of futures-io.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct HyperIo<T> {
        #[pin]
        stream: T,
    }
}

impl<T> HyperIo<T> {
    /// Wraps a stream.
    pub fn new(stream: T) -> Self {
        HyperIo { stream }
    }

    /// The stream.
    pub fn get_ref(&self) -> &T {
        &self.stream
    }

    /// The stream.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.stream
    }

    /// Gives the stream back.
    pub fn into_inner(self) -> T {
        self.stream
    }
}

impl<T: AsyncRead> Read for HyperIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        // Zeroed first: a foreign reader is shown no uninitialized memory.
        let room = buf.initialize_unfilled();
        let (n, len) = (ready!(self.project().stream.poll_read(cx, room))?, room.len());
        if n > len {
            return Poll::Ready(Err(Error::other(format!(
                "reader reported {n} bytes for a buffer of {len}"
            ))));
        }
        // SAFETY: all of the cursor's bytes were initialized above, and `n` is at most their number.
        unsafe { buf.advance(n) };
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite> Write for HyperIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.project().stream.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.project().stream.poll_close(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.project().stream.poll_write_vectored(cx, bufs)
    }
}

impl<T: Read> AsyncRead for HyperIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        let mut buf = ::hyper::rt::ReadBuf::new(buf);
        ready!(self.project().stream.poll_read(cx, buf.unfilled()))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<T: Write> AsyncWrite for HyperIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.project().stream.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.project().stream.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.project().stream.poll_shutdown(cx)
    }
}

impl Read for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        poll_read_socket(&*self, cx, buf)
    }
}

impl Write for TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        AsyncWrite::poll_write(self, cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_close(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        AsyncWrite::poll_write_vectored(self, cx, bufs)
    }
}

#[cfg(unix)]
impl Read for net::UnixStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        poll_read_socket(&*self, cx, buf)
    }
}

#[cfg(unix)]
impl Write for net::UnixStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        AsyncWrite::poll_write(self, cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_close(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        AsyncWrite::poll_write_vectored(self, cx, bufs)
    }
}

/// Reads straight into memory that nobody has initialized: the kernel does.
#[cfg(unix)]
fn poll_read_socket<S: Stream>(
    stream: &S,
    cx: &mut Context<'_>,
    mut buf: ReadBufCursor<'_>,
) -> Poll<Result<()>>
where
    S::Io: std::os::fd::AsFd,
{
    // SAFETY: the slice goes to `rustix::io::read` only, which takes nothing out of it and initializes what it counts.
    let room = unsafe { buf.as_mut() };
    let asked = room.len();
    let read = |io: &S::Io| Ok(rustix::io::read(io, &mut *room).map(|(filled, _)| filled.len())?);
    let n =
        ready!(stream.source().poll_transfer(cx, filch_core::io::Direction::Read, asked, read))?;
    // SAFETY: `read` initialized the first `n` bytes, which are within the slice.
    unsafe { buf.advance(n) };
    Poll::Ready(Ok(()))
}

#[cfg(not(unix))]
fn poll_read_socket<S: Stream>(
    stream: &S,
    cx: &mut Context<'_>,
    mut buf: ReadBufCursor<'_>,
) -> Poll<Result<()>> {
    let n = ready!(stream.poll_read_shared(cx, buf.initialize_unfilled()))?;
    // SAFETY: all of the cursor's bytes were initialized above, and a socket reports no more than it was given.
    unsafe { buf.advance(n) };
    Poll::Ready(Ok(()))
}

/// Lets hyper spawn its tasks on the current runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct FilchExecutor(());

impl FilchExecutor {
    /// An executor for the runtime that is current when hyper spawns.
    pub const fn new() -> Self {
        FilchExecutor(())
    }
}

impl<F> Executor<F> for FilchExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        drop(Spawn::on(RuntimeRef::current()).spawn(future));
    }
}

/// Lets hyper wait by this runtime's timers and clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct FilchTimer(());

impl FilchTimer {
    /// A timer for the runtime that is current when hyper waits.
    pub const fn new() -> Self {
        FilchTimer(())
    }
}

impl Timer for FilchTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(HyperSleep { sleep: filch_timer::sleep(duration) })
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HyperSleep {
            sleep: filch_timer::sleep_until(filch_timer::Instant::from_std(deadline)),
        })
    }

    fn now(&self) -> Instant {
        filch_timer::Instant::now().into_std()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<HyperSleep>() {
            Some(ours) => ours.project().sleep.reset(filch_timer::Instant::from_std(deadline)),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

pin_project! {
    struct HyperSleep {
        #[pin]
        sleep: filch_timer::Sleep,
    }
}

impl Future for HyperSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}

impl Sleep for HyperSleep {}

impl fmt::Debug for HyperSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sleep.fmt(f)
    }
}
