//! The first bytes of a reader.

use super::checked;
use futures_io::{AsyncBufRead, AsyncRead};
use pin_project_lite::pin_project;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A reader of at most so many bytes of another. From [`AsyncReadExt::take`](super::AsyncReadExt::take).
    #[derive(Debug)]
    pub struct Take<R> {
        #[pin]
        reader: R,
        limit: u64,
    }
}

impl<R> Take<R> {
    pub(crate) fn new(reader: R, limit: u64) -> Self {
        Take { reader, limit }
    }

    /// How many bytes may still be read.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Sets how many bytes may be read from here on.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// The reader.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// The reader; what is read from it does not count.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Gives the reader back.
    pub fn into_inner(self) -> R {
        self.reader
    }
}

impl<R: AsyncRead> AsyncRead for Take<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        let this = self.project();
        if *this.limit == 0 {
            return Poll::Ready(Ok(0));
        }
        let room = within(buf.len(), *this.limit);
        let n = ready!(checked::poll_read(this.reader, cx, &mut buf[..room]))?;
        *this.limit -= n as u64;
        Poll::Ready(Ok(n))
    }
}

impl<R: AsyncBufRead> AsyncBufRead for Take<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<&[u8]>> {
        let this = self.project();
        if *this.limit == 0 {
            return Poll::Ready(Ok(&[]));
        }
        let buffered = ready!(this.reader.poll_fill_buf(cx))?;
        Poll::Ready(Ok(&buffered[..within(buffered.len(), *this.limit)]))
    }

    fn consume(self: Pin<&mut Self>, n: usize) {
        let this = self.project();
        let n = within(n, *this.limit);
        *this.limit -= n as u64;
        this.reader.consume(n);
    }
}

/// `n`, or `limit` when that is less.
fn within(n: usize, limit: u64) -> usize {
    usize::try_from(limit).map_or(n, |limit| n.min(limit))
}
