//! Frames both ways over one stream.

use super::framed_read::ReadState;
use super::framed_write::WriteState;
use super::{Decoder, Encoder, FrameBuf};
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// A stream of frames in both directions: [`FramedRead`](super::FramedRead) and
    /// [`FramedWrite`](super::FramedWrite) in one.
    ///
    /// For two tasks, one that reads and one that writes, split the stream and put one of those over each half.
    pub struct Framed<T, C> {
        #[pin]
        stream: T,
        codec: C,
        read: ReadState,
        write: WriteState,
    }
}

/// What a [`Framed`] is made of, for going on with the stream in another way.
#[derive(Debug)]
#[non_exhaustive]
pub struct FramedParts<T, C> {
    /// The stream.
    pub io: T,
    /// The codec.
    pub codec: C,
    /// What was read and is not decoded.
    pub read_buf: FrameBuf,
    /// What is encoded and not written.
    pub write_buf: Vec<u8>,
}

impl<T, C> FramedParts<T, C> {
    /// Parts with empty buffers.
    pub fn new(io: T, codec: C) -> Self {
        FramedParts { io, codec, read_buf: FrameBuf::new(), write_buf: Vec::new() }
    }
}

impl<T, C> Framed<T, C> {
    /// Reads frames from `stream` and writes frames to it.
    pub fn new(stream: T, codec: C) -> Self {
        Framed::from_parts(FramedParts::new(stream, codec))
    }

    /// Puts the parts of another together.
    pub fn from_parts(parts: FramedParts<T, C>) -> Self {
        Framed {
            stream: parts.io,
            codec: parts.codec,
            read: ReadState::with_buffer(parts.read_buf),
            write: WriteState::with_buffer(parts.write_buf),
        }
    }

    /// Takes it apart; nothing is lost.
    pub fn into_parts(self) -> FramedParts<T, C> {
        FramedParts {
            io: self.stream,
            codec: self.codec,
            read_buf: self.read.into_buffer(),
            write_buf: self.write.into_buffer(),
        }
    }

    /// Gives the stream back. What is in the buffers is lost.
    pub fn into_inner(self) -> T {
        self.stream
    }

    /// The stream.
    pub fn get_ref(&self) -> &T {
        &self.stream
    }

    /// The stream; using it goes past both buffers.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.stream
    }

    /// The pinned stream; using it goes past both buffers.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut T> {
        self.project().stream
    }

    /// The codec.
    pub fn codec(&self) -> &C {
        &self.codec
    }

    /// The codec.
    pub fn codec_mut(&mut self) -> &mut C {
        &mut self.codec
    }

    /// Goes on with another codec.
    pub fn map_codec<D>(self, map: impl FnOnce(C) -> D) -> Framed<T, D> {
        let Framed { stream, codec, read, write } = self;
        Framed { stream, codec: map(codec), read, write }
    }

    /// What was read and is not decoded.
    pub fn read_buffer(&self) -> &FrameBuf {
        self.read.buffer()
    }

    /// What was read and is not decoded.
    pub fn read_buffer_mut(&mut self) -> &mut FrameBuf {
        self.read.touched()
    }

    /// What is encoded and not handed on.
    pub fn write_buffer(&self) -> &[u8] {
        self.write.buffer()
    }
}

impl<T: AsyncRead, C: Decoder> Framed<T, C> {
    /// Answers the next frame, or `None` at the end; see [`FramedRead`](super::FramedRead#errors-and-the-end).
    ///
    /// # Errors
    /// When the stream errs, and when the decoder refuses the bytes.
    ///
    /// # Cancel safety
    /// Cancel safe: what was read stays here.
    pub async fn next(&mut self) -> Option<Result<C::Item, C::Error>>
    where
        T: Unpin,
    {
        let mut stream = Pin::new(&mut self.stream);
        poll_fn(|cx| self.read.poll_next(stream.as_mut(), &mut self.codec, cx)).await
    }
}

impl<T: AsyncWrite + Unpin, C> Framed<T, C> {
    /// Writes a frame and flushes.
    ///
    /// # Errors
    /// When the encoder refuses the item, and when the stream errs.
    ///
    /// # Cancel safety
    /// A frame is never torn. A drop while the buffer is full loses `item`; after that the frame is in the buffer, and
    /// the next `send`, `flush` or `close` goes on with it.
    pub async fn send<Item>(&mut self, item: Item) -> Result<(), <C as Encoder<Item>>::Error>
    where
        C: Encoder<Item>,
    {
        self.feed(item).await?;
        Ok(self.flush().await?)
    }

    /// Writes a frame to the buffer, which is handed on when it is full.
    ///
    /// # Errors
    /// When the encoder refuses the item, and when the stream errs.
    ///
    /// # Cancel safety
    /// A frame is never torn. A drop loses `item`: what waits here waits for the frames before it.
    pub async fn feed<Item>(&mut self, item: Item) -> Result<(), <C as Encoder<Item>>::Error>
    where
        C: Encoder<Item>,
    {
        let mut stream = Pin::new(&mut self.stream);
        poll_fn(|cx| self.write.poll_room(stream.as_mut(), cx)).await?;
        self.write.encode(&mut self.codec, item)
    }

    /// Hands on what is buffered and flushes the stream.
    ///
    /// # Errors
    /// When the stream errs. What it did not take stays in the buffer.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost by a drop, and another call goes on with it.
    pub async fn flush(&mut self) -> io::Result<()> {
        let mut stream = Pin::new(&mut self.stream);
        poll_fn(|cx| self.write.poll_flush(stream.as_mut(), cx)).await
    }

    /// Flushes and ends the writing direction: the peer reads to its end, and reading goes on here.
    ///
    /// # Errors
    /// When the stream errs.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost by a drop, and another call goes on with it.
    pub async fn close(&mut self) -> io::Result<()> {
        let mut stream = Pin::new(&mut self.stream);
        poll_fn(|cx| self.write.poll_close(stream.as_mut(), cx)).await
    }
}

impl<T: AsyncRead, C: Decoder> Stream for Framed<T, C> {
    type Item = Result<C::Item, C::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        this.read.poll_next(this.stream, this.codec, cx)
    }
}

impl<T: fmt::Debug, C: fmt::Debug> fmt::Debug for Framed<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framed")
            .field("stream", &self.stream)
            .field("codec", &self.codec)
            .field("read_buffer", self.read.buffer())
            .field("unsent", &self.write.buffer().len())
            .finish_non_exhaustive()
    }
}
