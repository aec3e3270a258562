//! The two halves of any stream.
//!
//! A half that is polled takes the stream out of the meeting place and puts it back afterwards. So no lock is held
//! while the stream, which is foreign code, is polled; a half that finds it taken waits for its return.

use super::checked;
use super::pipe::Pipe;
use filch_core::sys::sync::{Arc, Mutex};
use futures_io::{AsyncRead, AsyncWrite};
use std::fmt;
use std::io::{IoSlice, IoSliceMut, Result};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Splits a stream in a half that reads and a half that writes, for two tasks.
///
/// [`ReadHalf::unsplit`] puts them together again. `TcpStream::split` and `into_split` do the same for less.
pub fn split<S: AsyncRead + AsyncWrite>(stream: S) -> (ReadHalf<S>, WriteHalf<S>) {
    halves(stream, None)
}

/// As [`split`], and a dropped half ends `pipe`.
pub(super) fn split_ending<S>(stream: S, pipe: Arc<Pipe>) -> (ReadHalf<S>, WriteHalf<S>) {
    halves(stream, Some(pipe))
}

fn halves<S>(stream: S, pipe: Option<Arc<Pipe>>) -> (ReadHalf<S>, WriteHalf<S>) {
    let state = PlaceState { stream: Some(Box::pin(stream)), waiting: None, pipe };
    let place = Arc::new(Place { state: Mutex::new(state) });
    (ReadHalf { place: place.clone() }, WriteHalf { place })
}

/// The half of a stream that reads. From [`split`].
pub struct ReadHalf<S> {
    place: Arc<Place<S>>,
}

/// The half of a stream that writes. From [`split`].
///
/// Dropping it does not end the stream, unless that is a [`simplex`](super::simplex);
/// [`shutdown`](super::AsyncWriteExt::shutdown) does.
pub struct WriteHalf<S> {
    place: Arc<Place<S>>,
}

impl<S> ReadHalf<S> {
    /// Whether both halves come from the same [`split`].
    pub fn is_pair_of(&self, other: &WriteHalf<S>) -> bool {
        Arc::ptr_eq(&self.place, &other.place)
    }

    /// Puts the stream together again.
    ///
    /// # Panics
    /// When `other` is the half of another stream.
    #[track_caller]
    pub fn unsplit(self, other: WriteHalf<S>) -> S
    where
        S: Unpin,
    {
        assert!(
            self.is_pair_of(&other),
            "`unsplit` got halves of two streams: give it those of one `split` call"
        );
        let mut state = self.place.state.lock();
        let stream = state.stream.take();
        let pipe = state.pipe.take(); // The halves drop here, and the stream goes on.
        drop(state);
        drop(pipe);
        *Pin::into_inner(stream.expect("both halves are here, so none is being polled"))
    }
}

impl<S> WriteHalf<S> {
    /// Whether both halves come from the same [`split`].
    pub fn is_pair_of(&self, other: &ReadHalf<S>) -> bool {
        other.is_pair_of(self)
    }
}

impl<S> Drop for ReadHalf<S> {
    fn drop(&mut self) {
        self.place.end();
    }
}

impl<S> Drop for WriteHalf<S> {
    fn drop(&mut self) {
        self.place.end();
    }
}

/// Where the halves meet.
struct Place<S> {
    state: Mutex<PlaceState<S>>,
}

struct PlaceState<S> {
    /// Taken while a half polls it.
    stream: Option<Pin<Box<S>>>,
    /// The half that found the stream taken. There are two halves, so there is at most one.
    waiting: Option<Waker>,
    /// What a dropped half ends: the queue of a [`simplex`](super::simplex), else nothing.
    pipe: Option<Arc<Pipe>>,
}

/// The stream, until this drops.
struct Loan<'a, S> {
    place: &'a Place<S>,
    stream: Option<Pin<Box<S>>>,
}

impl<S> Place<S> {
    fn end(&self) {
        let pipe = self.state.lock().pipe.take();
        if let Some(pipe) = pipe {
            pipe.end();
        }
    }

    fn poll_loan(&self, cx: &mut Context<'_>) -> Poll<Loan<'_, S>> {
        if let Some(stream) = self.state.lock().stream.take() {
            return Poll::Ready(Loan { place: self, stream: Some(stream) });
        }
        // Unlocked: cloning a waker and dropping the former one are foreign code.
        let waker = cx.waker().clone();
        let mut state = self.state.lock();
        let stream = state.stream.take();
        let former =
            if stream.is_none() { state.waiting.replace(waker) } else { state.waiting.take() };
        drop(state);
        drop(former);
        stream
            .map_or(Poll::Pending, |stream| Poll::Ready(Loan { place: self, stream: Some(stream) }))
    }

    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        let mut loan = std::task::ready!(self.poll_loan(cx));
        let stream = loan.stream.as_mut().expect("only the drop of the loan takes the stream");
        poll(stream.as_mut(), cx)
    }
}

impl<S> Drop for Loan<'_, S> {
    fn drop(&mut self) {
        let mut state = self.place.state.lock();
        state.stream = self.stream.take();
        let waiting = state.waiting.take();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<S: AsyncRead> AsyncRead for ReadHalf<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.place.poll(cx, |stream, cx| checked::poll_read(stream, cx, buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.place.poll(cx, |stream, cx| checked::poll_read_vectored(stream, cx, bufs))
    }
}

impl<S: AsyncWrite> AsyncWrite for WriteHalf<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.place.poll(cx, |stream, cx| checked::poll_write(stream, cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.place.poll(cx, |stream, cx| checked::poll_write_vectored(stream, cx, bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.place.poll(cx, checked::poll_flush)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.place.poll(cx, checked::poll_close)
    }
}

impl<S> fmt::Debug for ReadHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for WriteHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}
