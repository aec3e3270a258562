//! One future for all the fixed-size numbers.

use super::checked;
use futures_io::AsyncRead;
use std::fmt;
use std::future::Future;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Reads `N` bytes and decodes them. From [`AsyncReadExt::read_u32`](super::AsyncReadExt::read_u32) and its siblings.
#[must_use = "futures do nothing unless awaited"]
pub struct ReadNumber<'a, R: ?Sized, T, const N: usize> {
    reader: &'a mut R,
    bytes: [u8; N],
    filled: usize,
    decode: fn([u8; N]) -> T,
}

impl<'a, R: ?Sized, T, const N: usize> ReadNumber<'a, R, T, N> {
    pub(crate) fn new(reader: &'a mut R, decode: fn([u8; N]) -> T) -> Self {
        ReadNumber { reader, bytes: [0; N], filled: 0, decode }
    }
}

impl<R: AsyncRead + Unpin + ?Sized, T, const N: usize> Future for ReadNumber<'_, R, T, N> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let this = self.get_mut();
        ready!(checked::poll_read_exact(
            Pin::new(&mut *this.reader),
            cx,
            &mut this.bytes,
            &mut this.filled
        ))?;
        Poll::Ready(Ok((this.decode)(this.bytes)))
    }
}

impl<R: ?Sized, T, const N: usize> fmt::Debug for ReadNumber<'_, R, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadNumber")
            .field("size", &N)
            .field("filled", &self.filled)
            .finish_non_exhaustive()
    }
}
