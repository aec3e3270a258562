//! What codecs with a delimiter share: finding it once, however the bytes come, and refusing what is too long.

use super::FrameBuf;
use crate::io::lines::find;

/// The search for the next delimiter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delimited {
    max_length: usize,
    /// No delimiter begins in so many bytes at the front, as long as the buffer says that they were searched.
    searched: usize,
    /// The frame at the front is too long; it is skipped.
    skipping: bool,
}

/// The frame at the front is longer than allowed.
pub(super) struct TooLong;

impl Delimited {
    pub(super) const fn new(max_length: usize) -> Self {
        Delimited { max_length, searched: 0, skipping: false }
    }

    pub(super) fn max_length(&self) -> usize {
        self.max_length
    }

    /// Takes the next frame and its delimiter; answers the frame. `None` when its end has not come.
    ///
    /// A frame that is too long is an error that leaves it where it is; the next call begins to skip it.
    pub(super) fn next(
        &mut self,
        bytes: &mut FrameBuf,
        delimiter: &[u8],
    ) -> Result<Option<Vec<u8>>, TooLong> {
        if self.skipping && !self.skip(bytes, delimiter) {
            return Ok(None);
        }
        // A delimiter that begins behind so many bytes belongs to a frame that is too long.
        let window = bytes.len().min(self.max_length.saturating_add(delimiter.len()));
        // Why both: the bytes are anybody's to take and to change, and the buffer may have been another codec's.
        let from = self.searched.min(bytes.searched()).min(window);
        match find_sequence(&bytes[..window], delimiter, from) {
            Some(at) => {
                let frame = bytes.split_to(at);
                bytes.advance(delimiter.len());
                self.searched = 0;
                Ok(Some(frame))
            }
            None if window == self.max_length.saturating_add(delimiter.len()) => self.refuse(),
            None => {
                self.searched = window.saturating_sub(delimiter.len() - 1);
                bytes.set_searched(self.searched);
                Ok(None)
            }
        }
    }

    /// Takes the frame that the end of the stream ends. To be called when [`next`](Self::next) answers `None`.
    pub(super) fn last(&mut self, bytes: &mut FrameBuf) -> Result<Option<Vec<u8>>, TooLong> {
        if self.skipping {
            bytes.clear();
            self.skipping = false;
        }
        if bytes.len() > self.max_length {
            return self.refuse();
        }
        self.searched = 0;
        Ok((!bytes.is_empty()).then(|| bytes.split_to(bytes.len())))
    }

    fn refuse<T>(&mut self) -> Result<T, TooLong> {
        self.searched = 0;
        self.skipping = true;
        Err(TooLong)
    }

    /// Skips to behind the next delimiter; whether it is there.
    fn skip(&mut self, bytes: &mut FrameBuf, delimiter: &[u8]) -> bool {
        let found = find_sequence(bytes, delimiter, 0);
        match found {
            Some(at) => bytes.advance(at + delimiter.len()),
            // The last bytes may be the beginning of the delimiter.
            None => bytes.advance(bytes.len().saturating_sub(delimiter.len() - 1)),
        }
        self.skipping = found.is_none();
        found.is_some()
    }
}

/// Where `sequence` begins in `bytes`, at `from` or behind.
fn find_sequence(bytes: &[u8], sequence: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += find(sequence[0], bytes.get(at..)?)?;
        if bytes[at..].starts_with(sequence) {
            return Some(at);
        }
        at += 1;
    }
}
