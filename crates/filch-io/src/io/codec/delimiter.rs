//! Parts that a sequence of bytes separates.

use super::delimited::{Delimited, TooLong};
use super::{Decoder, Encoder, FrameBuf};
use std::error::Error;
use std::fmt;
use std::io;

/// Frames are what a delimiter of one or more bytes ends; it is no part of them. A writer ends each with it.
///
/// The last frame may end with the stream. A frame that is written must not contain the delimiter: it would be read as
/// two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelimiterCodec {
    delimiter: Vec<u8>,
    delimited: Delimited,
}

impl DelimiterCodec {
    /// Frames of any length. A peer who never ends a frame fills the memory:
    /// [`new_with_max_length`](Self::new_with_max_length) does not let it.
    ///
    /// # Panics
    /// When the delimiter is empty.
    #[track_caller]
    pub fn new(delimiter: impl Into<Vec<u8>>) -> Self {
        DelimiterCodec::new_with_max_length(delimiter, usize::MAX)
    }

    /// Frames of at most `max_length` bytes, without the delimiter.
    ///
    /// A longer frame is an error as soon as that is known. Nothing is lost then: what came of it is in
    /// [`read_buffer`](super::FramedRead::read_buffer). When `next` is called again, the frame is skipped, however much
    /// of it is still to come, and the frame behind it is answered.
    ///
    /// # Panics
    /// When the delimiter is empty.
    #[track_caller]
    pub fn new_with_max_length(delimiter: impl Into<Vec<u8>>, max_length: usize) -> Self {
        let delimiter = delimiter.into();
        assert!(
            !delimiter.is_empty(),
            "a `DelimiterCodec` cannot find an empty delimiter: give it at least 1 byte"
        );
        DelimiterCodec { delimiter, delimited: Delimited::new(max_length) }
    }

    /// The longest frame that is taken.
    pub fn max_length(&self) -> usize {
        self.delimited.max_length()
    }
}

impl Decoder for DelimiterCodec {
    type Item = Vec<u8>;
    type Error = DelimiterCodecError;

    fn decode(&mut self, bytes: &mut FrameBuf) -> Result<Option<Vec<u8>>, DelimiterCodecError> {
        Ok(self.delimited.next(bytes, &self.delimiter)?)
    }

    fn decode_eof(&mut self, bytes: &mut FrameBuf) -> Result<Option<Vec<u8>>, DelimiterCodecError> {
        match self.decode(bytes)? {
            Some(frame) => Ok(Some(frame)),
            None => Ok(self.delimited.last(bytes)?),
        }
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for DelimiterCodec {
    type Error = DelimiterCodecError;

    fn encode(&mut self, frame: T, bytes: &mut Vec<u8>) -> Result<(), DelimiterCodecError> {
        bytes.extend_from_slice(frame.as_ref());
        bytes.extend_from_slice(&self.delimiter);
        Ok(())
    }
}

/// Why there is no frame.
#[derive(Debug)]
pub enum DelimiterCodecError {
    /// The frame is longer than the codec allows.
    MaxLengthExceeded,
    /// The stream erred.
    Io(io::Error),
}

impl From<TooLong> for DelimiterCodecError {
    fn from(_: TooLong) -> Self {
        DelimiterCodecError::MaxLengthExceeded
    }
}

impl From<io::Error> for DelimiterCodecError {
    fn from(error: io::Error) -> Self {
        DelimiterCodecError::Io(error)
    }
}

impl fmt::Display for DelimiterCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DelimiterCodecError::MaxLengthExceeded => f.write_str("frame is longer than allowed"),
            DelimiterCodecError::Io(error) => error.fmt(f),
        }
    }
}

impl Error for DelimiterCodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            DelimiterCodecError::MaxLengthExceeded => None,
            DelimiterCodecError::Io(error) => error.source(),
        }
    }
}
