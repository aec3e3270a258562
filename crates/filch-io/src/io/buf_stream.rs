//! A stream that is buffered both ways.

use super::{BufReader, BufWriter};
use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
use pin_project_lite::pin_project;
use std::io::{IoSlice, IoSliceMut, Result, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A stream with a buffer for what is read and one for what is written.
    ///
    /// As with [`BufWriter`], a drop loses what was written and not flushed.
    #[derive(Debug)]
    pub struct BufStream<S> {
        #[pin]
        stream: BufReader<BufWriter<S>>,
    }
}

impl<S: AsyncRead + AsyncWrite> BufStream<S> {
    /// Buffers `stream` with 8 KiB each way.
    pub fn new(stream: S) -> Self {
        BufStream { stream: BufReader::new(BufWriter::new(stream)) }
    }

    /// Buffers `stream` with a size for each way.
    ///
    /// # Panics
    /// When `reader_capacity` is 0: such a buffer would always look like the end of the stream.
    #[track_caller]
    pub fn with_capacity(reader_capacity: usize, writer_capacity: usize, stream: S) -> Self {
        let stream = BufWriter::with_capacity(writer_capacity, stream);
        BufStream { stream: BufReader::with_capacity(reader_capacity, stream) }
    }
}

impl<S> BufStream<S> {
    /// The stream.
    pub fn get_ref(&self) -> &S {
        self.stream.get_ref().get_ref()
    }

    /// The stream; using it goes past both buffers.
    pub fn get_mut(&mut self) -> &mut S {
        self.stream.get_mut().get_mut()
    }

    /// The pinned stream; using it goes past both buffers.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut S> {
        self.project().stream.get_pin_mut().get_pin_mut()
    }

    /// Gives the stream back. What is buffered is lost.
    pub fn into_inner(self) -> S {
        self.stream.into_inner().into_inner()
    }
}

impl<S> From<BufReader<BufWriter<S>>> for BufStream<S> {
    fn from(stream: BufReader<BufWriter<S>>) -> Self {
        BufStream { stream }
    }
}

/// What is buffered stays buffered.
impl<S> From<BufWriter<BufReader<S>>> for BufStream<S> {
    fn from(stream: BufWriter<BufReader<S>>) -> Self {
        let (reader, to_write) = stream.take_apart();
        BufStream { stream: reader.map(|stream| to_write.map(|()| stream)) }
    }
}

impl<S: AsyncRead + AsyncWrite> AsyncRead for BufStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.project().stream.poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.project().stream.poll_read_vectored(cx, bufs)
    }
}

impl<S: AsyncRead + AsyncWrite> AsyncBufRead for BufStream<S> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<&[u8]>> {
        self.project().stream.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, n: usize) {
        self.project().stream.consume(n);
    }
}

impl<S: AsyncRead + AsyncWrite> AsyncWrite for BufStream<S> {
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
        self.project().stream.poll_close(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + AsyncSeek> AsyncSeek for BufStream<S> {
    /// Hands on what is to be written and drops what was read before it moves.
    fn poll_seek(self: Pin<&mut Self>, cx: &mut Context<'_>, to: SeekFrom) -> Poll<Result<u64>> {
        let mut stream = self.project().stream;
        ready!(stream.as_mut().poll_flush(cx))?;
        stream.poll_seek(cx, to)
    }
}
