//! The file as a stream of bytes.

use super::File;
use filch_core::sys::sync::atomic::Ordering::Relaxed;
use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
use std::io::{IoSlice, IoSliceMut, Result, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

impl AsyncRead for File {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.poll_read_vectored(cx, &mut [IoSliceMut::new(buf)])
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_forget(cx))?;
        let File { handle, turn, cached, max_buf_size, .. } = this;
        turn.get_mut().poll_read(cx, handle, cached, bufs, *max_buf_size)
    }
}

impl AsyncWrite for File {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let File { handle, turn, owes_answer, max_buf_size, .. } = self.get_mut();
        owes_answer.store(true, Relaxed);
        turn.get_mut().poll_write(cx, handle, bufs, *max_buf_size)
    }

    /// Waits until the writes that were accepted are done, and tells their error.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let File { turn, owes_answer, .. } = self.get_mut();
        let turn = turn.get_mut();
        ready!(turn.poll_written(cx));
        owes_answer.store(false, Relaxed);
        Poll::Ready(turn.take_error().map_or(Ok(()), Err))
    }

    /// As a flush: the file is closed when it is dropped.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncSeek for File {
    fn poll_seek(self: Pin<&mut Self>, cx: &mut Context<'_>, to: SeekFrom) -> Poll<Result<u64>> {
        let this = self.get_mut();
        ready!(this.poll_forget(cx))?;
        let File { handle, turn, .. } = this;
        turn.get_mut().poll_seek(cx, handle, to)
    }
}

impl File {
    /// What a read that was given up has found counts no more when the file was changed since.
    fn poll_forget(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.is_rewritten.load(Relaxed) {
            ready!(self.turn.get_mut().poll_forget(cx, &self.handle))?;
            self.is_rewritten.store(false, Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}
