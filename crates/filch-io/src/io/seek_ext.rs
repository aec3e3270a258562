//! Seeking: the extension trait and its future.

use futures_io::AsyncSeek;
use std::future::Future;
use std::io::{Result, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What every [`AsyncSeek`] can do besides.
pub trait AsyncSeekExt: AsyncSeek {
    /// Moves to a position, and answers it, counted from the start.
    ///
    /// # Cancel safety
    /// Not cancel safe, unless the stream says otherwise (a file does): after a drop the position may be the former or the
    /// asked one.
    fn seek(&mut self, to: SeekFrom) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        Seek { stream: self, to }
    }

    /// Moves to the start.
    ///
    /// # Cancel safety
    /// Not cancel safe: after a drop the position may be the former one or the start.
    fn rewind(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Start(0))
    }

    /// Answers the position.
    ///
    /// # Cancel safety
    /// Cancel safe: the position does not change.
    fn stream_position(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Current(0))
    }
}

impl<S: AsyncSeek + ?Sized> AsyncSeekExt for S {}

/// Moves to a position. From [`AsyncSeekExt::seek`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Seek<'a, S: ?Sized> {
    stream: &'a mut S,
    to: SeekFrom,
}

impl<S: AsyncSeek + Unpin + ?Sized> Future for Seek<'_, S> {
    type Output = Result<u64>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<u64>> {
        let this = self.get_mut();
        Pin::new(&mut *this.stream).poll_seek(cx, this.to)
    }
}
