//! Writing: the extension trait and its futures.

use super::checked;
use futures_io::AsyncWrite;
use std::future::Future;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What every [`AsyncWrite`] can do besides.
///
/// The number methods write big-endian, those with `_le` little-endian. None of them is cancel safe unless it writes
/// a single byte: a dropped future may have written a part of the number.
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes some bytes from the start of `buf`, and answers how many.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has written nothing.
    fn write<'a>(&'a mut self, buf: &'a [u8]) -> Write<'a, Self>
    where
        Self: Unpin,
    {
        Write { writer: self, buf }
    }

    /// Writes some bytes from several buffers, in their order, and answers how many.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has written nothing.
    fn write_vectored<'a, 'b>(&'a mut self, bufs: &'a [IoSlice<'b>]) -> WriteVectored<'a, 'b, Self>
    where
        Self: Unpin,
    {
        WriteVectored { writer: self, bufs }
    }

    /// Writes all of `buf`.
    ///
    /// The error is [`WriteZero`](std::io::ErrorKind::WriteZero) when the writer takes no more bytes.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part of `buf`, and does not tell how much.
    fn write_all<'a>(&'a mut self, buf: &'a [u8]) -> WriteAll<'a, Self>
    where
        Self: Unpin,
    {
        WriteAll { writer: self, buf, written: 0 }
    }

    /// Sends out what the writer has buffered.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost by a drop, and another call goes on with it.
    fn flush(&mut self) -> Flush<'_, Self>
    where
        Self: Unpin,
    {
        Flush { writer: self }
    }

    /// Flushes and ends the stream: the peer reads to its end.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost by a drop, and another call goes on with it.
    fn shutdown(&mut self) -> Shutdown<'_, Self>
    where
        Self: Unpin,
    {
        Shutdown { writer: self }
    }

    /// Writes a `u8`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has written nothing.
    fn write_u8(&mut self, n: u8) -> WriteNumber<'_, Self, 1>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_be_bytes(), written: 0 }
    }

    /// Writes an `i8`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has written nothing.
    fn write_i8(&mut self, n: i8) -> WriteNumber<'_, Self, 1>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_be_bytes(), written: 0 }
    }

    /// Writes a `u16`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_u16(&mut self, n: u16) -> WriteNumber<'_, Self, 2>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_be_bytes(), written: 0 }
    }

    /// Writes a `u16`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_u16_le(&mut self, n: u16) -> WriteNumber<'_, Self, 2>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_le_bytes(), written: 0 }
    }

    /// Writes an `i16`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_i16(&mut self, n: i16) -> WriteNumber<'_, Self, 2>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_be_bytes(), written: 0 }
    }

    /// Writes an `i16`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_i16_le(&mut self, n: i16) -> WriteNumber<'_, Self, 2>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_le_bytes(), written: 0 }
    }

    /// Writes a `u32`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_u32(&mut self, n: u32) -> WriteNumber<'_, Self, 4>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_be_bytes(), written: 0 }
    }

    /// Writes a `u32`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_u32_le(&mut self, n: u32) -> WriteNumber<'_, Self, 4>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_le_bytes(), written: 0 }
    }

    /// Writes an `i32`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_i32(&mut self, n: i32) -> WriteNumber<'_, Self, 4>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_be_bytes(), written: 0 }
    }

    /// Writes an `i32`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_i32_le(&mut self, n: i32) -> WriteNumber<'_, Self, 4>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_le_bytes(), written: 0 }
    }

    /// Writes a `u64`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_u64(&mut self, n: u64) -> WriteNumber<'_, Self, 8>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_be_bytes(), written: 0 }
    }

    /// Writes a `u64`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_u64_le(&mut self, n: u64) -> WriteNumber<'_, Self, 8>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_le_bytes(), written: 0 }
    }

    /// Writes an `i64`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_i64(&mut self, n: i64) -> WriteNumber<'_, Self, 8>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_be_bytes(), written: 0 }
    }

    /// Writes an `i64`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_i64_le(&mut self, n: i64) -> WriteNumber<'_, Self, 8>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_le_bytes(), written: 0 }
    }

    /// Writes a `u128`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_u128(&mut self, n: u128) -> WriteNumber<'_, Self, 16>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_be_bytes(), written: 0 }
    }

    /// Writes a `u128`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_u128_le(&mut self, n: u128) -> WriteNumber<'_, Self, 16>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_le_bytes(), written: 0 }
    }

    /// Writes an `i128`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_i128(&mut self, n: i128) -> WriteNumber<'_, Self, 16>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_be_bytes(), written: 0 }
    }

    /// Writes an `i128`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_i128_le(&mut self, n: i128) -> WriteNumber<'_, Self, 16>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_le_bytes(), written: 0 }
    }

    /// Writes a `f32`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_f32(&mut self, n: f32) -> WriteNumber<'_, Self, 4>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_be_bytes(), written: 0 }
    }

    /// Writes a `f32`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_f32_le(&mut self, n: f32) -> WriteNumber<'_, Self, 4>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_le_bytes(), written: 0 }
    }

    /// Writes a `f64`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_f64(&mut self, n: f64) -> WriteNumber<'_, Self, 8>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_be_bytes(), written: 0 }
    }

    /// Writes a `f64`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have written a part.
    fn write_f64_le(&mut self, n: f64) -> WriteNumber<'_, Self, 8>
    where
        Self: Unpin,
    {
        WriteNumber { writer: self, bytes: n.to_le_bytes(), written: 0 }
    }
}

impl<W: AsyncWrite + ?Sized> AsyncWriteExt for W {}

/// Writes some bytes. From [`AsyncWriteExt::write`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Write<'a, W: ?Sized> {
    writer: &'a mut W,
    buf: &'a [u8],
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Write<'_, W> {
    type Output = Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let this = self.get_mut();
        checked::poll_write(Pin::new(&mut *this.writer), cx, this.buf)
    }
}

/// Writes some bytes from several buffers. From [`AsyncWriteExt::write_vectored`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WriteVectored<'a, 'b, W: ?Sized> {
    writer: &'a mut W,
    bufs: &'a [IoSlice<'b>],
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for WriteVectored<'_, '_, W> {
    type Output = Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let this = self.get_mut();
        checked::poll_write_vectored(Pin::new(&mut *this.writer), cx, this.bufs)
    }
}

/// Writes all of a buffer. From [`AsyncWriteExt::write_all`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WriteAll<'a, W: ?Sized> {
    writer: &'a mut W,
    buf: &'a [u8],
    written: usize,
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for WriteAll<'_, W> {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        checked::poll_write_all(Pin::new(&mut *this.writer), cx, this.buf, &mut this.written)
    }
}

/// Writes the `N` bytes of a number. From [`AsyncWriteExt::write_u32`] and its siblings.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WriteNumber<'a, W: ?Sized, const N: usize> {
    writer: &'a mut W,
    bytes: [u8; N],
    written: usize,
}

impl<W: AsyncWrite + Unpin + ?Sized, const N: usize> Future for WriteNumber<'_, W, N> {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        checked::poll_write_all(Pin::new(&mut *this.writer), cx, &this.bytes, &mut this.written)
    }
}

/// Sends out what is buffered. From [`AsyncWriteExt::flush`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Flush<'a, W: ?Sized> {
    writer: &'a mut W,
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Flush<'_, W> {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        checked::poll_flush(Pin::new(&mut *self.get_mut().writer), cx)
    }
}

/// Flushes and ends the stream. From [`AsyncWriteExt::shutdown`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Shutdown<'a, W: ?Sized> {
    writer: &'a mut W,
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Shutdown<'_, W> {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        checked::poll_close(Pin::new(&mut *self.get_mut().writer), cx)
    }
}
