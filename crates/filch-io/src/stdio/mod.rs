//! The standard streams of the process: [`stdin`], [`stdout`], [`stderr`].
//!
//! No thread waits for them, so that none has to be waited for when the program ends: a pipe, a terminal or a socket is
//! watched by the driver, and a file is read and written on the spot, where its disk may hold up the worker. What is read
//! stays with who reads: nothing is read ahead, and a read that is canceled has taken nothing, neither from the next reader
//! here nor from a child process that inherits the stream.
//!
//! **Invariant:** whether the streams block is not ours to change. Other processes, the shell among them, share them.

mod channel;

use channel::Channel;
use filch_core::io::Direction;
use futures_io::{AsyncRead, AsyncWrite};
use std::fmt;
use std::io::Result;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What the process reads from. From [`stdin`].
///
/// It has no buffer: for lines, put a [`BufReader`](crate::io::BufReader) around it and keep that. Several of them, and
/// std's, share what comes in: each byte goes to one.
///
/// # Cancel safety
/// A read that is canceled has taken nothing.
pub struct Stdin {
    channel: Channel,
    std: std::io::Stdin,
}

/// What the process writes to. From [`stdout`].
///
/// It has no buffer: a write that is done has reached the pipe, the terminal or the file, and a failure is told by the
/// write that meets it. `print!` goes another way: std keeps what has no line feed yet, which is written when std is
/// flushed. A pipe that nobody reads gives an error of the kind `BrokenPipe` and ends no process.
///
/// # Cancel safety
/// A write that is canceled has written nothing. `write_all` may have written a part.
pub struct Stdout {
    channel: Channel,
    std: std::io::Stdout,
}

/// What the process writes its complaints to. From [`stderr`]. As [`Stdout`].
pub struct Stderr {
    channel: Channel,
    std: std::io::Stderr,
}

/// The process's standard input.
///
/// Where it is a pipe, a terminal or a socket, the first read that has to wait registers it with the runtime of that
/// moment. A file is read on the spot, by the worker.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::io::{AsyncBufReadExt, BufReader};
/// use filch_io::stdio::stdin;
///
/// let mut lines = BufReader::new(stdin()).lines();
/// while let Some(line) = lines.next_line().await? {
///     println!("{} bytes", line.len());
/// }
/// # Ok(()) }
/// ```
pub fn stdin() -> Stdin {
    let std = std::io::stdin();
    Stdin { channel: Channel::open(std.as_fd(), Direction::Read), std }
}

/// The process's standard output.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::io::AsyncWriteExt;
/// use filch_io::stdio::stdout;
///
/// stdout().write_all(b"hello\n").await?;
/// # Ok(()) }
/// ```
pub fn stdout() -> Stdout {
    let std = std::io::stdout();
    Stdout { channel: Channel::open(std.as_fd(), Direction::Write), std }
}

/// The process's standard error.
pub fn stderr() -> Stderr {
    let std = std::io::stderr();
    Stderr { channel: Channel::open(std.as_fd(), Direction::Write), std }
}

impl AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0)); // There is nothing to wait for.
        }
        self.channel.poll_read(cx, buf)
    }
}

impl AsyncWrite for Stdout {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.channel.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(())) // Nothing is kept back.
    }

    /// Does nothing: the stream is the process's.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stderr {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.channel.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(())) // As `Stdout`.
    }

    /// Does nothing: the stream is the process's.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The process's own descriptor, 0.
impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}

/// The process's own descriptor, 0.
impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

/// The process's own descriptor, 1.
impl AsFd for Stdout {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}

/// The process's own descriptor, 1.
impl AsRawFd for Stdout {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

/// The process's own descriptor, 2.
impl AsFd for Stderr {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}

/// The process's own descriptor, 2.
impl AsRawFd for Stderr {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stdin").field(&self.channel).finish()
    }
}

impl fmt::Debug for Stdout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stdout").field(&self.channel).finish()
    }
}

impl fmt::Debug for Stderr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stderr").field(&self.channel).finish()
    }
}
