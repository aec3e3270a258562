//! Copying from a reader to a writer until the reader ends.

use super::{buf_reader::DEFAULT_CAPACITY, checked};
use filch_core::coop;
use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
use std::future::poll_fn;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Copies all that `reader` has to `writer`, flushes it, and answers how many bytes that was.
///
/// Whenever the reader has to be waited for, the writer is flushed: nothing stays behind in its buffer.
///
/// # Errors
/// The first error of either side. What was written before stays written.
///
/// # Cancel safety
/// Not cancel safe: what is on its way between the two (at most 8 KiB) is lost.
pub async fn copy<R, W>(reader: &mut R, writer: &mut W) -> Result<u64>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut transfer = Transfer::new(DEFAULT_CAPACITY);
    poll_fn(|cx| transfer.poll(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))).await
}

/// Copies all that `reader` has to `writer` out of the reader's own buffer, flushes it, and answers how many bytes.
///
/// # Errors
/// The first error of either side. What was written before stays written.
///
/// # Cancel safety
/// Restartable: what was written is taken out of the reader, what was not is still there; only the count is lost.
pub async fn copy_buf<R, W>(reader: &mut R, writer: &mut W) -> Result<u64>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut n_copied = 0;
    poll_fn(|cx| poll_copy_buf(cx, Pin::new(&mut *reader), Pin::new(&mut *writer), &mut n_copied))
        .await
}

fn poll_copy_buf<R: AsyncBufRead + ?Sized, W: AsyncWrite + ?Sized>(
    cx: &mut Context<'_>,
    mut reader: Pin<&mut R>,
    mut writer: Pin<&mut W>,
    n_copied: &mut u64,
) -> Poll<Result<u64>> {
    loop {
        let result = match reader.as_mut().poll_fill_buf(cx) {
            Poll::Ready(result) => result,
            Poll::Pending => {
                ready!(checked::poll_flush(writer.as_mut(), cx))?;
                return Poll::Pending;
            }
        };
        if checked::is_interrupted(&result) {
            continue;
        }
        let buffered = result?;
        if buffered.is_empty() {
            ready!(checked::poll_flush(writer.as_mut(), cx))?;
            return Poll::Ready(Ok(*n_copied));
        }
        let n = ready!(checked::poll_write(writer.as_mut(), cx, buffered))?;
        if n == 0 {
            return Poll::Ready(Err(checked::write_zero()));
        }
        reader.as_mut().consume(n);
        *n_copied += n as u64;
        ready!(spend(cx));
    }
}

/// One direction of a copy: what is on its way, and how far it has come.
#[derive(Debug)]
pub(super) struct Transfer {
    buf: Box<[u8]>,
    /// `buf[start..end]` is read and not written.
    start: usize,
    end: usize,
    at_end: bool,
    must_flush: bool,
    n_copied: u64,
}

impl Transfer {
    pub(super) fn new(capacity: usize) -> Self {
        let buf = vec![0; capacity].into_boxed_slice();
        Transfer { buf, start: 0, end: 0, at_end: false, must_flush: false, n_copied: 0 }
    }

    /// Moves bytes until the reader has ended and the writer is flushed; answers how many.
    pub(super) fn poll<R: AsyncRead + ?Sized, W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<Result<u64>> {
        loop {
            ready!(self.poll_drain(cx, writer.as_mut()))?;
            if self.at_end {
                ready!(self.poll_flush(cx, writer))?;
                return Poll::Ready(Ok(self.n_copied));
            }
            match checked::poll_read(reader.as_mut(), cx, &mut self.buf) {
                Poll::Ready(result) => {
                    self.end = result?;
                    self.at_end = self.end == 0;
                }
                Poll::Pending => {
                    ready!(self.poll_flush(cx, writer))?;
                    return Poll::Pending;
                }
            }
        }
    }

    /// Writes what was read.
    fn poll_drain<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        writer: Pin<&mut W>,
    ) -> Poll<Result<()>> {
        if self.start == self.end {
            return Poll::Ready(Ok(()));
        }
        let before = self.start;
        let result = checked::poll_write_all(writer, cx, &self.buf[..self.end], &mut self.start);
        self.n_copied += (self.start - before) as u64;
        self.must_flush |= self.start > before;
        ready!(result)?;
        self.start = 0;
        self.end = 0;
        spend(cx).map(Ok)
    }

    fn poll_flush<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        writer: Pin<&mut W>,
    ) -> Poll<Result<()>> {
        if self.must_flush {
            ready!(checked::poll_flush(writer, cx))?;
            self.must_flush = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// Spends a unit for a piece that was moved, or yields: two ends that are always ready must not hold the worker.
///
/// Why afterwards: the two ends spend units of their own, and asking before them would starve them of the last one.
fn spend(cx: &mut Context<'_>) -> Poll<()> {
    ready!(coop::poll_proceed(cx)).made_progress();
    Poll::Ready(())
}
