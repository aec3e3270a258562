//! A queue of bytes in memory with one end that reads and one that writes: what [`duplex`](super::duplex()) has two of.
//!
//! The queue is bounded and under a lock. **Invariant:** wakers are cloned, woken and dropped outside of it.

use filch_core::coop;
use filch_core::sys::sync::Mutex;
use std::collections::VecDeque;
use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result};
use std::task::{Context, Poll, Waker, ready};

/// One direction of a stream in memory.
#[derive(Debug)]
pub(super) struct Pipe {
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

#[derive(Clone, Copy)]
enum Side {
    Reader,
    Writer,
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Self {
        let state = PipeState {
            bytes: VecDeque::new(),
            capacity,
            ended: false,
            reader: None,
            writer: None,
        };
        Pipe { state: Mutex::new(state) }
    }

    /// Takes what there is, and waits while that is nothing; `0` is the end.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.poll_read_vectored(cx, &mut [IoSliceMut::new(buf)])
    }

    pub(super) fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.poll(cx, Side::Reader, |pipe| pipe.take_into(bufs))
    }

    /// Puts what fits, and waits while that is nothing.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    pub(super) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.poll(cx, Side::Writer, |pipe| pipe.put_from(bufs))
    }

    /// Lets nothing more in; what is in can still be read.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        let woken = [state.reader.take(), state.writer.take()];
        drop(state);
        woken.into_iter().flatten().for_each(Waker::wake);
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
        let PipeState { reader, writer, .. } = &mut *state;
        let (own, other) = match side {
            Side::Reader => (reader, writer),
            Side::Writer => (writer, reader),
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
}

impl PipeState {
    /// Takes what there is; `None` when a reader has to wait.
    fn take_into(&mut self, bufs: &mut [IoSliceMut<'_>]) -> Option<Result<usize>> {
        let no_room = bufs.iter().all(|buf| buf.is_empty());
        if no_room || (self.bytes.is_empty() && self.ended) {
            return Some(Ok(0));
        }
        if self.bytes.is_empty() {
            return None;
        }
        let mut n_taken = 0;
        for buf in bufs {
            // A deque reads its first half only; the second call takes the other.
            let mut rest = &mut **buf;
            for _ in 0..2 {
                let n = match std::io::Read::read(&mut self.bytes, rest) {
                    Ok(n) => n,
                    Err(error) => return Some(Err(error)),
                };
                rest = &mut rest[n..];
                n_taken += n;
            }
        }
        Some(Ok(n_taken))
    }

    /// Puts what fits; `None` when a writer has to wait.
    fn put_from(&mut self, bufs: &[IoSlice<'_>]) -> Option<Result<usize>> {
        if self.ended {
            return Some(Err(Error::new(
                ErrorKind::BrokenPipe,
                "the other end of the stream in memory is closed",
            )));
        }
        let before = self.bytes.len();
        for buf in bufs {
            let n = buf.len().min(self.capacity - self.bytes.len());
            self.bytes.extend(&buf[..n]);
        }
        let n_put = self.bytes.len() - before;
        let must_wait = n_put == 0 && bufs.iter().any(|buf| !buf.is_empty());
        (!must_wait).then_some(Ok(n_put))
    }
}
