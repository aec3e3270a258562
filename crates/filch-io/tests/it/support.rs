//! Readers and writers that do what they are told, step by step.

use filch_io::io::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// One answer of a scripted stream.
#[derive(Debug)]
pub(crate) enum Step {
    /// These bytes, or as many of them as there is room for. A writer accepts so many.
    Bytes(&'static [u8]),
    /// An error.
    Fail(ErrorKind),
    /// Pending, with a wake-up.
    Pending,
    /// A lie: this count, whatever the buffer.
    Claim(usize),
}

/// A stream that follows a script; then it is at its end (read) or takes all (write).
#[derive(Debug, Default)]
pub(crate) struct Script {
    steps: VecDeque<Step>,
    rest: &'static [u8],
    pub(crate) written: Vec<u8>,
    pub(crate) n_flushed: usize,
    pub(crate) n_closed: usize,
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Script { steps: steps.into_iter().collect(), ..Script::default() }
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        if self.rest.is_empty() {
            match self.steps.pop_front() {
                None => return Poll::Ready(Ok(0)),
                Some(Step::Bytes(bytes)) => self.rest = bytes,
                Some(Step::Fail(kind)) => return Poll::Ready(Err(kind.into())),
                Some(Step::Claim(n)) => return Poll::Ready(Ok(n)),
                Some(Step::Pending) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
        let n = self.rest.len().min(buf.len());
        let (head, tail) = self.rest.split_at(n);
        buf[..n].copy_from_slice(head);
        self.rest = tail;
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        let n = match self.steps.pop_front() {
            None => buf.len(),
            Some(Step::Bytes(bytes)) => bytes.len().min(buf.len()),
            Some(Step::Fail(kind)) => return Poll::Ready(Err(kind.into())),
            Some(Step::Claim(n)) => return Poll::Ready(Ok(n)),
            Some(Step::Pending) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        };
        self.written.extend_from_slice(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        self.n_flushed += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        self.n_closed += 1;
        Poll::Ready(Ok(()))
    }
}

/// A waker that counts.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn n(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A fresh counter and its waker.
pub(crate) fn counting_waker() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), Waker::from(count))
}

/// Polls once, with a waker of no effect.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls `n` times, then drops.
pub(crate) fn poll_and_drop(future: impl Future, n: usize) {
    let mut future = pin!(future);
    for _ in 0..n {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
    }
}

pub(crate) fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().as_ref().map(Error::kind)
}
