//! Sources of lines and of separated parts.
//!
//! The part that is being read lives in the source, not in the future: dropping the future loses nothing.

use super::checked;
use futures_core::Stream;
use futures_io::AsyncBufRead;
use pin_project_lite::pin_project;
use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// The lines of a reader, without their `\n` or `\r\n`. From [`AsyncBufReadExt::lines`](super::AsyncBufReadExt::lines).
    #[derive(Debug)]
    #[must_use = "lines are only read when asked for"]
    pub struct Lines<R> {
        #[pin]
        reader: R,
        line: Vec<u8>,
        n_read: usize,
    }
}

impl<R> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Lines { reader, line: Vec::new(), n_read: 0 }
    }

    /// The reader.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// The reader; reading from it moves the place where the next line begins.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Gives the reader back. A partly read line is lost.
    pub fn into_inner(self) -> R {
        self.reader
    }
}

impl<R: AsyncBufRead> Lines<R> {
    /// Answers the next line, or `None` at the end.
    ///
    /// A line that is not UTF-8 is an [`InvalidData`](std::io::ErrorKind::InvalidData) error, and the next call goes on
    /// behind it.
    ///
    /// # Cancel safety
    /// Cancel safe: a partly read line stays here.
    pub fn next_line(&mut self) -> NextLine<'_, R>
    where
        R: Unpin,
    {
        NextLine { lines: self }
    }

    /// Polls for the next line, or `None` at the end.
    pub fn poll_next_line(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<String>>> {
        let this = self.project();
        ready!(poll_read_until(this.reader, cx, b'\n', this.line, this.n_read))?;
        if mem::take(this.n_read) == 0 && this.line.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let mut line = mem::take(this.line);
        if line.pop_if_eq(b'\n') {
            line.pop_if_eq(b'\r');
        }
        let text = String::from_utf8(line)
            .map_err(|_| Error::new(ErrorKind::InvalidData, "line is not valid UTF-8"))?;
        Poll::Ready(Ok(Some(text)))
    }
}

impl<R: AsyncBufRead> Stream for Lines<R> {
    type Item = Result<String>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<String>>> {
        self.poll_next_line(cx).map(Result::transpose)
    }
}

/// Waits for a line. From [`Lines::next_line`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct NextLine<'a, R> {
    lines: &'a mut Lines<R>,
}

impl<R: AsyncBufRead + Unpin> Future for NextLine<'_, R> {
    type Output = Result<Option<String>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.get_mut().lines).poll_next_line(cx)
    }
}

pin_project! {
    /// The parts of a reader that a byte separates, without it.
    /// From [`AsyncBufReadExt::split`](super::AsyncBufReadExt::split).
    #[derive(Debug)]
    #[must_use = "segments are only read when asked for"]
    pub struct Split<R> {
        #[pin]
        reader: R,
        delimiter: u8,
        segment: Vec<u8>,
        n_read: usize,
    }
}

impl<R> Split<R> {
    pub(crate) fn new(reader: R, delimiter: u8) -> Self {
        Split { reader, delimiter, segment: Vec::new(), n_read: 0 }
    }
}

impl<R: AsyncBufRead> Split<R> {
    /// Answers the next part, or `None` at the end.
    ///
    /// # Cancel safety
    /// Cancel safe: a partly read part stays here.
    pub fn next_segment(&mut self) -> NextSegment<'_, R>
    where
        R: Unpin,
    {
        NextSegment { split: self }
    }

    /// Polls for the next part, or `None` at the end.
    pub fn poll_next_segment(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Vec<u8>>>> {
        let this = self.project();
        ready!(poll_read_until(this.reader, cx, *this.delimiter, this.segment, this.n_read))?;
        if mem::take(this.n_read) == 0 && this.segment.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let mut segment = mem::take(this.segment);
        segment.pop_if_eq(*this.delimiter);
        Poll::Ready(Ok(Some(segment)))
    }
}

impl<R: AsyncBufRead> Stream for Split<R> {
    type Item = Result<Vec<u8>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>>>> {
        self.poll_next_segment(cx).map(Result::transpose)
    }
}

/// Waits for a part. From [`Split::next_segment`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct NextSegment<'a, R> {
    split: &'a mut Split<R>,
}

impl<R: AsyncBufRead + Unpin> Future for NextSegment<'_, R> {
    type Output = Result<Option<Vec<u8>>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.get_mut().split).poll_next_segment(cx)
    }
}

/// Appends to `bytes` up to and with the delimiter, or to the end. `n_read` carries the count from poll to poll.
pub(crate) fn poll_read_until<R: AsyncBufRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    delimiter: u8,
    bytes: &mut Vec<u8>,
    n_read: &mut usize,
) -> Poll<Result<()>> {
    loop {
        let result = ready!(reader.as_mut().poll_fill_buf(cx));
        if checked::is_interrupted(&result) {
            continue;
        }
        let buffered = result?;
        let found = find(delimiter, buffered);
        let used = found.map_or(buffered.len(), |at| at + 1);
        bytes.extend_from_slice(&buffered[..used]);
        reader.as_mut().consume(used);
        *n_read += used;
        if found.is_some() || used == 0 {
            return Poll::Ready(Ok(()));
        }
    }
}

/// Why chunks: `contains` looks at a word at a time, `position` at a byte.
pub(super) fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    const CHUNK: usize = 64;
    let (index, chunk) =
        bytes.chunks(CHUNK).enumerate().find(|(_, chunk)| chunk.contains(&byte))?;
    let at = chunk.iter().position(|&b| b == byte)?;
    Some(index * CHUNK + at)
}

trait PopIfEq {
    fn pop_if_eq(&mut self, byte: u8) -> bool;
}

impl PopIfEq for Vec<u8> {
    fn pop_if_eq(&mut self, byte: u8) -> bool {
        let ends_so = self.last() == Some(&byte);
        if ends_so {
            self.pop();
        }
        ends_so
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::find;

    #[test]
    fn a_byte_is_found_in_any_chunk() {
        for at in [0, 1, 63, 64, 65, 127, 128, 199] {
            let mut bytes = vec![0; 200];
            bytes[at] = 7;
            assert_eq!(find(7, &bytes), Some(at));
        }
        assert_eq!(find(7, &[0; 200]), None);
        assert_eq!(find(7, &[]), None);
    }
}
