//! Frames with their length in front.

use super::{Decoder, Encoder, FrameBuf, Framed, FramedRead, FramedWrite};
use std::fmt;
use std::io::{Error, ErrorKind, Result};

/// Frames have a number in front that tells their length: by default 4 bytes, big-endian, and the frame behind them.
///
/// [`builder`](Self::builder) sets where the number is, how it is written, what it counts and how large a frame may be.
///
/// A frame that is longer than the limit is an [`InvalidData`](ErrorKind::InvalidData) error as soon as its length is
/// known: nothing is allocated for it and nothing of it is taken, so that after
/// [`set_max_frame_length`](Self::set_max_frame_length) it can still be read. Without that, the stream has ended.
#[derive(Clone, Debug, Default)]
pub struct LengthDelimitedCodec {
    builder: Builder,
    /// The length of the frame whose head is taken.
    length: Option<usize>,
}

/// Sets up a [`LengthDelimitedCodec`].
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    max_frame_length: usize,
    length_field_offset: usize,
    length_field_length: usize,
    length_adjustment: isize,
    /// `None`: the head is skipped up to the end of the length.
    num_skip: Option<usize>,
    little_endian: bool,
}

impl LengthDelimitedCodec {
    /// The default: a length of 4 bytes, big-endian, and frames of at most 8 MiB.
    pub fn new() -> Self {
        LengthDelimitedCodec::default()
    }

    /// Sets up another.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The largest frame that is taken and given.
    pub fn max_frame_length(&self) -> usize {
        self.builder.max_frame_length
    }

    /// Sets the largest frame; one whose head is taken already stays allowed.
    pub fn set_max_frame_length(&mut self, limit: usize) {
        self.builder.max_frame_length = limit;
    }

    /// Takes the head and answers the length of the frame behind it.
    fn decode_head(&self, bytes: &mut FrameBuf) -> Result<Option<usize>> {
        let head = &self.builder;
        if bytes.len() < head.head_length() {
            return Ok(None);
        }
        let field = &bytes[head.length_field_offset..][..head.length_field_length];
        let told = decode_number(field, head.little_endian);
        let length = i128::from(told) + head.length_adjustment as i128;
        let limit = head.max_frame_length;
        match usize::try_from(length) {
            Ok(length) if length <= limit => {
                bytes.advance(head.skipped());
                Ok(Some(length))
            }
            _ if length < 0 => Err(Error::new(
                ErrorKind::InvalidData,
                format!("a length of {told} is less than the head that it counts"),
            )),
            _ => {
                Err(Error::new(ErrorKind::InvalidData, LengthDelimitedCodecError { length, limit }))
            }
        }
    }
}

impl Decoder for LengthDelimitedCodec {
    type Item = Vec<u8>;
    type Error = Error;

    fn decode(&mut self, bytes: &mut FrameBuf) -> Result<Option<Vec<u8>>> {
        if self.length.is_none() {
            self.length = self.decode_head(bytes)?;
        }
        match self.length {
            Some(length) if length <= bytes.len() => {
                self.length = None;
                Ok(Some(bytes.split_to(length)))
            }
            _ => Ok(None),
        }
    }

    fn decode_eof(&mut self, bytes: &mut FrameBuf) -> Result<Option<Vec<u8>>> {
        if let Some(frame) = self.decode(bytes)? {
            return Ok(Some(frame));
        }
        let Some(length) = self.length else {
            return match bytes.len() {
                0 => Ok(None),
                n => Err(Error::new(
                    ErrorKind::UnexpectedEof,
                    format!("the stream ended within the head of a frame, after {n} bytes"),
                )),
            };
        };
        Err(Error::new(
            ErrorKind::UnexpectedEof,
            format!("the stream ended within a frame, after {} of {length} bytes", bytes.len()),
        ))
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for LengthDelimitedCodec {
    type Error = Error;

    /// Appends the length and the frame; what else the head has is the caller's to write.
    fn encode(&mut self, frame: T, bytes: &mut Vec<u8>) -> Result<()> {
        let (frame, head) = (frame.as_ref(), &self.builder);
        let (length, limit) = (frame.len() as i128, head.max_frame_length);
        if frame.len() > limit {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                LengthDelimitedCodecError { length, limit },
            ));
        }
        let told = length - head.length_adjustment as i128;
        let n = head.length_field_length;
        let fits = u64::try_from(told).ok().filter(|told| n == 8 || told >> (8 * n) == 0);
        let Some(told) = fits else {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("a length of {told} does not fit into {n} bytes"),
            ));
        };
        if head.little_endian {
            bytes.extend_from_slice(&told.to_le_bytes()[..n]);
        } else {
            bytes.extend_from_slice(&told.to_be_bytes()[8 - n..]);
        }
        bytes.extend_from_slice(frame);
        Ok(())
    }
}

fn decode_number(field: &[u8], little_endian: bool) -> u64 {
    let shift_in = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    if little_endian {
        field.iter().rev().fold(0, shift_in)
    } else {
        field.iter().fold(0, shift_in)
    }
}

impl Builder {
    /// The default: a length of 4 bytes, big-endian, and frames of at most 8 MiB.
    pub const fn new() -> Self {
        Builder {
            max_frame_length: 8 * 1024 * 1024,
            length_field_offset: 0,
            length_field_length: 4,
            length_adjustment: 0,
            num_skip: None,
            little_endian: false,
        }
    }

    /// The length is big-endian. This is the default.
    pub fn big_endian(&mut self) -> &mut Self {
        self.little_endian = false;
        self
    }

    /// The length is little-endian.
    pub fn little_endian(&mut self) -> &mut Self {
        self.little_endian = true;
        self
    }

    /// The length is as this machine writes numbers.
    pub fn native_endian(&mut self) -> &mut Self {
        self.little_endian = cfg!(target_endian = "little");
        self
    }

    /// The largest frame that is taken and given. The default is 8 MiB.
    pub fn max_frame_length(&mut self, limit: usize) -> &mut Self {
        self.max_frame_length = limit;
        self
    }

    /// The length is as long as a `T`, which is one of the unsigned numbers.
    pub fn length_field_type<T: LengthFieldType>(&mut self) -> &mut Self {
        self.length_field_length(size_of::<T>())
    }

    /// The length has `n` bytes. The default is 4.
    ///
    /// # Panics
    /// When `n` is not from 1 to 8.
    #[track_caller]
    pub fn length_field_length(&mut self, n: usize) -> &mut Self {
        assert!((1..=8).contains(&n), "a length field has 1 to 8 bytes, not {n}");
        self.length_field_length = n;
        self
    }

    /// So many bytes are in front of the length. The default is 0.
    pub fn length_field_offset(&mut self, n: usize) -> &mut Self {
        self.length_field_offset = n;
        self
    }

    /// What is to be added to the length to get that of the frame: minus the head, for a length that counts it too.
    pub fn length_adjustment(&mut self, n: isize) -> &mut Self {
        self.length_adjustment = n;
        self
    }

    /// How many bytes are no part of the frame that is answered; the length counts from behind them. The default is all
    /// up to and with the length.
    pub fn num_skip(&mut self, n: usize) -> &mut Self {
        self.num_skip = Some(n);
        self
    }

    /// Makes the codec.
    pub fn new_codec(&self) -> LengthDelimitedCodec {
        LengthDelimitedCodec { builder: *self, length: None }
    }

    /// Puts the codec over a reader.
    pub fn new_read<R>(&self, reader: R) -> FramedRead<R, LengthDelimitedCodec> {
        FramedRead::new(reader, self.new_codec())
    }

    /// Puts the codec over a writer.
    pub fn new_write<W>(&self, writer: W) -> FramedWrite<W, LengthDelimitedCodec> {
        FramedWrite::new(writer, self.new_codec())
    }

    /// Puts the codec over a stream, for both directions.
    pub fn new_framed<T>(&self, stream: T) -> Framed<T, LengthDelimitedCodec> {
        Framed::new(stream, self.new_codec())
    }

    /// What must have come before the length of the frame is known and the head can be taken.
    fn head_length(&self) -> usize {
        self.skipped().max(self.length_field_offset.saturating_add(self.length_field_length))
    }

    fn skipped(&self) -> usize {
        self.num_skip.unwrap_or(self.length_field_offset.saturating_add(self.length_field_length))
    }
}

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}

/// The numbers that [`Builder::length_field_type`] takes.
pub trait LengthFieldType: sealed::Sealed {}

impl LengthFieldType for u8 {}
impl LengthFieldType for u16 {}
impl LengthFieldType for u32 {}
impl LengthFieldType for u64 {}
impl LengthFieldType for usize {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
    impl Sealed for usize {}
}

/// A frame is longer than allowed. It is inside the [`io::Error`](Error).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthDelimitedCodecError {
    length: i128,
    limit: usize,
}

impl fmt::Display for LengthDelimitedCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame of {} bytes is longer than the limit of {}", self.length, self.limit)
    }
}

impl std::error::Error for LengthDelimitedCodecError {}
