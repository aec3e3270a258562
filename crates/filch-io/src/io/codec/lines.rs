//! Lines of text.

use super::delimited::{Delimited, TooLong};
use super::{Decoder, Encoder, FrameBuf};
use std::error::Error;
use std::fmt;
use std::io;

/// Frames are lines: `\n` or `\r\n` ends them, and is no part of them. A writer ends each with `\n`.
///
/// The last line may end with the stream. A line that is not UTF-8 is an error, and the next one is read behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinesCodec {
    delimited: Delimited,
}

impl LinesCodec {
    /// Lines of any length. A peer who never ends a line fills the memory:
    /// [`new_with_max_length`](Self::new_with_max_length) does not let it.
    pub const fn new() -> Self {
        LinesCodec { delimited: Delimited::new(usize::MAX) }
    }

    /// Lines of at most `max_length` bytes; a `\r` at the end of a line counts.
    ///
    /// A longer line is an error as soon as that is known. Nothing is lost then: what came of it is in
    /// [`read_buffer`](super::FramedRead::read_buffer). When `next` is called again, the line is skipped, however much
    /// of it is still to come, and the line behind it is answered.
    pub const fn new_with_max_length(max_length: usize) -> Self {
        LinesCodec { delimited: Delimited::new(max_length) }
    }

    /// The longest line that is taken.
    pub fn max_length(&self) -> usize {
        self.delimited.max_length()
    }
}

impl Default for LinesCodec {
    fn default() -> Self {
        LinesCodec::new()
    }
}

impl Decoder for LinesCodec {
    type Item = String;
    type Error = LinesCodecError;

    fn decode(&mut self, bytes: &mut FrameBuf) -> Result<Option<String>, LinesCodecError> {
        let Some(mut line) = self.delimited.next(bytes, b"\n")? else {
            return Ok(None);
        };
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        text(line).map(Some)
    }

    fn decode_eof(&mut self, bytes: &mut FrameBuf) -> Result<Option<String>, LinesCodecError> {
        match self.decode(bytes)? {
            Some(line) => Ok(Some(line)),
            None => self.delimited.last(bytes)?.map(text).transpose(),
        }
    }
}

impl<T: AsRef<str>> Encoder<T> for LinesCodec {
    type Error = LinesCodecError;

    fn encode(&mut self, line: T, bytes: &mut Vec<u8>) -> Result<(), LinesCodecError> {
        bytes.extend_from_slice(line.as_ref().as_bytes());
        bytes.push(b'\n');
        Ok(())
    }
}

fn text(line: Vec<u8>) -> Result<String, LinesCodecError> {
    String::from_utf8(line)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "line is not valid UTF-8").into())
}

/// Why there is no line.
#[derive(Debug)]
pub enum LinesCodecError {
    /// The line is longer than the codec allows.
    MaxLineLengthExceeded,
    /// The stream erred, or the line is not UTF-8.
    Io(io::Error),
}

impl From<TooLong> for LinesCodecError {
    fn from(_: TooLong) -> Self {
        LinesCodecError::MaxLineLengthExceeded
    }
}

impl From<io::Error> for LinesCodecError {
    fn from(error: io::Error) -> Self {
        LinesCodecError::Io(error)
    }
}

impl fmt::Display for LinesCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinesCodecError::MaxLineLengthExceeded => f.write_str("line is longer than allowed"),
            LinesCodecError::Io(error) => error.fmt(f),
        }
    }
}

impl Error for LinesCodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            LinesCodecError::MaxLineLengthExceeded => None,
            LinesCodecError::Io(error) => error.source(),
        }
    }
}
