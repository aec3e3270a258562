//! The pipes between a child and its parent.

use super::system::Pipe;
use crate::io::{AsyncRead, AsyncWrite};
use filch_core::io::Direction;
use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};

/// The pipe to what a child reads.
///
/// Closing it, by [`shutdown`](crate::io::AsyncWriteExt::shutdown) or a drop, is what tells the child that its input has
/// ended. A write after the child has closed its end answers [`BrokenPipe`](ErrorKind::BrokenPipe).
#[derive(Debug)]
pub struct ChildStdin {
    /// `None` once it was closed.
    pipe: Option<Pipe>,
}

/// The pipe from what a child writes.
#[derive(Debug)]
pub struct ChildStdout {
    pub(super) pipe: Pipe,
}

/// The pipe from a child's messages.
#[derive(Debug)]
pub struct ChildStderr {
    pub(super) pipe: Pipe,
}

impl ChildStdin {
    /// Takes a pipe of the standard library.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_std(pipe: std::process::ChildStdin) -> Result<ChildStdin> {
        Ok(ChildStdin { pipe: Some(Pipe::from_outside(pipe, Direction::Write)?) })
    }

    pub(super) fn piped(pipe: std::process::ChildStdin) -> Result<ChildStdin> {
        Ok(ChildStdin { pipe: Some(Pipe::new(pipe, Direction::Write)?) })
    }

    pub(super) fn into_pipe(self) -> Result<Pipe> {
        self.pipe.ok_or_else(closed)
    }

    pub(super) fn pipe(&self) -> &Pipe {
        self.pipe.as_ref().expect(
            "a ChildStdin that was shut down has no descriptor; ask for it before `shutdown`",
        )
    }

    fn open(&mut self) -> Result<&mut Pipe> {
        self.pipe.as_mut().ok_or_else(closed)
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::BrokenPipe, "the pipe to the child was shut down")
}

impl ChildStdout {
    /// Takes a pipe of the standard library.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_std(pipe: std::process::ChildStdout) -> Result<ChildStdout> {
        Ok(ChildStdout { pipe: Pipe::from_outside(pipe, Direction::Read)? })
    }

    pub(super) fn piped(pipe: std::process::ChildStdout) -> Result<ChildStdout> {
        Ok(ChildStdout { pipe: Pipe::new(pipe, Direction::Read)? })
    }
}

impl ChildStderr {
    /// Takes a pipe of the standard library.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_std(pipe: std::process::ChildStderr) -> Result<ChildStderr> {
        Ok(ChildStderr { pipe: Pipe::from_outside(pipe, Direction::Read)? })
    }

    pub(super) fn piped(pipe: std::process::ChildStderr) -> Result<ChildStderr> {
        Ok(ChildStderr { pipe: Pipe::new(pipe, Direction::Read)? })
    }
}

impl AsyncWrite for ChildStdin {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        self.open()?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.open()?.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut self.pipe {
            Some(pipe) => pipe.poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Closes the pipe.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        self.pipe = None;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ChildStdout {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.pipe.poll_read(cx, buf)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.pipe.poll_read_vectored(cx, bufs)
    }
}

impl AsyncRead for ChildStderr {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.pipe.poll_read(cx, buf)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.pipe.poll_read_vectored(cx, bufs)
    }
}

/// For another child, which finds a pipe that blocks.
impl TryFrom<ChildStdin> for Stdio {
    type Error = Error;

    fn try_from(pipe: ChildStdin) -> Result<Stdio> {
        pipe.into_pipe()?.into_stdio()
    }
}

/// For another child, which finds a pipe that blocks.
impl TryFrom<ChildStdout> for Stdio {
    type Error = Error;

    fn try_from(pipe: ChildStdout) -> Result<Stdio> {
        pipe.pipe.into_stdio()
    }
}

/// For another child, which finds a pipe that blocks.
impl TryFrom<ChildStderr> for Stdio {
    type Error = Error;

    fn try_from(pipe: ChildStderr) -> Result<Stdio> {
        pipe.pipe.into_stdio()
    }
}
