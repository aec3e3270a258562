//! A pair of connected streams in memory, for tests of whatever talks over a stream.
//!
//! Each direction is a bounded queue under a lock. **Invariant:** wakers are cloned, woken and dropped outside of it.

use filch_core::coop;
use filch_core::sys::sync::{Arc, Mutex};
use futures_io::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

/// Makes two connected streams: what is written to one is read from the other, in both directions.
///
/// A direction holds at most `max_buf_size` bytes; then its writer waits.
///
/// # Panics
/// When `max_buf_size` is 0: no byte could ever pass.
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    assert!(max_buf_size > 0, "no byte passes a `duplex` of 0 bytes: give it at least 1");
    let forth = Arc::new(Pipe::new(max_buf_size));
    let back = Arc::new(Pipe::new(max_buf_size));
    (
        DuplexStream { read: back.clone(), write: forth.clone() },
        DuplexStream { read: forth, write: back },
    )
}

/// One end of a connection in memory. From [`duplex`].
///
/// A drop ends both directions: the peer reads what is left, then the end, and its writes err with
/// [`BrokenPipe`](ErrorKind::BrokenPipe).
#[derive(Debug)]
pub struct DuplexStream {
    read: Arc<Pipe>,
    write: Arc<Pipe>,
}

impl AsyncRead for DuplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.read.poll(cx, Side::Reader, |pipe| pipe.take_into(buf))
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.write.poll(cx, Side::Writer, |pipe| pipe.put_from(buf))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        self.write.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        self.read.end();
        self.write.end();
    }
}

#[derive(Clone, Copy)]
enum Side {
    Reader,
    Writer,
}

/// One direction.
#[derive(Debug)]
struct Pipe {
    state: Mutex<PipeState>,
}

#[derive(Debug)]
struct PipeState {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// Nothing more is written.
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(capacity: usize) -> Self {
        let state = PipeState {
            bytes: VecDeque::new(),
            capacity,
            ended: false,
            reader: None,
            writer: None,
        };
        Pipe { state: Mutex::new(state) }
    }

    /// Tries `step`; when it has to wait, leaves this task's waker and tries once more.
    fn poll(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        mut step: impl FnMut(&mut PipeState) -> Option<Result<usize>>,
    ) -> Poll<Result<usize>> {
        let unit = ready!(coop::poll_proceed(cx));
        let mut done = self.try_step(side, None, &mut step);
        if done.is_none() {
            done = self.try_step(side, Some(cx.waker().clone()), &mut step);
        }
        match done {
            Some(result) => {
                unit.made_progress();
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }

    fn try_step(
        &self,
        side: Side,
        mut waker: Option<Waker>,
        step: &mut impl FnMut(&mut PipeState) -> Option<Result<usize>>,
    ) -> Option<Result<usize>> {
        let mut state = self.state.lock();
        let done = step(&mut state);
        let (own, other) = match side {
            Side::Reader => {
                let PipeState { reader, writer, .. } = &mut *state;
                (reader, writer)
            }
            Side::Writer => {
                let PipeState { reader, writer, .. } = &mut *state;
                (writer, reader)
            }
        };
        let woken = if done.is_some() { other.take() } else { None };
        if done.is_none() && waker.is_some() {
            std::mem::swap(own, &mut waker);
        }
        drop(state);
        drop(waker); // Unlocked: a waker's drop is foreign code, and so is its wake.
        woken.into_iter().for_each(Waker::wake);
        done
    }

    fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        let woken = [state.reader.take(), state.writer.take()];
        drop(state);
        woken.into_iter().flatten().for_each(Waker::wake);
    }
}

impl PipeState {
    /// Takes what there is; `None` when a reader has to wait.
    fn take_into(&mut self, buf: &mut [u8]) -> Option<Result<usize>> {
        if buf.is_empty() || (self.bytes.is_empty() && self.ended) {
            return Some(Ok(0));
        }
        if self.bytes.is_empty() {
            return None;
        }
        // A deque reads its first half only; the second call takes the other.
        let first = std::io::Read::read(&mut self.bytes, buf);
        let n = first.and_then(|n| Ok(n + std::io::Read::read(&mut self.bytes, &mut buf[n..])?));
        Some(n)
    }

    /// Puts what fits; `None` when a writer has to wait.
    fn put_from(&mut self, buf: &[u8]) -> Option<Result<usize>> {
        if self.ended {
            return Some(Err(Error::new(
                ErrorKind::BrokenPipe,
                "the other end of the duplex stream is closed",
            )));
        }
        let n = buf.len().min(self.capacity - self.bytes.len());
        if n == 0 && !buf.is_empty() {
            return None;
        }
        self.bytes.extend(&buf[..n]);
        Some(Ok(n))
    }
}
