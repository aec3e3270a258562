//! Connected streams in memory, for tests of whatever talks over a stream.

use super::pipe::Pipe;
use super::split::{self, ReadHalf, WriteHalf};
use filch_core::sys::sync::Arc;
use futures_io::{AsyncRead, AsyncWrite};
use std::io::{IoSlice, IoSliceMut, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Makes two connected streams: what is written to one is read from the other, in both directions.
///
/// A direction holds at most `max_buf_size` bytes; then its writer waits.
///
/// # Panics
/// When `max_buf_size` is 0: no byte could ever pass.
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    assert!(max_buf_size > 0, "no byte passes a `duplex` of 0 bytes: give it at least 1");
    let forth = Arc::new(Pipe::new(max_buf_size));
    let back = Arc::new(Pipe::new(max_buf_size));
    (
        DuplexStream { read: back.clone(), write: forth.clone() },
        DuplexStream { read: forth, write: back },
    )
}

/// Makes a stream in one direction: what the second half writes, the first half reads.
///
/// It holds at most `max_buf_size` bytes; then the writer waits. A drop of either half ends it: the reader reads what
/// is left, then the end, and the writer errs with [`BrokenPipe`](std::io::ErrorKind::BrokenPipe).
///
/// # Panics
/// When `max_buf_size` is 0: no byte could ever pass.
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    let stream = SimplexStream::new_unsplit(max_buf_size);
    let pipe = stream.pipe.clone();
    split::split_ending(stream, pipe)
}

/// One end of a connection in memory. From [`duplex`].
///
/// A drop ends both directions: the peer reads what is left, then the end, and its writes err with
/// [`BrokenPipe`](std::io::ErrorKind::BrokenPipe).
#[derive(Debug)]
pub struct DuplexStream {
    read: Arc<Pipe>,
    write: Arc<Pipe>,
}

/// A queue of bytes in memory: it reads what was written to it. From [`simplex`], in halves.
#[derive(Debug)]
pub struct SimplexStream {
    pipe: Arc<Pipe>,
}

impl SimplexStream {
    /// Makes the stream without taking it apart; [`simplex`] gives its halves.
    ///
    /// # Panics
    /// When `max_buf_size` is 0: no byte could ever pass.
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> Self {
        assert!(max_buf_size > 0, "no byte passes a `simplex` of 0 bytes: give it at least 1");
        SimplexStream { pipe: Arc::new(Pipe::new(max_buf_size)) }
    }
}

impl AsyncRead for DuplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.read.poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.read.poll_read_vectored(cx, bufs)
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.write.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.write.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        self.write.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        self.read.end();
        self.write.end();
    }
}

impl AsyncRead for SimplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.pipe.poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.pipe.poll_read_vectored(cx, bufs)
    }
}

impl AsyncWrite for SimplexStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.pipe.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.pipe.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        self.pipe.end();
        Poll::Ready(Ok(()))
    }
}
