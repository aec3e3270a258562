//! hyper 1.x over this runtime: its I/O traits on our streams, its executor and its timer.
//!
//! Every stream of this crate implements hyper's traits itself. [`HyperIo`] lends them to the streams of others, and
//! gives those that have hyper's the futures-io traits.

use crate::io::{AsyncRead, AsyncWrite, checked};
use crate::streams::{ZEROED, every_stream, poll_read_socket};
use ::hyper::rt::{Executor, Read, ReadBufCursor, Sleep, Timer, Write};
use filch_core::runtime::RuntimeRef;
use filch_core::task::Spawn;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::io::{IoSlice, Result};
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
        buf: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        poll_read(self.project().stream, cx, buf)
    }
}

/// Reads into what hyper hands out. A foreign reader is shown no uninitialized memory.
fn poll_read<R: AsyncRead + ?Sized>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    mut buf: ReadBufCursor<'_>,
) -> Poll<Result<()>> {
    let room = buf.remaining().min(ZEROED);
    let n = ready!(checked::poll_read(reader, cx, buf.initialize_unfilled_to(room)))?;
    // SAFETY: as many bytes as were lent were initialized above, and `n` was checked to be at most their number.
    unsafe { buf.advance(n) };
    Poll::Ready(Ok(()))
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

/// The traits of hyper for one type; see `every_stream`.
macro_rules! give_hyper_traits {
    ($generics:tt $stream:ty: $($what:ident)+) => {
        $(give_hyper_traits! { @$what $generics $stream })+
    };
    (@Read [$($generics:tt)*] $stream:ty) => {
        #[allow(trivial_bounds, reason = "the bound is for the types that have parameters")]
        impl<$($generics)*> Read for $stream
        where
            $stream: AsyncRead,
        {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: ReadBufCursor<'_>,
            ) -> Poll<Result<()>> {
                poll_read(self, cx, buf)
            }
        }
    };
    (@ReadSocket [] $stream:ty) => {
        impl Read for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut buf: ReadBufCursor<'_>,
            ) -> Poll<Result<()>> {
                // SAFETY: `poll_read_socket` writes to the slice and takes nothing out of it, so what is initialized
                // stays so.
                let room = unsafe { buf.as_mut() };
                let n = ready!(poll_read_socket(&*self, cx, room))?;
                // SAFETY: the first `n` bytes of the slice were initialized by the read.
                unsafe { buf.advance(n) };
                Poll::Ready(Ok(()))
            }
        }
    };
    // hyper has no such trait.
    (@BufRead $($stream:tt)*) => {};
    (@Write $($stream:tt)*) => { give_hyper_traits! { @WriteSo false, $($stream)* } };
    (@WriteVectored $($stream:tt)*) => { give_hyper_traits! { @WriteSo true, $($stream)* } };
    (@WriteSo $vectored:literal, [$($generics:tt)*] $stream:ty) => {
        #[allow(trivial_bounds, reason = "the bound is for the types that have parameters")]
        impl<$($generics)*> Write for $stream
        where
            $stream: AsyncWrite,
        {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<Result<usize>> {
                AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
                AsyncWrite::poll_close(self, cx)
            }

            fn is_write_vectored(&self) -> bool {
                $vectored
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<Result<usize>> {
                AsyncWrite::poll_write_vectored(self, cx, bufs)
            }
        }
    };
}

every_stream!(give_hyper_traits);

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
