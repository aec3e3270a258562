//! A reader that asks for much at once.

use super::checked;
use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
use pin_project_lite::pin_project;
use std::fmt;
use std::io::{IoSlice, IoSliceMut, Result, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub(super) const DEFAULT_CAPACITY: usize = 8 * 1024;

pin_project! {
    /// A reader with a buffer. Writes, when the stream can be written, pass through.
    pub struct BufReader<R> {
        #[pin]
        reader: R,
        buf: Box<[u8]>,
        // `buf[start..end]` is what was read and not taken.
        start: usize,
        end: usize,
    }
}

impl<R: AsyncRead> BufReader<R> {
    /// Buffers `reader` with 8 KiB.
    pub fn new(reader: R) -> Self {
        BufReader::with_capacity(DEFAULT_CAPACITY, reader)
    }

    /// Buffers `reader` with `capacity` bytes.
    ///
    /// # Panics
    /// When `capacity` is 0: such a buffer would always look like the end of the stream.
    #[track_caller]
    pub fn with_capacity(capacity: usize, reader: R) -> Self {
        assert!(
            capacity > 0,
            "a `BufReader` of capacity 0 can hold nothing: give it at least 1 byte"
        );
        let buf = vec![0; capacity].into_boxed_slice();
        BufReader { reader, buf, start: 0, end: 0 }
    }
}

impl<R> BufReader<R> {
    /// The same buffer before another reader.
    pub(super) fn map<U>(self, make: impl FnOnce(R) -> U) -> BufReader<U> {
        let BufReader { reader, buf, start, end } = self;
        BufReader { reader: make(reader), buf, start, end }
    }

    /// The reader.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// The reader; what is read from it is missing here.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The pinned reader; what is read from it is missing here.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().reader
    }

    /// Gives the reader back. What is buffered is lost.
    pub fn into_inner(self) -> R {
        self.reader
    }

    /// What was read and not taken.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    fn discard(self: Pin<&mut Self>) {
        let this = self.project();
        *this.start = 0;
        *this.end = 0;
    }
}

impl<R: AsyncRead> AsyncRead for BufReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        if self.buffer().is_empty() && self.buf.len() <= buf.len() {
            return checked::poll_read(self.project().reader, cx, buf);
        }
        let mut buffered = ready!(self.as_mut().poll_fill_buf(cx))?;
        let n = std::io::Read::read(&mut buffered, buf)?;
        self.consume(n);
        Poll::Ready(Ok(n))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        let room: usize = bufs.iter().map(|buf| buf.len()).sum();
        if self.buffer().is_empty() && self.buf.len() <= room {
            return checked::poll_read_vectored(self.project().reader, cx, bufs);
        }
        let mut buffered = ready!(self.as_mut().poll_fill_buf(cx))?;
        let n = std::io::Read::read_vectored(&mut buffered, bufs)?;
        self.consume(n);
        Poll::Ready(Ok(n))
    }
}

impl<R: AsyncRead> AsyncBufRead for BufReader<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<&[u8]>> {
        let this = self.project();
        if this.start == this.end {
            let n = ready!(checked::poll_read(this.reader, cx, this.buf))?;
            *this.start = 0;
            *this.end = n;
        }
        Poll::Ready(Ok(&this.buf[*this.start..*this.end]))
    }

    fn consume(self: Pin<&mut Self>, n: usize) {
        let this = self.project();
        *this.start = (*this.start + n).min(*this.end);
    }
}

impl<R: AsyncRead + AsyncSeek> AsyncSeek for BufReader<R> {
    /// Drops what is buffered: the position that the caller knows is behind the reader's by as much.
    ///
    /// Where a seek that is given up leads is known as far as the reader's own seeks let it be: best when they move nothing
    /// before they answer, as a file's.
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<Result<u64>> {
        let ahead =
            i64::try_from(self.buffer().len()).expect("a buffer is at most `isize::MAX` long");
        let relative = match to {
            SeekFrom::Current(offset) => offset.checked_sub(ahead),
            SeekFrom::Start(_) | SeekFrom::End(_) => None,
        };
        let to = match relative {
            Some(sum) => SeekFrom::Current(sum),
            None if ahead == 0 => to,
            // The reader goes back first, so that no bytes of the former place are here when it has moved.
            None => {
                ready!(self.as_mut().project().reader.poll_seek(cx, SeekFrom::Current(-ahead)))?;
                self.as_mut().discard();
                to
            }
        };
        let at = ready!(self.as_mut().project().reader.poll_seek(cx, to))?;
        self.discard();
        Poll::Ready(Ok(at))
    }
}

impl<R: AsyncWrite> AsyncWrite for BufReader<R> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.project().reader.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.project().reader.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.project().reader.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.project().reader.poll_close(cx)
    }
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("reader", &self.reader)
            .field("buffered", &format_args!("{}/{}", self.end - self.start, self.buf.len()))
            .finish_non_exhaustive()
    }
}
