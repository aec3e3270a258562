//! Readiness of any file descriptor, for objects this crate has no type for.
//!
//! Makes no system call on the descriptor but those of its registration; reading and writing are the caller's.

use crate::source::{Source, is_would_block};
use filch_core::io::{Direction, Interest, Ready, ReadyEvent};
use std::fmt;
use std::io::{Error, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

/// A file descriptor whose readiness can be awaited.
///
/// The descriptor must be non-blocking, must stay open and must stay the same for as long as this lives; otherwise
/// waits may hang. Registers with the current runtime at once.
///
/// # Examples
/// ```no_run
/// # async fn example(pipe: std::os::unix::net::UnixStream) -> std::io::Result<()> {
/// use filch_io::io::unix::AsyncFd;
/// use std::io::Read;
///
/// let pipe = AsyncFd::new(pipe)?;
/// let mut buf = [0; 100];
/// let n = loop {
///     let mut guard = pipe.readable().await?;
///     match guard.try_io(|pipe| pipe.get_ref().read(&mut buf)) {
///         Ok(result) => break result?,
///         Err(_would_block) => continue,
///     }
/// };
/// # let _ = n; Ok(()) }
/// ```
pub struct AsyncFd<T: AsRawFd> {
    source: Source<T>,
}

impl<T: AsRawFd> AsyncFd<T> {
    /// Watches an object for reading and writing.
    ///
    /// # Panics
    /// When there is no runtime and none can be started.
    ///
    /// # Errors
    /// When the descriptor cannot be watched: it is a regular file, or closed. `object` is dropped then;
    /// [`try_new`](Self::try_new) hands it back.
    #[track_caller]
    pub fn new(object: T) -> Result<AsyncFd<T>> {
        AsyncFd::with_interest(object, Interest::BOTH)
    }

    /// Watches an object for `interest` only.
    ///
    /// # Panics
    /// When there is no runtime and none can be started.
    ///
    /// # Errors
    /// When the descriptor cannot be watched: it is a regular file, or closed.
    #[track_caller]
    pub fn with_interest(object: T, interest: Interest) -> Result<AsyncFd<T>> {
        AsyncFd::try_with_interest(object, interest).map_err(|error| error.cause)
    }

    /// As [`new`](Self::new), handing the object back when it cannot be watched.
    ///
    /// # Panics
    /// When there is no runtime and none can be started.
    ///
    /// # Errors
    /// When the descriptor cannot be watched.
    #[track_caller]
    pub fn try_new(object: T) -> std::result::Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        AsyncFd::try_with_interest(object, Interest::BOTH)
    }

    /// As [`with_interest`](Self::with_interest), handing the object back when it cannot be watched.
    ///
    /// # Panics
    /// When there is no runtime and none can be started.
    ///
    /// # Errors
    /// When the descriptor cannot be watched.
    #[track_caller]
    pub fn try_with_interest(
        object: T,
        interest: Interest,
    ) -> std::result::Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        let source = Source::from_outside(object, interest);
        match source.register().map(drop) {
            Ok(()) => Ok(AsyncFd { source }),
            Err(cause) => Err(AsyncFdRegisterError { object: source.into_io(), cause }),
        }
    }

    /// The object.
    pub fn get_ref(&self) -> &T {
        self.source.io()
    }

    /// The object. Its descriptor must stay the same.
    pub fn get_mut(&mut self) -> &mut T {
        self.source.hand_out_mut()
    }

    /// Ends the watch and gives the object back.
    pub fn into_inner(self) -> T {
        self.source.into_io()
    }

    /// Waits until a read is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn readable(&self) -> Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// Waits until a write is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn writable(&self) -> Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// Waits until something of `interest` is ready.
    ///
    /// # Errors
    /// When the runtime has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn ready(&self, interest: Interest) -> Result<AsyncFdReadyGuard<'_, T>> {
        let event = self.source.readiness(interest).await?;
        Ok(AsyncFdReadyGuard { fd: self, event })
    }

    /// As [`readable`](Self::readable), with a guard that lends the object for changing it.
    ///
    /// # Errors
    /// When the runtime has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn readable_mut(&mut self) -> Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// As [`writable`](Self::writable), with a guard that lends the object for changing it.
    ///
    /// # Errors
    /// When the runtime has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn writable_mut(&mut self) -> Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// As [`ready`](Self::ready), with a guard that lends the object for changing it.
    ///
    /// # Errors
    /// When the runtime has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn ready_mut(&mut self, interest: Interest) -> Result<AsyncFdReadyMutGuard<'_, T>> {
        let event = self.source.readiness(interest).await?;
        Ok(AsyncFdReadyMutGuard { fd: self, event })
    }

    /// Polls for readiness to read.
    pub fn poll_read_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.source.poll_ready(cx, Direction::Read))?;
        Poll::Ready(Ok(AsyncFdReadyGuard { fd: self, event }))
    }

    /// Polls for readiness to write.
    pub fn poll_write_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.source.poll_ready(cx, Direction::Write))?;
        Poll::Ready(Ok(AsyncFdReadyGuard { fd: self, event }))
    }

    /// As [`poll_read_ready`](Self::poll_read_ready), with a guard that lends the object for changing it.
    pub fn poll_read_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.source.poll_ready(cx, Direction::Read))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard { fd: self, event }))
    }

    /// As [`poll_write_ready`](Self::poll_write_ready), with a guard that lends the object for changing it.
    pub fn poll_write_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.source.poll_ready(cx, Direction::Write))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard { fd: self, event }))
    }

    /// Waits for `interest` and tries `operation` until it does not answer
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock).
    ///
    /// # Errors
    /// Those of `operation`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has not had `operation` succeed.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        operation: impl FnMut(&T) -> Result<R>,
    ) -> Result<R> {
        self.source.run_with(interest, operation).await
    }

    /// As [`async_io`](Self::async_io), lending the object for changing it. Its descriptor must stay the same.
    ///
    /// # Errors
    /// Those of `operation`.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has not had `operation` succeed.
    pub async fn async_io_mut<R>(
        &mut self,
        interest: Interest,
        operation: impl FnMut(&mut T) -> Result<R>,
    ) -> Result<R> {
        self.source.run_mut(interest, operation).await
    }

    /// As [`try_io`](Self::try_io), lending the object for changing it. Its descriptor must stay the same.
    ///
    /// # Errors
    /// As [`try_io`](Self::try_io).
    pub fn try_io_mut<R>(
        &mut self,
        interest: Interest,
        operation: impl FnOnce(&mut T) -> Result<R>,
    ) -> Result<R> {
        self.source.try_once_mut(interest, operation)
    }

    /// Tries `operation` once, or not at all when it is known that it would block.
    ///
    /// # Errors
    /// Those of `operation`, and [`WouldBlock`](std::io::ErrorKind::WouldBlock) when the descriptor is not ready.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(&T) -> Result<R>,
    ) -> Result<R> {
        self.source.try_once(interest, operation)
    }
}

impl<T: AsRawFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.source.io().as_raw_fd()
    }
}

impl<T: AsRawFd + AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.io().as_fd()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("object", self.source.io()).finish_non_exhaustive()
    }
}

/// Readiness that was seen. Whoever meets `WouldBlock` all the same takes it back with
/// [`clear_ready`](Self::clear_ready); [`try_io`](Self::try_io) does both.
#[must_use = "readiness stays until it is taken back: use `try_io`, or `clear_ready` after a `WouldBlock`"]
pub struct AsyncFdReadyGuard<'a, T: AsRawFd> {
    fd: &'a AsyncFd<T>,
    event: ReadyEvent,
}

impl<'a, T: AsRawFd> AsyncFdReadyGuard<'a, T> {
    /// Takes the readiness back, unless another event came since.
    pub fn clear_ready(&mut self) {
        self.fd.source.clear(self.event);
    }

    /// Takes a part of the readiness back, unless another event came since.
    pub fn clear_ready_matching(&mut self, ready: Ready) {
        let mut event = self.event;
        event.ready = event.ready.intersection(ready);
        self.fd.source.clear(event);
    }

    /// Leaves the readiness as it is. For readers: this is what dropping the guard does too.
    pub fn retain_ready(&mut self) {}

    /// What was seen.
    pub fn ready(&self) -> Ready {
        self.event.ready
    }

    /// Tries `operation`, and takes the readiness back when it answers `WouldBlock`.
    ///
    /// # Errors
    /// [`TryIoError`] for `WouldBlock`; the operation's other errors are in the inner result.
    pub fn try_io<R>(
        &mut self,
        operation: impl FnOnce(&'a AsyncFd<T>) -> Result<R>,
    ) -> std::result::Result<Result<R>, TryIoError> {
        let result = operation(self.fd);
        if is_would_block(&result) {
            self.fd.source.refute(self.event);
            return Err(TryIoError(()));
        }
        Ok(result)
    }

    /// The descriptor's watch.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.fd
    }

    /// The object.
    pub fn get_inner(&self) -> &'a T {
        self.fd.get_ref()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFdReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyGuard")
            .field("fd", self.fd)
            .field("event", &self.event)
            .finish()
    }
}

/// As [`AsyncFdReadyGuard`], lending the object for changing it.
#[must_use = "readiness stays until it is taken back: use `try_io`, or `clear_ready` after a `WouldBlock`"]
pub struct AsyncFdReadyMutGuard<'a, T: AsRawFd> {
    fd: &'a mut AsyncFd<T>,
    event: ReadyEvent,
}

impl<T: AsRawFd> AsyncFdReadyMutGuard<'_, T> {
    /// Takes the readiness back, unless another event came since.
    pub fn clear_ready(&mut self) {
        self.fd.source.clear(self.event);
    }

    /// Takes a part of the readiness back, unless another event came since.
    pub fn clear_ready_matching(&mut self, ready: Ready) {
        let mut event = self.event;
        event.ready = event.ready.intersection(ready);
        self.fd.source.clear(event);
    }

    /// Leaves the readiness as it is. For readers: this is what dropping the guard does too.
    pub fn retain_ready(&mut self) {}

    /// What was seen.
    pub fn ready(&self) -> Ready {
        self.event.ready
    }

    /// Tries `operation`, and takes the readiness back when it answers `WouldBlock`.
    ///
    /// # Errors
    /// [`TryIoError`] for `WouldBlock`; the operation's other errors are in the inner result.
    pub fn try_io<R>(
        &mut self,
        operation: impl FnOnce(&mut AsyncFd<T>) -> Result<R>,
    ) -> std::result::Result<Result<R>, TryIoError> {
        let result = operation(self.fd);
        if is_would_block(&result) {
            self.fd.source.refute(self.event);
            return Err(TryIoError(()));
        }
        Ok(result)
    }

    /// The descriptor's watch.
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.fd
    }

    /// The descriptor's watch.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.fd
    }

    /// The object.
    pub fn get_inner(&self) -> &T {
        self.fd.get_ref()
    }

    /// The object. Its descriptor must stay the same.
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.fd.get_mut()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFdReadyMutGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyMutGuard")
            .field("fd", self.fd)
            .field("event", &self.event)
            .finish()
    }
}

/// The operation would block; the readiness was taken back.
#[derive(Debug)]
pub struct TryIoError(());

impl fmt::Display for TryIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operation would block")
    }
}

impl std::error::Error for TryIoError {}

/// An object that cannot be watched, handed back with the reason.
pub struct AsyncFdRegisterError<T> {
    object: T,
    cause: Error,
}

impl<T> AsyncFdRegisterError<T> {
    /// The object and the reason.
    pub fn into_parts(self) -> (T, Error) {
        (self.object, self.cause)
    }
}

impl<T> fmt::Display for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<T> fmt::Debug for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncFdRegisterError").field(&self.cause).finish()
    }
}

impl<T> std::error::Error for AsyncFdRegisterError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

impl<T> From<AsyncFdRegisterError<T>> for Error {
    fn from(error: AsyncFdRegisterError<T>) -> Error {
        error.cause
    }
}
