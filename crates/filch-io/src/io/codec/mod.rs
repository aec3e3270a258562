//! Frames over byte streams: lines, parts with a length in front, and whatever else a [`Decoder`] makes of bytes.
//!
//! A codec says how bytes become frames ([`Decoder`]) and frames bytes ([`Encoder`]); it does no I/O. [`FramedRead`],
//! [`FramedWrite`] and [`Framed`] put it over a stream. Names are those of `tokio_util::codec`; the buffers are ours
//! ([`FrameBuf`]) and the standard library's.
//!
//! **Invariant:** memory grows with the bytes that came, never with the length that a peer claims, and nothing that was
//! read is lost by an error or by a dropped `next`.

mod frame_buf;

mod delimited;
mod delimiter;
mod length_delimited;
mod lines;

mod framed;
mod framed_read;
mod framed_write;

pub use delimiter::{DelimiterCodec, DelimiterCodecError};
pub use frame_buf::FrameBuf;
pub use framed::{Framed, FramedParts};
pub use framed_read::FramedRead;
pub use framed_write::FramedWrite;
pub use length_delimited::{
    Builder, LengthDelimitedCodec, LengthDelimitedCodecError, LengthFieldType,
};
pub use lines::{LinesCodec, LinesCodecError};

use std::io::{Error, ErrorKind};

/// How frames become bytes.
pub trait Encoder<Item> {
    /// What it errs with; an error of the stream becomes one of these.
    type Error: From<Error>;

    /// Appends `item` to `bytes`.
    ///
    /// # Errors
    /// When there are no bytes for `item`. What it had appended is taken back.
    fn encode(&mut self, item: Item, bytes: &mut Vec<u8>) -> Result<(), Self::Error>;
}

/// How bytes become frames.
pub trait Decoder {
    /// A frame.
    type Item;
    /// What it errs with; an error of the stream becomes one of these.
    type Error: From<Error>;

    /// Takes a frame from the front of `bytes`; `None` when the rest of it is still to come.
    ///
    /// It is called again whenever more bytes have come, and after each frame.
    ///
    /// # Errors
    /// When the bytes are no frame. A decoder that removes nothing from `bytes` then, and errs again when it is asked
    /// again, ends the stream.
    fn decode(&mut self, bytes: &mut FrameBuf) -> Result<Option<Self::Item>, Self::Error>;

    /// As [`decode`](Self::decode), when no more bytes will come; it is called until it answers `None`.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and [`UnexpectedEof`](ErrorKind::UnexpectedEof) when a part of a frame is left.
    fn decode_eof(&mut self, bytes: &mut FrameBuf) -> Result<Option<Self::Item>, Self::Error> {
        match self.decode(bytes)? {
            Some(frame) => Ok(Some(frame)),
            None if bytes.is_empty() => Ok(None),
            None => Err(Error::new(
                ErrorKind::UnexpectedEof,
                format!("the stream ended within a frame, {} bytes after its start", bytes.len()),
            )
            .into()),
        }
    }

    /// Puts this codec over a stream, for both directions.
    fn framed<T>(self, stream: T) -> Framed<T, Self>
    where
        Self: Sized,
    {
        Framed::new(stream, self)
    }
}

/// What a fresh buffer has, and what may be unsent before a writer has to wait.
const BUFFER: usize = super::buf_reader::DEFAULT_CAPACITY;

/// An empty buffer that is larger than this is let go: one large frame must not cost its memory for ever.
const KEPT: usize = 8 * BUFFER;
