//! A writer that hands on much at once.

use super::buf_reader::DEFAULT_CAPACITY;
use super::checked;
use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
use pin_project_lite::pin_project;
use std::fmt;
use std::io::{IoSlice, IoSliceMut, Result, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A writer with a buffer. Reads, when the stream can be read, pass through.
    ///
    /// Dropping it loses what is buffered: nothing asynchronous can be done in a drop.
    /// End with [`flush`](super::AsyncWriteExt::flush) or [`shutdown`](super::AsyncWriteExt::shutdown).
    pub struct BufWriter<W> {
        #[pin]
        writer: W,
        buf: Vec<u8>,
        // `buf[..written]` is handed on already.
        written: usize,
        capacity: usize,
    }
}

impl<W: AsyncWrite> BufWriter<W> {
    /// Buffers `writer` with 8 KiB.
    pub fn new(writer: W) -> Self {
        BufWriter::with_capacity(DEFAULT_CAPACITY, writer)
    }

    /// Buffers `writer` with `capacity` bytes; with 0, all writes pass through.
    pub fn with_capacity(capacity: usize, writer: W) -> Self {
        BufWriter { writer, buf: Vec::with_capacity(capacity), written: 0, capacity }
    }
}

impl<W> BufWriter<W> {
    /// The writer, and the buffer without one.
    pub(super) fn take_apart(self) -> (W, BufWriter<()>) {
        let BufWriter { writer, buf, written, capacity } = self;
        (writer, BufWriter { writer: (), buf, written, capacity })
    }

    /// The same buffer before another writer.
    pub(super) fn map<U>(self, make: impl FnOnce(W) -> U) -> BufWriter<U> {
        let BufWriter { writer, buf, written, capacity } = self;
        BufWriter { writer: make(writer), buf, written, capacity }
    }

    /// The writer.
    pub fn get_ref(&self) -> &W {
        &self.writer
    }

    /// The writer; what is written to it goes before what is buffered.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// The pinned writer; what is written to it goes before what is buffered.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().writer
    }

    /// Gives the writer back. What is buffered is lost.
    pub fn into_inner(self) -> W {
        self.writer
    }

    /// What is not handed on yet.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.written..]
    }
}

impl<W: AsyncWrite> BufWriter<W> {
    /// Hands on all that is buffered, without flushing the writer.
    fn poll_empty(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.project();
        let result = checked::poll_write_all(this.writer, cx, this.buf, this.written);
        // Also on an error or half-way: what went out must never go out again.
        this.buf.drain(..*this.written);
        *this.written = 0;
        result
    }
}

impl<W: AsyncWrite> AsyncWrite for BufWriter<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        if self.buf.len().saturating_add(buf.len()) > self.capacity {
            ready!(self.as_mut().poll_empty(cx))?;
        }
        let this = self.project();
        if buf.len() >= *this.capacity {
            return checked::poll_write(this.writer, cx, buf);
        }
        this.buf.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let offered = bufs.iter().fold(0_usize, |sum, buf| sum.saturating_add(buf.len()));
        if self.buf.len().saturating_add(offered) > self.capacity {
            ready!(self.as_mut().poll_empty(cx))?;
        }
        let this = self.project();
        if offered >= *this.capacity {
            return checked::poll_write_vectored(this.writer, cx, bufs);
        }
        bufs.iter().for_each(|buf| this.buf.extend_from_slice(buf));
        Poll::Ready(Ok(offered))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.as_mut().poll_empty(cx))?;
        checked::poll_flush(self.project().writer, cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.as_mut().poll_empty(cx))?;
        checked::poll_close(self.project().writer, cx)
    }
}

impl<W: AsyncWrite + AsyncSeek> AsyncSeek for BufWriter<W> {
    /// Hands on what is buffered before it moves.
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<Result<u64>> {
        ready!(self.as_mut().poll_empty(cx))?;
        self.project().writer.poll_seek(cx, to)
    }
}

impl<W: AsyncRead> AsyncRead for BufWriter<W> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.project().writer.poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.project().writer.poll_read_vectored(cx, bufs)
    }
}

impl<W: AsyncBufRead> AsyncBufRead for BufWriter<W> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<&[u8]>> {
        self.project().writer.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, n: usize) {
        self.project().writer.consume(n);
    }
}

impl<W: fmt::Debug> fmt::Debug for BufWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufWriter")
            .field("writer", &self.writer)
            .field("buffered", &format_args!("{}/{}", self.buf.len() - self.written, self.capacity))
            .finish_non_exhaustive()
    }
}
