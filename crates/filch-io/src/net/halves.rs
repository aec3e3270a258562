//! The two halves of a socket stream, borrowed or owned, for a reader and a writer in different places.
//!
//! A socket reads and writes through a shared reference, so the halves are references and need no lock.

use super::stream::{Stream, StreamIo};
use super::{TcpStream, room};
use filch_core::io::{Interest, Ready};
use futures_io::{AsyncRead, AsyncWrite};
use std::error::Error;
use std::fmt;
use std::io::{IoSlice, IoSliceMut, Result};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The borrowed half of a stream that reads. From `split`.
#[derive(Debug)]
pub struct ReadHalf<'a, S>(&'a S);

/// The borrowed half of a stream that writes. From `split`.
#[derive(Debug)]
pub struct WriteHalf<'a, S>(&'a S);

/// The owned half of a stream that reads. From `into_split`.
#[derive(Debug)]
pub struct OwnedReadHalf<S> {
    stream: Arc<S>,
}

/// The owned half of a stream that writes. From `into_split`.
///
/// Dropping it ends the writing direction: the peer reads to its end. [`forget`](Self::forget) does not.
#[derive(Debug)]
pub struct OwnedWriteHalf<S: Stream> {
    stream: Arc<S>,
    shutdown_on_drop: bool,
}

/// Two halves that are not of one stream, handed back.
pub struct ReuniteError<S: Stream>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

pub(super) fn split<S>(stream: &mut S) -> (ReadHalf<'_, S>, WriteHalf<'_, S>) {
    (ReadHalf(stream), WriteHalf(stream))
}

pub(super) fn into_split<S: Stream>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    (
        OwnedReadHalf { stream: Arc::clone(&stream) },
        OwnedWriteHalf { stream, shutdown_on_drop: true },
    )
}

fn reunite<S: Stream>(
    read: OwnedReadHalf<S>,
    write: OwnedWriteHalf<S>,
) -> std::result::Result<S, ReuniteError<S>> {
    if !Arc::ptr_eq(&read.stream, &write.stream) {
        return Err(ReuniteError(read, write));
    }
    write.forget();
    Ok(Arc::into_inner(read.stream)
        .expect("the other half is forgotten, so this is the last reference"))
}

impl<S: Stream> ReadHalf<'_, S> {
    /// Reads what there is, without waiting; [`WouldBlock`](std::io::ErrorKind::WouldBlock) when there is nothing.
    ///
    /// # Errors
    /// When there is nothing, and when the connection is broken.
    pub fn try_read(&self, buf: &mut [u8]) -> Result<usize> {
        self.0.try_read_shared(buf)
    }

    /// As [`try_read`](Self::try_read), into several buffers.
    ///
    /// # Errors
    /// When there is nothing, and when the connection is broken.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.0.try_read_vectored_shared(bufs)
    }

    /// As [`try_read`](Self::try_read), appending to `buf` what fits into its capacity; a full one is given more.
    ///
    /// # Errors
    /// When there is nothing, and when the connection is broken.
    pub fn try_read_buf(&self, buf: &mut Vec<u8>) -> Result<usize> {
        Ok(room::append(buf, |room| Ok((self.0.try_read_shared(room)?, ())))?.0)
    }

    /// Waits until a read is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn readable(&self) -> Result<()> {
        self.0.source().ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until something of `interest` is ready, and answers what.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn ready(&self, interest: Interest) -> Result<Ready> {
        self.0.source().ready(interest).await
    }

    /// The address of this end.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<<S::Io as StreamIo>::Address> {
        self.0.source().io().local_address()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// When the stream is not connected any more.
    pub fn peer_addr(&self) -> Result<<S::Io as StreamIo>::Address> {
        self.0.source().io().peer_address()
    }
}

impl<S: Stream> WriteHalf<'_, S> {
    /// Writes what fits, without waiting; [`WouldBlock`](std::io::ErrorKind::WouldBlock) when nothing does.
    ///
    /// # Errors
    /// When nothing fits, and when the connection is broken.
    pub fn try_write(&self, buf: &[u8]) -> Result<usize> {
        self.0.try_write_shared(buf)
    }

    /// As [`try_write`](Self::try_write), from several buffers.
    ///
    /// # Errors
    /// When nothing fits, and when the connection is broken.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.0.try_write_vectored_shared(bufs)
    }

    /// Waits until a write is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn writable(&self) -> Result<()> {
        self.0.source().ready(Interest::WRITABLE).await.map(drop)
    }

    /// Waits until something of `interest` is ready, and answers what.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn ready(&self, interest: Interest) -> Result<Ready> {
        self.0.source().ready(interest).await
    }

    /// The address of this end.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<<S::Io as StreamIo>::Address> {
        self.0.source().io().local_address()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// When the stream is not connected any more.
    pub fn peer_addr(&self) -> Result<<S::Io as StreamIo>::Address> {
        self.0.source().io().peer_address()
    }
}

impl<S: Stream> OwnedReadHalf<S> {
    /// Puts the stream together again.
    ///
    /// # Errors
    /// Hands both halves back when they are not of one stream.
    pub fn reunite(self, other: OwnedWriteHalf<S>) -> std::result::Result<S, ReuniteError<S>> {
        reunite(self, other)
    }

    /// Whether both halves are of one stream.
    pub fn is_pair_of(&self, other: &OwnedWriteHalf<S>) -> bool {
        Arc::ptr_eq(&self.stream, &other.stream)
    }

    /// Reads what there is, without waiting; [`WouldBlock`](std::io::ErrorKind::WouldBlock) when there is nothing.
    ///
    /// # Errors
    /// When there is nothing, and when the connection is broken.
    pub fn try_read(&self, buf: &mut [u8]) -> Result<usize> {
        self.stream.try_read_shared(buf)
    }

    /// As [`try_read`](Self::try_read), into several buffers.
    ///
    /// # Errors
    /// When there is nothing, and when the connection is broken.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.stream.try_read_vectored_shared(bufs)
    }

    /// As [`try_read`](Self::try_read), appending to `buf` what fits into its capacity; a full one is given more.
    ///
    /// # Errors
    /// When there is nothing, and when the connection is broken.
    pub fn try_read_buf(&self, buf: &mut Vec<u8>) -> Result<usize> {
        Ok(room::append(buf, |room| Ok((self.stream.try_read_shared(room)?, ())))?.0)
    }

    /// Waits until a read is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn readable(&self) -> Result<()> {
        self.stream.source().ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until something of `interest` is ready, and answers what.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn ready(&self, interest: Interest) -> Result<Ready> {
        self.stream.source().ready(interest).await
    }

    /// The address of this end.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<<S::Io as StreamIo>::Address> {
        self.stream.source().io().local_address()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// When the stream is not connected any more.
    pub fn peer_addr(&self) -> Result<<S::Io as StreamIo>::Address> {
        self.stream.source().io().peer_address()
    }
}

impl<S: Stream> OwnedWriteHalf<S> {
    /// Puts the stream together again.
    ///
    /// # Errors
    /// Hands both halves back when they are not of one stream.
    pub fn reunite(self, other: OwnedReadHalf<S>) -> std::result::Result<S, ReuniteError<S>> {
        reunite(other, self)
    }

    /// Whether both halves are of one stream.
    pub fn is_pair_of(&self, other: &OwnedReadHalf<S>) -> bool {
        other.is_pair_of(self)
    }

    /// Drops the half without ending the writing direction.
    pub fn forget(mut self) {
        self.shutdown_on_drop = false;
    }

    /// Writes what fits, without waiting; [`WouldBlock`](std::io::ErrorKind::WouldBlock) when nothing does.
    ///
    /// # Errors
    /// When nothing fits, and when the connection is broken.
    pub fn try_write(&self, buf: &[u8]) -> Result<usize> {
        self.stream.try_write_shared(buf)
    }

    /// As [`try_write`](Self::try_write), from several buffers.
    ///
    /// # Errors
    /// When nothing fits, and when the connection is broken.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.stream.try_write_vectored_shared(bufs)
    }

    /// Waits until a write is likely to succeed.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn writable(&self) -> Result<()> {
        self.stream.source().ready(Interest::WRITABLE).await.map(drop)
    }

    /// Waits until something of `interest` is ready, and answers what.
    ///
    /// # Errors
    /// When the runtime has ended, or its driver refuses the socket.
    ///
    /// # Cancel safety
    /// Cancel safe: a wait changes nothing.
    pub async fn ready(&self, interest: Interest) -> Result<Ready> {
        self.stream.source().ready(interest).await
    }

    /// The address of this end.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<<S::Io as StreamIo>::Address> {
        self.stream.source().io().local_address()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// When the stream is not connected any more.
    pub fn peer_addr(&self) -> Result<<S::Io as StreamIo>::Address> {
        self.stream.source().io().peer_address()
    }
}

impl ReadHalf<'_, TcpStream> {
    /// Reads without taking away: the next read sees the same bytes.
    ///
    /// # Errors
    /// When the connection is broken.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken away.
    pub async fn peek(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.0.peek(buf).await
    }

    /// Polls for bytes without taking them away.
    pub fn poll_peek(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.0.poll_peek(cx, buf)
    }
}

impl OwnedReadHalf<TcpStream> {
    /// Reads without taking away: the next read sees the same bytes.
    ///
    /// # Errors
    /// When the connection is broken.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken away.
    pub async fn peek(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.stream.peek(buf).await
    }

    /// Polls for bytes without taking them away.
    pub fn poll_peek(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.stream.poll_peek(cx, buf)
    }
}

impl<S: Stream> AsRef<S> for ReadHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}

impl<S: Stream> AsRef<S> for WriteHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}

impl<S: Stream> AsRef<S> for OwnedReadHalf<S> {
    fn as_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: Stream> AsRef<S> for OwnedWriteHalf<S> {
    fn as_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: Stream> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if self.shutdown_on_drop {
            // Why ignored: the connection may be broken already, and a drop has nobody to tell.
            let _ = self.stream.source().io().shutdown(Shutdown::Write);
        }
    }
}

impl<S: Stream> AsyncRead for ReadHalf<'_, S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.0.poll_read_shared(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.0.poll_read_vectored_shared(cx, bufs)
    }
}

impl<S: Stream> AsyncRead for OwnedReadHalf<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.stream.poll_read_shared(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.stream.poll_read_vectored_shared(cx, bufs)
    }
}

impl<S: Stream> AsyncWrite for WriteHalf<'_, S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.0.poll_write_shared(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.0.poll_write_vectored_shared(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.poll_close_shared()
    }
}

impl<S: Stream> AsyncWrite for OwnedWriteHalf<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.stream.poll_write_shared(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.stream.poll_write_vectored_shared(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        self.shutdown_on_drop = false;
        self.stream.poll_close_shared()
    }
}

impl<S: Stream> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReuniteError").finish_non_exhaustive()
    }
}

impl<S: Stream> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two halves are not of one stream")
    }
}

impl<S: Stream> Error for ReuniteError<S> {}
