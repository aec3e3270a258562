//! Reading everything there is, as bytes or as text.
//!
//! **Invariant:** between two polls the vector's length is what was really read: the zeroed room that a read is given
//! is cut off again on every way out, a panic of the reader included.

use super::checked;
use futures_io::AsyncRead;
use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A first read gets this much room at most; a read that fills its room doubles it.
///
/// Why: the room is zeroed for each read, so it must stay near to what reads return.
const FIRST_ROOM: usize = 8 * 1024;
/// Room for finding out whether a full vector is also the end, without growing it.
const PROBE: usize = 32;

/// Reads to the end of the stream. From [`AsyncReadExt::read_to_end`](super::AsyncReadExt::read_to_end).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadToEnd<'a, R: ?Sized> {
    reader: &'a mut R,
    bytes: &'a mut Vec<u8>,
    progress: Progress,
}

impl<'a, R: ?Sized> ReadToEnd<'a, R> {
    pub(crate) fn new(reader: &'a mut R, bytes: &'a mut Vec<u8>) -> Self {
        let progress = Progress::new(bytes);
        ReadToEnd { reader, bytes, progress }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToEnd<'_, R> {
    type Output = Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let this = self.get_mut();
        this.progress.poll(Pin::new(&mut *this.reader), cx, this.bytes)
    }
}

/// Reads text to the end of the stream. From [`AsyncReadExt::read_to_string`](super::AsyncReadExt::read_to_string).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadToString<'a, R: ?Sized> {
    reader: &'a mut R,
    text: &'a mut String,
    bytes: Vec<u8>,
    progress: Progress,
}

impl<'a, R: ?Sized> ReadToString<'a, R> {
    pub(crate) fn new(reader: &'a mut R, text: &'a mut String) -> Self {
        // An empty string lends its memory; one with content keeps it, and nothing that happens here can touch it.
        let bytes = if text.is_empty() { mem::take(text).into_bytes() } else { Vec::new() };
        let progress = Progress::new(&bytes);
        ReadToString { reader, text, bytes, progress }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToString<'_, R> {
    type Output = Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let this = self.get_mut();
        let n = ready!(this.progress.poll(Pin::new(&mut *this.reader), cx, &mut this.bytes))?;
        append_text(this.text, mem::take(&mut this.bytes))?;
        Poll::Ready(Ok(n))
    }
}

/// Appends `bytes` to `text`, or leaves `text` as it was when they are not UTF-8.
pub(crate) fn append_text(text: &mut String, bytes: Vec<u8>) -> Result<()> {
    let more = String::from_utf8(bytes)
        .map_err(|_| Error::new(ErrorKind::InvalidData, "stream is not valid UTF-8"))?;
    if text.is_empty() {
        *text = more;
    } else {
        text.push_str(&more);
    }
    Ok(())
}

/// How far a read to the end has come.
#[derive(Debug)]
struct Progress {
    n_read: usize,
    room: usize,
    /// What the vector could hold at the start: who sized it right must not see it grow.
    first_capacity: usize,
}

impl Progress {
    fn new(bytes: &Vec<u8>) -> Self {
        Progress { n_read: 0, room: FIRST_ROOM, first_capacity: bytes.capacity() }
    }

    fn poll<R: AsyncRead + ?Sized>(
        &mut self,
        mut reader: Pin<&mut R>,
        cx: &mut Context<'_>,
        bytes: &mut Vec<u8>,
    ) -> Poll<Result<usize>> {
        loop {
            let n = if bytes.len() == bytes.capacity() && bytes.capacity() == self.first_capacity {
                ready!(probe(reader.as_mut(), cx, bytes))?
            } else {
                ready!(self.read_more(reader.as_mut(), cx, bytes))?
            };
            if n == 0 {
                return Poll::Ready(Ok(self.n_read));
            }
            self.n_read += n;
        }
    }

    fn read_more<R: AsyncRead + ?Sized>(
        &mut self,
        reader: Pin<&mut R>,
        cx: &mut Context<'_>,
        bytes: &mut Vec<u8>,
    ) -> Poll<Result<usize>> {
        if bytes.capacity() - bytes.len() < PROBE {
            bytes.reserve(PROBE);
        }
        let room = self.room.min(bytes.capacity() - bytes.len());
        let mut lent = Lent::new(bytes, room);
        let n = ready!(checked::poll_read(reader, cx, lent.room()))?;
        lent.keep(n);
        if n == self.room {
            self.room = self.room.saturating_mul(2);
        }
        Poll::Ready(Ok(n))
    }
}

/// Asks for a few bytes beside the full vector, which only grows when there are some.
fn probe<R: AsyncRead + ?Sized>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    bytes: &mut Vec<u8>,
) -> Poll<Result<usize>> {
    let mut beside = [0; PROBE];
    let n = ready!(checked::poll_read(reader, cx, &mut beside))?;
    bytes.extend_from_slice(&beside[..n]);
    Poll::Ready(Ok(n))
}

/// A vector with zeroed room at its end; what is not kept is cut off when this drops.
struct Lent<'a> {
    bytes: &'a mut Vec<u8>,
    kept: usize,
}

impl<'a> Lent<'a> {
    fn new(bytes: &'a mut Vec<u8>, room: usize) -> Self {
        let kept = bytes.len();
        bytes.resize(kept + room, 0);
        Lent { bytes, kept }
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.kept..]
    }

    fn keep(&mut self, n: usize) {
        self.kept += n;
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.bytes.truncate(self.kept);
    }
}
