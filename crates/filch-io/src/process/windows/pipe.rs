//! A pipe's end that a thread of the runtime's pool reads or writes: Windows has no way to wait for such a pipe.

use crate::process::{ChildStderr, ChildStdin, ChildStdout};
use filch_core::RuntimeRef;
use filch_core::io::Direction;
use filch_core::task::{JoinHandle, Spawn};
use std::fs::File;
use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Read, Result, Write};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The most that one call of a thread moves.
const MOST_MOVED: usize = 8 * 1024;

/// One end of a pipe.
#[derive(Debug)]
pub(in crate::process) struct Pipe {
    end: Arc<File>,
    /// What was read and not taken, from `n_taken` on.
    bytes: Vec<u8>,
    n_taken: usize,
    /// The call that is on its way, and the bytes it works on.
    call: Option<JoinHandle<(Vec<u8>, Result<usize>)>>,
}

impl Pipe {
    /// What a thread is about to read is out of reach of [`drain`](Self::drain).
    pub(in crate::process) const DRAINS: bool = false;

    pub(in crate::process) fn new(end: impl Into<OwnedHandle>, _: Direction) -> Result<Pipe> {
        let end = Arc::new(File::from(end.into()));
        Ok(Pipe { end, bytes: Vec::new(), n_taken: 0, call: None })
    }

    pub(in crate::process) fn from_outside(
        end: impl Into<OwnedHandle>,
        direction: Direction,
    ) -> Result<Pipe> {
        Pipe::new(end, direction)
    }

    pub(in crate::process) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        if self.n_taken == self.bytes.len() && !buf.is_empty() {
            if self.call.is_none() {
                let mut bytes = std::mem::take(&mut self.bytes);
                bytes.resize(MOST_MOVED, 0);
                self.start(bytes, |mut end, bytes| end.read(bytes));
            }
            let n = ready!(self.poll_call(cx))?;
            self.bytes.truncate(n);
            self.n_taken = 0;
        }
        let left = &self.bytes[self.n_taken..];
        let n = left.len().min(buf.len());
        buf[..n].copy_from_slice(&left[..n]);
        self.n_taken += n;
        Poll::Ready(Ok(n))
    }

    pub(in crate::process) fn poll_read_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        match bufs.iter_mut().find(|buf| !buf.is_empty()) {
            Some(buf) => self.poll_read(cx, buf),
            None => Poll::Ready(Ok(0)),
        }
    }

    /// Hands the bytes to a thread. An error is met by the next call.
    pub(in crate::process) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let n = buf.len().min(MOST_MOVED);
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        bytes.extend_from_slice(&buf[..n]);
        self.start(bytes, |mut end, bytes| end.write_all(bytes).map(|()| bytes.len()));
        Poll::Ready(Ok(n))
    }

    pub(in crate::process) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        match bufs.iter().find(|buf| !buf.is_empty()) {
            Some(buf) => self.poll_write(cx, buf),
            None => Poll::Ready(Ok(0)),
        }
    }

    pub(in crate::process) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match &self.call {
            Some(_) => self.poll_call(cx).map_ok(drop),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Appends what was read and not taken.
    pub(in crate::process) fn drain(&mut self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.bytes[self.n_taken..]);
        self.n_taken = self.bytes.len();
    }

    fn start(
        &mut self,
        mut bytes: Vec<u8>,
        call: impl FnOnce(&File, &mut [u8]) -> Result<usize> + Send + 'static,
    ) {
        let end = Arc::clone(&self.end);
        let call = move || {
            let result = call(&end, &mut bytes);
            (bytes, result)
        };
        self.call = Some(Spawn::on(RuntimeRef::current()).spawn_blocking(call));
    }

    fn poll_call(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let Some(call) = &mut self.call else { return Poll::Ready(Ok(0)) };
        let ended = ready!(Pin::new(call).poll(cx));
        self.call = None;
        let (bytes, result) = ended.map_err(Error::other)?;
        self.bytes = bytes;
        self.n_taken = self.bytes.len();
        Poll::Ready(result)
    }

    fn into_handle(self) -> Result<OwnedHandle> {
        match Arc::try_unwrap(self.end) {
            Ok(end) => Ok(end.into()),
            Err(_) => Err(Error::new(ErrorKind::ResourceBusy, "a call on the pipe is on its way")),
        }
    }

    pub(in crate::process) fn into_stdio(self) -> Result<Stdio> {
        self.into_handle().map(Stdio::from)
    }
}

impl ChildStdin {
    /// Gives the handle back.
    ///
    /// # Errors
    /// When the pipe was shut down, or a write is on its way.
    pub fn into_owned_handle(self) -> Result<OwnedHandle> {
        self.into_pipe()?.into_handle()
    }
}

impl ChildStdout {
    /// Gives the handle back.
    ///
    /// # Errors
    /// When a read is on its way.
    pub fn into_owned_handle(self) -> Result<OwnedHandle> {
        self.pipe.into_handle()
    }
}

impl ChildStderr {
    /// Gives the handle back.
    ///
    /// # Errors
    /// When a read is on its way.
    pub fn into_owned_handle(self) -> Result<OwnedHandle> {
        self.pipe.into_handle()
    }
}

/// # Panics
/// When the pipe was shut down.
impl AsHandle for ChildStdin {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.pipe().end.as_handle()
    }
}

/// # Panics
/// When the pipe was shut down.
impl AsRawHandle for ChildStdin {
    fn as_raw_handle(&self) -> RawHandle {
        self.pipe().end.as_raw_handle()
    }
}

impl AsHandle for ChildStdout {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.pipe.end.as_handle()
    }
}

impl AsRawHandle for ChildStdout {
    fn as_raw_handle(&self) -> RawHandle {
        self.pipe.end.as_raw_handle()
    }
}

impl AsHandle for ChildStderr {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.pipe.end.as_handle()
    }
}

impl AsRawHandle for ChildStderr {
    fn as_raw_handle(&self) -> RawHandle {
        self.pipe.end.as_raw_handle()
    }
}
