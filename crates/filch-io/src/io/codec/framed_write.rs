//! Frames into a writer.

use super::{BUFFER, Encoder, KEPT};
use crate::io::checked;
use futures_io::AsyncWrite;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A writer of frames.
    ///
    /// Frames are collected in a buffer, so a frame is never torn: one that was begun goes out whole, whatever is
    /// dropped meanwhile. Dropping this loses what was not flushed.
    pub struct FramedWrite<W, E> {
        #[pin]
        writer: W,
        encoder: E,
        state: WriteState,
    }
}

impl<W, E> FramedWrite<W, E> {
    /// Writes frames to `writer`.
    pub fn new(writer: W, encoder: E) -> Self {
        FramedWrite { writer, encoder, state: WriteState::default() }
    }

    /// The writer.
    pub fn get_ref(&self) -> &W {
        &self.writer
    }

    /// The writer; what is written to it goes before the frames that are buffered, or into one that is half-way.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// The pinned writer; what is written to it goes before the frames that are buffered, or into one that is half-way.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().writer
    }

    /// Gives the writer back. What is in [`write_buffer`](Self::write_buffer) is lost.
    pub fn into_inner(self) -> W {
        self.writer
    }

    /// The encoder.
    pub fn encoder(&self) -> &E {
        &self.encoder
    }

    /// The encoder.
    pub fn encoder_mut(&mut self) -> &mut E {
        &mut self.encoder
    }

    /// Goes on with another encoder.
    pub fn map_encoder<C>(self, map: impl FnOnce(E) -> C) -> FramedWrite<W, C> {
        FramedWrite { writer: self.writer, encoder: map(self.encoder), state: self.state }
    }

    /// What is encoded and not handed on.
    pub fn write_buffer(&self) -> &[u8] {
        self.state.buffer()
    }
}

impl<W: AsyncWrite + Unpin, E> FramedWrite<W, E> {
    /// Writes a frame and flushes.
    ///
    /// # Errors
    /// When the encoder refuses the item, and when the writer errs.
    ///
    /// # Cancel safety
    /// A frame is never torn. A drop while the buffer is full loses `item`; after that the frame is in the buffer, and
    /// the next `send`, `flush` or `close` goes on with it.
    pub async fn send<Item>(&mut self, item: Item) -> Result<(), E::Error>
    where
        E: Encoder<Item>,
    {
        self.feed(item).await?;
        Ok(self.flush().await?)
    }

    /// Writes a frame to the buffer, which is handed on when it is full.
    ///
    /// # Errors
    /// When the encoder refuses the item, and when the writer errs.
    ///
    /// # Cancel safety
    /// A frame is never torn. A drop loses `item`: what waits here waits for the frames before it.
    pub async fn feed<Item>(&mut self, item: Item) -> Result<(), E::Error>
    where
        E: Encoder<Item>,
    {
        let mut writer = Pin::new(&mut self.writer);
        poll_fn(|cx| self.state.poll_room(writer.as_mut(), cx)).await?;
        self.state.encode(&mut self.encoder, item)
    }

    /// Hands on what is buffered and flushes the writer.
    ///
    /// # Errors
    /// When the writer errs. What it did not take stays in the buffer.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost by a drop, and another call goes on with it.
    pub async fn flush(&mut self) -> io::Result<()> {
        let mut writer = Pin::new(&mut self.writer);
        poll_fn(|cx| self.state.poll_flush(writer.as_mut(), cx)).await
    }

    /// Flushes and ends the writer: the peer reads to its end.
    ///
    /// # Errors
    /// When the writer errs.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost by a drop, and another call goes on with it.
    pub async fn close(&mut self) -> io::Result<()> {
        let mut writer = Pin::new(&mut self.writer);
        poll_fn(|cx| self.state.poll_close(writer.as_mut(), cx)).await
    }
}

impl<W: fmt::Debug, E: fmt::Debug> fmt::Debug for FramedWrite<W, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FramedWrite")
            .field("writer", &self.writer)
            .field("encoder", &self.encoder)
            .field("unsent", &self.state.buffer().len())
            .finish_non_exhaustive()
    }
}

/// The writing direction: the frames that are not handed on.
#[derive(Debug, Default)]
pub(super) struct WriteState {
    buf: Vec<u8>,
    /// `buf[..written]` is handed on already.
    written: usize,
}

impl WriteState {
    pub(super) fn with_buffer(buf: Vec<u8>) -> Self {
        WriteState { buf, written: 0 }
    }

    pub(super) fn buffer(&self) -> &[u8] {
        &self.buf[self.written..]
    }

    pub(super) fn into_buffer(mut self) -> Vec<u8> {
        self.buf.drain(..self.written);
        self.buf
    }

    /// Appends a frame, or nothing when that fails.
    pub(super) fn encode<Item, E: Encoder<Item>>(
        &mut self,
        encoder: &mut E,
        item: Item,
    ) -> Result<(), E::Error> {
        self.buf.drain(..self.written);
        self.written = 0;
        let mut frame = Tail { kept: self.buf.len(), buf: &mut self.buf };
        encoder.encode(item, frame.buf)?;
        frame.kept = frame.buf.len();
        Ok(())
    }

    /// Waits while much is unsent.
    pub(super) fn poll_room<W: AsyncWrite>(
        &mut self,
        writer: Pin<&mut W>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.buffer().len() < BUFFER {
            return Poll::Ready(Ok(()));
        }
        self.poll_hand_on(writer, cx)
    }

    pub(super) fn poll_flush<W: AsyncWrite>(
        &mut self,
        mut writer: Pin<&mut W>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_hand_on(writer.as_mut(), cx))?;
        checked::poll_flush(writer, cx)
    }

    pub(super) fn poll_close<W: AsyncWrite>(
        &mut self,
        mut writer: Pin<&mut W>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_hand_on(writer.as_mut(), cx))?;
        checked::poll_close(writer, cx)
    }

    fn poll_hand_on<W: AsyncWrite>(
        &mut self,
        writer: Pin<&mut W>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(checked::poll_write_all(writer, cx, &self.buf, &mut self.written))?;
        if self.buf.capacity() > KEPT {
            self.buf = Vec::new();
        }
        self.buf.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

/// The end of a buffer; what is not kept is cut off when this drops, also when the encoder panics.
struct Tail<'a> {
    buf: &'a mut Vec<u8>,
    kept: usize,
}

impl Drop for Tail<'_> {
    fn drop(&mut self) {
        self.buf.truncate(self.kept);
    }
}
