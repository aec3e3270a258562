//! Buffered reading: the extension trait and its futures.

use super::lines::{Lines, Split};
use super::read_to_end::append_text;
use super::read_until_any::ReadUntilAny;
use super::{checked, lines};
use futures_io::AsyncBufRead;
use std::future::Future;
use std::io::Result;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What every [`AsyncBufRead`] can do besides.
pub trait AsyncBufReadExt: AsyncBufRead {
    /// Appends to `bytes` up to and with the next `delimiter`, or to the end of the stream, and answers how much.
    ///
    /// # Cancel safety
    /// Restartable: after a drop `bytes` holds what was read, and another call goes on behind it.
    fn read_until<'a>(&'a mut self, delimiter: u8, bytes: &'a mut Vec<u8>) -> ReadUntil<'a, Self>
    where
        Self: Unpin,
    {
        ReadUntil { reader: self, delimiter, bytes, n_read: 0 }
    }

    /// Appends to `bytes` up to and with whichever of `separators` comes first, or to the end of the stream, and answers
    /// how much.
    ///
    /// A separator may have any length. As little is read as can be: where one separator begins another, as `\r` does
    /// `\r\n`, the shorter one is found. Which one it was, the end of `bytes` tells; it is none at the end of the stream.
    ///
    /// What `bytes` holds already counts as the beginning of the part that is read: a separator may begin in it.
    ///
    /// # Panics
    /// When there is no separator, or one of them is empty.
    ///
    /// # Cancel safety
    /// Restartable: after a drop `bytes` holds what was read, and another call goes on behind it, even within a
    /// separator.
    #[track_caller]
    fn read_until_any<'a>(
        &'a mut self,
        separators: &'a [&'a [u8]],
        bytes: &'a mut Vec<u8>,
    ) -> ReadUntilAny<'a, Self>
    where
        Self: Unpin,
    {
        ReadUntilAny::new(self, separators, bytes)
    }

    /// Appends to `line` up to and with the next `\n`, or to the end of the stream, and answers how many bytes.
    ///
    /// When the line is not UTF-8, the error is [`InvalidData`](std::io::ErrorKind::InvalidData) and `line` is as it
    /// was; after another error it holds what was read before.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future leaves `line` as it was and loses what was read.
    /// [`Lines::next_line`] is.
    fn read_line<'a>(&'a mut self, line: &'a mut String) -> ReadLine<'a, Self>
    where
        Self: Unpin,
    {
        let bytes = if line.is_empty() { mem::take(line).into_bytes() } else { Vec::new() };
        ReadLine { reader: self, line, bytes, n_read: 0 }
    }

    /// Makes a source of the reader's lines.
    fn lines(self) -> Lines<Self>
    where
        Self: Sized,
    {
        Lines::new(self)
    }

    /// Makes a source of the parts that `delimiter` separates.
    fn split(self, delimiter: u8) -> Split<Self>
    where
        Self: Sized,
    {
        Split::new(self, delimiter)
    }

    /// Answers what is buffered, after reading more when that is nothing; empty means the end of the stream.
    ///
    /// What was used is to be reported with [`consume`](Self::consume).
    ///
    /// # Cancel safety
    /// Cancel safe: what was read stays in the buffer.
    fn fill_buf(&mut self) -> FillBuf<'_, Self>
    where
        Self: Unpin,
    {
        FillBuf { reader: Some(self) }
    }

    /// Removes `n` used bytes from the buffer.
    fn consume(&mut self, n: usize)
    where
        Self: Unpin,
    {
        Pin::new(self).consume(n);
    }
}

impl<R: AsyncBufRead + ?Sized> AsyncBufReadExt for R {}

/// Reads to a delimiter. From [`AsyncBufReadExt::read_until`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadUntil<'a, R: ?Sized> {
    reader: &'a mut R,
    delimiter: u8,
    bytes: &'a mut Vec<u8>,
    n_read: usize,
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadUntil<'_, R> {
    type Output = Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let this = self.get_mut();
        ready!(lines::poll_read_until(
            Pin::new(&mut *this.reader),
            cx,
            this.delimiter,
            this.bytes,
            &mut this.n_read
        ))?;
        Poll::Ready(Ok(this.n_read))
    }
}

/// Reads a line. From [`AsyncBufReadExt::read_line`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadLine<'a, R: ?Sized> {
    reader: &'a mut R,
    line: &'a mut String,
    bytes: Vec<u8>,
    n_read: usize,
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadLine<'_, R> {
    type Output = Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let this = self.get_mut();
        let reader = Pin::new(&mut *this.reader);
        let result =
            ready!(lines::poll_read_until(reader, cx, b'\n', &mut this.bytes, &mut this.n_read));
        let text = append_text(this.line, mem::take(&mut this.bytes));
        // The reader's own error tells more than that it cut a character in two.
        Poll::Ready(result.and(text).map(|()| this.n_read))
    }
}

/// Waits for buffered bytes. From [`AsyncBufReadExt::fill_buf`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct FillBuf<'a, R: ?Sized> {
    /// Taken by the poll that answers, since the answer borrows from it.
    reader: Option<&'a mut R>,
}

impl<'a, R: AsyncBufRead + Unpin + ?Sized> Future for FillBuf<'a, R> {
    type Output = Result<&'a [u8]>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<&'a [u8]>> {
        let this = self.get_mut();
        let reader = this
            .reader
            .take()
            .expect("`fill_buf` polled after completion: make another future instead");
        loop {
            let result = Pin::new(&mut *reader).poll_fill_buf(cx).map_ok(<[u8]>::is_empty);
            match result {
                Poll::Pending => {
                    this.reader = Some(reader);
                    return Poll::Pending;
                }
                Poll::Ready(result) if checked::is_interrupted(&result) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                // Not asked again: with nothing buffered, the end would be read a second time.
                Poll::Ready(Ok(true)) => return Poll::Ready(Ok(&[])),
                // Asked again for the longer borrow: what is buffered is answered at once.
                Poll::Ready(Ok(false)) => return Pin::new(reader).poll_fill_buf(cx),
            }
        }
    }
}
