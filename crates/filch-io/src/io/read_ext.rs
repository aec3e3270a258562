//! Reading: the extension trait and its plain futures.

use super::read_number::ReadNumber;
use super::read_to_end::{ReadToEnd, ReadToString};
use super::{Chain, Take, checked};
use futures_io::AsyncRead;
use std::future::Future;
use std::io::{IoSliceMut, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What every [`AsyncRead`] can do besides.
///
/// The number methods read big-endian, those with `_le` little-endian. They end with
/// [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) when the stream does before the number is complete, and none
/// of them is cancel safe unless it reads a single byte: dropping the future loses the bytes it has read.
pub trait AsyncReadExt: AsyncRead {
    /// Reads some bytes; `0` means the end of the stream (or an empty `buf`).
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has read nothing.
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Read<'a, Self>
    where
        Self: Unpin,
    {
        Read { reader: self, buf }
    }

    /// Reads some bytes into several buffers, in their order.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has read nothing.
    fn read_vectored<'a, 'b>(
        &'a mut self,
        bufs: &'a mut [IoSliceMut<'b>],
    ) -> ReadVectored<'a, 'b, Self>
    where
        Self: Unpin,
    {
        ReadVectored { reader: self, bufs }
    }

    /// Fills `buf`, and answers its length.
    ///
    /// The error is [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) when the stream ends before.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped future may have filled a part of `buf`, and does not tell how much.
    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> ReadExact<'a, Self>
    where
        Self: Unpin,
    {
        ReadExact { reader: self, buf, filled: 0 }
    }

    /// Appends all that the stream still has to `bytes`, and answers how much that was.
    ///
    /// # Cancel safety
    /// Restartable: after a drop `bytes` holds all that was read, and another call goes on behind it.
    fn read_to_end<'a>(&'a mut self, bytes: &'a mut Vec<u8>) -> ReadToEnd<'a, Self>
    where
        Self: Unpin,
    {
        ReadToEnd::new(self, bytes)
    }

    /// Appends all that the stream still has to `text`, and answers how many bytes that was.
    ///
    /// On any error, [`InvalidData`](std::io::ErrorKind::InvalidData) for what is not UTF-8 included, `text` is as it
    /// was.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future leaves `text` as it was and loses what was read.
    fn read_to_string<'a>(&'a mut self, text: &'a mut String) -> ReadToString<'a, Self>
    where
        Self: Unpin,
    {
        ReadToString::new(self, text)
    }

    /// Makes a reader of at most `limit` bytes of this one.
    fn take(self, limit: u64) -> Take<Self>
    where
        Self: Sized,
    {
        Take::new(self, limit)
    }

    /// Makes a reader that goes on with `next` where this one ends.
    fn chain<R: AsyncRead>(self, next: R) -> Chain<Self, R>
    where
        Self: Sized,
    {
        Chain::new(self, next)
    }

    /// Borrows the reader, for adapters that would consume it.
    fn by_ref(&mut self) -> &mut Self
    where
        Self: Sized,
    {
        self
    }

    /// Reads a `u8`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has read nothing.
    fn read_u8(&mut self) -> ReadNumber<'_, Self, u8, 1>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, u8::from_be_bytes)
    }

    /// Reads an `i8`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has read nothing.
    fn read_i8(&mut self) -> ReadNumber<'_, Self, i8, 1>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, i8::from_be_bytes)
    }

    /// Reads a `u16`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_u16(&mut self) -> ReadNumber<'_, Self, u16, 2>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, u16::from_be_bytes)
    }

    /// Reads a `u16`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_u16_le(&mut self) -> ReadNumber<'_, Self, u16, 2>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, u16::from_le_bytes)
    }

    /// Reads an `i16`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_i16(&mut self) -> ReadNumber<'_, Self, i16, 2>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, i16::from_be_bytes)
    }

    /// Reads an `i16`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_i16_le(&mut self) -> ReadNumber<'_, Self, i16, 2>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, i16::from_le_bytes)
    }

    /// Reads a `u32`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_u32(&mut self) -> ReadNumber<'_, Self, u32, 4>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, u32::from_be_bytes)
    }

    /// Reads a `u32`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_u32_le(&mut self) -> ReadNumber<'_, Self, u32, 4>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, u32::from_le_bytes)
    }

    /// Reads an `i32`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_i32(&mut self) -> ReadNumber<'_, Self, i32, 4>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, i32::from_be_bytes)
    }

    /// Reads an `i32`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_i32_le(&mut self) -> ReadNumber<'_, Self, i32, 4>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, i32::from_le_bytes)
    }

    /// Reads a `u64`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_u64(&mut self) -> ReadNumber<'_, Self, u64, 8>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, u64::from_be_bytes)
    }

    /// Reads a `u64`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_u64_le(&mut self) -> ReadNumber<'_, Self, u64, 8>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, u64::from_le_bytes)
    }

    /// Reads an `i64`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_i64(&mut self) -> ReadNumber<'_, Self, i64, 8>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, i64::from_be_bytes)
    }

    /// Reads an `i64`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_i64_le(&mut self) -> ReadNumber<'_, Self, i64, 8>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, i64::from_le_bytes)
    }

    /// Reads a `u128`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_u128(&mut self) -> ReadNumber<'_, Self, u128, 16>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, u128::from_be_bytes)
    }

    /// Reads a `u128`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_u128_le(&mut self) -> ReadNumber<'_, Self, u128, 16>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, u128::from_le_bytes)
    }

    /// Reads an `i128`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_i128(&mut self) -> ReadNumber<'_, Self, i128, 16>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, i128::from_be_bytes)
    }

    /// Reads an `i128`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_i128_le(&mut self) -> ReadNumber<'_, Self, i128, 16>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, i128::from_le_bytes)
    }

    /// Reads a `f32`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_f32(&mut self) -> ReadNumber<'_, Self, f32, 4>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, f32::from_be_bytes)
    }

    /// Reads a `f32`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_f32_le(&mut self) -> ReadNumber<'_, Self, f32, 4>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, f32::from_le_bytes)
    }

    /// Reads a `f64`, big-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_f64(&mut self) -> ReadNumber<'_, Self, f64, 8>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, f64::from_be_bytes)
    }

    /// Reads a `f64`, little-endian.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future loses the bytes it has read.
    fn read_f64_le(&mut self) -> ReadNumber<'_, Self, f64, 8>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, f64::from_le_bytes)
    }
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}

/// Reads some bytes. From [`AsyncReadExt::read`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Read<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut [u8],
}

impl<R: AsyncRead + Unpin + ?Sized> Future for Read<'_, R> {
    type Output = Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let this = self.get_mut();
        checked::poll_read(Pin::new(&mut *this.reader), cx, this.buf)
    }
}

/// Reads some bytes into several buffers. From [`AsyncReadExt::read_vectored`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadVectored<'a, 'b, R: ?Sized> {
    reader: &'a mut R,
    bufs: &'a mut [IoSliceMut<'b>],
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadVectored<'_, '_, R> {
    type Output = Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let this = self.get_mut();
        checked::poll_read_vectored(Pin::new(&mut *this.reader), cx, this.bufs)
    }
}

/// Fills a buffer. From [`AsyncReadExt::read_exact`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadExact<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut [u8],
    filled: usize,
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadExact<'_, R> {
    type Output = Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let this = self.get_mut();
        ready!(checked::poll_read_exact(
            Pin::new(&mut *this.reader),
            cx,
            this.buf,
            &mut this.filled
        ))?;
        Poll::Ready(Ok(this.filled))
    }
}
