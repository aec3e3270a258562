//! tokio's I/O traits on our streams.
//!
//! Every stream of this crate implements [`AsyncRead`], [`AsyncWrite`] and [`AsyncBufRead`] of tokio beside those of
//! futures-io, so libraries that ask for them take it as it is. tokio is compiled with none of its features: its
//! traits come without its runtime. [`TokioIo`] carries the traits over for the streams of others, in both directions.
//!
//! [`AsyncSeek`] is the exception: it begins a seek in one call and ends it in another, and what lies between needs a
//! place, which `TokioIo` has. So a file that is to seek for tokio goes in there.
//!
//! Do not import the extension traits of both: their methods have the same names.

use crate::io::checked;
use crate::streams::{ZEROED, every_stream, poll_read_socket};
use pin_project_lite::pin_project;
use std::io::{IoSlice, Result, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub use ::tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

/// The traits of tokio for one type; see `every_stream`.
macro_rules! give_tokio_traits {
    ($generics:tt $stream:ty: $($what:ident)+) => {
        $(give_tokio_traits! { @$what $generics $stream })+
    };
    (@Read [$($generics:tt)*] $stream:ty) => {
        #[allow(trivial_bounds, reason = "the bound is for the types that have parameters")]
        impl<$($generics)*> AsyncRead for $stream
        where
            $stream: futures_io::AsyncRead,
        {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<Result<()>> {
                poll_read(self, cx, buf)
            }
        }
    };
    (@ReadSocket [] $stream:ty) => {
        impl AsyncRead for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<Result<()>> {
                // SAFETY: `poll_read_socket` writes to the slice and takes nothing out of it, so what is initialized
                // stays so.
                let room = unsafe { buf.unfilled_mut() };
                let n = ready!(poll_read_socket(&*self, cx, room))?;
                // SAFETY: the first `n` bytes behind the filled ones were initialized by the read.
                unsafe { buf.assume_init(n) };
                buf.advance(n);
                Poll::Ready(Ok(()))
            }
        }
    };
    (@BufRead [$($generics:tt)*] $stream:ty) => {
        #[allow(trivial_bounds, reason = "the bound is for the types that have parameters")]
        impl<$($generics)*> AsyncBufRead for $stream
        where
            $stream: futures_io::AsyncBufRead,
        {
            fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<&[u8]>> {
                futures_io::AsyncBufRead::poll_fill_buf(self, cx)
            }

            fn consume(self: Pin<&mut Self>, n: usize) {
                futures_io::AsyncBufRead::consume(self, n);
            }
        }
    };
    (@Write $($stream:tt)*) => { give_tokio_traits! { @WriteSo false, $($stream)* } };
    (@WriteVectored $($stream:tt)*) => { give_tokio_traits! { @WriteSo true, $($stream)* } };
    (@WriteSo $vectored:literal, [$($generics:tt)*] $stream:ty) => {
        #[allow(trivial_bounds, reason = "the bound is for the types that have parameters")]
        impl<$($generics)*> AsyncWrite for $stream
        where
            $stream: futures_io::AsyncWrite,
        {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<Result<usize>> {
                futures_io::AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
                futures_io::AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
                futures_io::AsyncWrite::poll_close(self, cx)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<Result<usize>> {
                futures_io::AsyncWrite::poll_write_vectored(self, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                $vectored
            }
        }
    };
}

every_stream!(give_tokio_traits);

/// Has one position only, so there is nothing to keep.
impl AsyncSeek for crate::io::Empty {
    fn start_seek(self: Pin<&mut Self>, _: SeekFrom) -> Result<()> {
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<u64>> {
        Poll::Ready(Ok(0))
    }
}

/// Reads into what tokio hands out. A foreign reader is shown no uninitialized memory.
fn poll_read<R: futures_io::AsyncRead + ?Sized>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<Result<()>> {
    let initialized = buf.initialized().len() - buf.filled().len();
    let room = initialized.max(ZEROED).min(buf.remaining());
    let n = ready!(checked::poll_read(reader, cx, buf.initialize_unfilled_to(room)))?;
    buf.advance(n);
    Poll::Ready(Ok(()))
}

pin_project! {
    /// Any futures-io stream with tokio's I/O traits, and any stream of tokio's with those of futures-io.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct TokioIo<T> {
        #[pin]
        stream: T,
        // The seek that has begun and has not ended.
        seek: Option<SeekFrom>,
    }
}

impl<T> TokioIo<T> {
    /// Wraps a stream.
    pub fn new(stream: T) -> Self {
        TokioIo { stream, seek: None }
    }

    /// The stream.
    pub fn get_ref(&self) -> &T {
        &self.stream
    }

    /// The stream.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.stream
    }

    /// The pinned stream.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut T> {
        self.project().stream
    }

    /// Gives the stream back.
    pub fn into_inner(self) -> T {
        self.stream
    }
}

impl<T: futures_io::AsyncRead> AsyncRead for TokioIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        poll_read(self.project().stream, cx, buf)
    }
}

impl<T: futures_io::AsyncBufRead> AsyncBufRead for TokioIo<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<&[u8]>> {
        self.project().stream.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, n: usize) {
        self.project().stream.consume(n);
    }
}

impl<T: futures_io::AsyncWrite> AsyncWrite for TokioIo<T> {
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

impl<T: futures_io::AsyncSeek> AsyncSeek for TokioIo<T> {
    /// Keeps the position; the stream is asked in `poll_complete`.
    fn start_seek(self: Pin<&mut Self>, to: SeekFrom) -> Result<()> {
        *self.project().seek = Some(to);
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<u64>> {
        let this = self.project();
        let Some(to) = *this.seek else {
            return Poll::Ready(Ok(0)); // Asked before any seek, to be sure that none is under way.
        };
        let result = ready!(this.stream.poll_seek(cx, to));
        *this.seek = None;
        Poll::Ready(result)
    }
}

impl<T: AsyncRead> futures_io::AsyncRead for TokioIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(self.project().stream.poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<T: AsyncBufRead> futures_io::AsyncBufRead for TokioIo<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<&[u8]>> {
        self.project().stream.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, n: usize) {
        self.project().stream.consume(n);
    }
}

impl<T: AsyncWrite> futures_io::AsyncWrite for TokioIo<T> {
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

impl<T: AsyncSeek> futures_io::AsyncSeek for TokioIo<T> {
    fn poll_seek(self: Pin<&mut Self>, cx: &mut Context<'_>, to: SeekFrom) -> Poll<Result<u64>> {
        let mut this = self.project();
        loop {
            let begun = *this.seek;
            // Without a seek of ours, this waits for whatever the stream is at.
            let result = ready!(this.stream.as_mut().poll_complete(cx));
            *this.seek = None;
            if begun == Some(to) {
                return Poll::Ready(result);
            }
            // One that was begun and given up has ended, however it did.
            this.stream.as_mut().start_seek(to)?;
            *this.seek = Some(to);
        }
    }
}
