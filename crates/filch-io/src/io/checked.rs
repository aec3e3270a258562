//! Guarded calls: what a foreign reader or writer answers is checked before anything is built on it.
//!
//! An interrupted call is repeated here, so that no caller sees [`ErrorKind::Interrupted`].

use futures_io::{AsyncRead, AsyncWrite};
use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Reads into `buf`; a count larger than `buf` is an error.
pub(crate) fn poll_read<R: AsyncRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<Result<usize>> {
    loop {
        let result = ready!(reader.as_mut().poll_read(cx, buf));
        if !is_interrupted(&result) {
            return Poll::Ready(result.and_then(|n| plausible("reader", n, buf.len())));
        }
    }
}

/// Reads into `bufs`; a count larger than all of them is an error.
pub(crate) fn poll_read_vectored<R: AsyncRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    bufs: &mut [IoSliceMut<'_>],
) -> Poll<Result<usize>> {
    let room = bufs.iter().map(|buf| buf.len()).sum();
    loop {
        let result = ready!(reader.as_mut().poll_read_vectored(cx, bufs));
        if !is_interrupted(&result) {
            return Poll::Ready(result.and_then(|n| plausible("reader", n, room)));
        }
    }
}

/// Writes from `buf`; a count larger than `buf` is an error.
pub(crate) fn poll_write<W: AsyncWrite + ?Sized>(
    mut writer: Pin<&mut W>,
    cx: &mut Context<'_>,
    buf: &[u8],
) -> Poll<Result<usize>> {
    loop {
        let result = ready!(writer.as_mut().poll_write(cx, buf));
        if !is_interrupted(&result) {
            return Poll::Ready(result.and_then(|n| plausible("writer", n, buf.len())));
        }
    }
}

/// Writes from `bufs`; a count larger than all of them is an error.
pub(crate) fn poll_write_vectored<W: AsyncWrite + ?Sized>(
    mut writer: Pin<&mut W>,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
) -> Poll<Result<usize>> {
    let offered = bufs.iter().map(|buf| buf.len()).sum();
    loop {
        let result = ready!(writer.as_mut().poll_write_vectored(cx, bufs));
        if !is_interrupted(&result) {
            return Poll::Ready(result.and_then(|n| plausible("writer", n, offered)));
        }
    }
}

/// Flushes.
pub(crate) fn poll_flush<W: AsyncWrite + ?Sized>(
    mut writer: Pin<&mut W>,
    cx: &mut Context<'_>,
) -> Poll<Result<()>> {
    loop {
        let result = ready!(writer.as_mut().poll_flush(cx));
        if !is_interrupted(&result) {
            return Poll::Ready(result);
        }
    }
}

/// Flushes and closes.
pub(crate) fn poll_close<W: AsyncWrite + ?Sized>(
    mut writer: Pin<&mut W>,
    cx: &mut Context<'_>,
) -> Poll<Result<()>> {
    loop {
        let result = ready!(writer.as_mut().poll_close(cx));
        if !is_interrupted(&result) {
            return Poll::Ready(result);
        }
    }
}

/// Reads until `buf` is full. `filled` carries the progress from poll to poll.
pub(crate) fn poll_read_exact<R: AsyncRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut [u8],
    filled: &mut usize,
) -> Poll<Result<()>> {
    while *filled < buf.len() {
        let n = ready!(poll_read(reader.as_mut(), cx, &mut buf[*filled..]))?;
        if n == 0 {
            return Poll::Ready(Err(Error::new(
                ErrorKind::UnexpectedEof,
                "end of stream before the buffer was full",
            )));
        }
        *filled += n;
    }
    Poll::Ready(Ok(()))
}

/// Writes until `buf` is used up. `written` carries the progress from poll to poll.
pub(crate) fn poll_write_all<W: AsyncWrite + ?Sized>(
    mut writer: Pin<&mut W>,
    cx: &mut Context<'_>,
    buf: &[u8],
    written: &mut usize,
) -> Poll<Result<()>> {
    while *written < buf.len() {
        let n = ready!(poll_write(writer.as_mut(), cx, &buf[*written..]))?;
        if n == 0 {
            return Poll::Ready(Err(write_zero()));
        }
        *written += n;
    }
    Poll::Ready(Ok(()))
}

/// The error of a writer that takes no more bytes.
pub(crate) fn write_zero() -> Error {
    Error::new(ErrorKind::WriteZero, "the writer takes no more bytes")
}

/// Whether a call was interrupted and has to be repeated.
pub(crate) fn is_interrupted<T>(result: &Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == ErrorKind::Interrupted)
}

fn plausible(who: &str, n: usize, room: usize) -> Result<usize> {
    if n <= room {
        Ok(n)
    } else {
        Err(Error::other(format!("{who} reported {n} bytes for a buffer of {room}")))
    }
}
