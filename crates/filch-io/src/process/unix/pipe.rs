//! A pipe's end that does not block, and its raw forms.
//!
//! A read that came back short does not prove that a pipe is empty: the child may write packets (`O_DIRECT`), one for
//! each read. So readers meet `WouldBlock` before they wait.

use crate::process::{ChildStderr, ChildStdin, ChildStdout};
use crate::source::Source;
use filch_core::io::Direction;
use rustix::io::ioctl_fionbio;
use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Result, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::Stdio;
use std::task::{Context, Poll};

/// The most that a pipe holds, unless a privileged process has enlarged it.
const MOST_HELD: u64 = 1 << 20;

/// One end of a pipe.
#[derive(Debug)]
pub(in crate::process) struct Pipe {
    source: Source<File>,
}

impl Pipe {
    /// [`drain`](Self::drain) gives all that was written so far.
    pub(in crate::process) const DRAINS: bool = true;

    /// Takes an end that was made for us.
    pub(in crate::process) fn new(end: impl Into<OwnedFd>, direction: Direction) -> Result<Pipe> {
        Ok(Pipe { source: Source::new(nonblocking(end)?, direction.interest()) })
    }

    /// Takes an end that may have other descriptors.
    pub(in crate::process) fn from_outside(
        end: impl Into<OwnedFd>,
        direction: Direction,
    ) -> Result<Pipe> {
        Ok(Pipe { source: Source::from_outside(nonblocking(end)?, direction.interest()) })
    }

    pub(in crate::process) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.source.poll(cx, Direction::Read, |mut io| io.read(buf))
    }

    pub(in crate::process) fn poll_read_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.source.poll(cx, Direction::Read, |mut io| io.read_vectored(bufs))
    }

    pub(in crate::process) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        self.source.poll_transfer(cx, Direction::Write, buf.len(), |mut io| io.write(buf))
    }

    pub(in crate::process) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let offered = bufs.iter().map(|buf| buf.len()).sum();
        self.source.poll_transfer(cx, Direction::Write, offered, |mut io| io.write_vectored(bufs))
    }

    /// A pipe keeps nothing back.
    pub(in crate::process) fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Appends what the pipe holds, without waiting for more.
    pub(in crate::process) fn drain(&mut self, bytes: &mut Vec<u8>) {
        // Why ignored: it ends by "would block", or the pipe is broken and holds nothing.
        let _ = self.source.io().take(MOST_HELD).read_to_end(bytes);
    }

    /// Gives the end back as it was made: it blocks.
    fn into_blocking(self) -> Result<OwnedFd> {
        let end = self.source.into_io();
        ioctl_fionbio(&end, false)?;
        Ok(end.into())
    }

    pub(in crate::process) fn into_stdio(self) -> Result<Stdio> {
        self.into_blocking().map(Stdio::from)
    }

    fn hand_out(&self) -> &File {
        self.source.hand_out()
    }
}

fn nonblocking(end: impl Into<OwnedFd>) -> Result<File> {
    let end = end.into();
    ioctl_fionbio(&end, true)?;
    Ok(File::from(end))
}

impl ChildStdin {
    /// Gives the descriptor back. It blocks.
    ///
    /// # Errors
    /// When the pipe was shut down, or cannot be made to block.
    pub fn into_owned_fd(self) -> Result<OwnedFd> {
        self.into_pipe()?.into_blocking()
    }
}

impl ChildStdout {
    /// Gives the descriptor back. It blocks.
    ///
    /// # Errors
    /// When it cannot be made to block.
    pub fn into_owned_fd(self) -> Result<OwnedFd> {
        self.pipe.into_blocking()
    }
}

impl ChildStderr {
    /// Gives the descriptor back. It blocks.
    ///
    /// # Errors
    /// When it cannot be made to block.
    pub fn into_owned_fd(self) -> Result<OwnedFd> {
        self.pipe.into_blocking()
    }
}

/// # Panics
/// When the pipe was shut down.
impl AsFd for ChildStdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe().hand_out().as_fd()
    }
}

/// # Panics
/// When the pipe was shut down.
impl AsRawFd for ChildStdin {
    fn as_raw_fd(&self) -> RawFd {
        self.pipe().hand_out().as_raw_fd()
    }
}

impl AsFd for ChildStdout {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.hand_out().as_fd()
    }
}

impl AsRawFd for ChildStdout {
    fn as_raw_fd(&self) -> RawFd {
        self.pipe.hand_out().as_raw_fd()
    }
}

impl AsFd for ChildStderr {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.hand_out().as_fd()
    }
}

impl AsRawFd for ChildStderr {
    fn as_raw_fd(&self) -> RawFd {
        self.pipe.hand_out().as_raw_fd()
    }
}
