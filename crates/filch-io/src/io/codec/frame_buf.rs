//! The bytes that came and are not decoded yet.

use super::{BUFFER, KEPT};
use crate::io::checked;
use futures_io::AsyncRead;
use std::fmt;
use std::io::Result;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Bytes that come at the end and are taken from the front. Reads as a slice.
#[derive(Clone, Default)]
pub struct FrameBuf {
    /// Its whole length is initialized; `storage[start..end]` is the content.
    storage: Vec<u8>,
    start: usize,
    end: usize,
    /// So many bytes at the front a codec has searched, and they are as they were then.
    searched: usize,
}

impl FrameBuf {
    /// An empty buffer.
    pub const fn new() -> Self {
        FrameBuf { storage: Vec::new(), start: 0, end: 0, searched: 0 }
    }

    /// Removes the first `n` bytes.
    ///
    /// # Panics
    /// When there are fewer.
    #[track_caller]
    pub fn advance(&mut self, n: usize) {
        assert!(
            n <= self.len(),
            "cannot take {n} bytes from a buffer of {}: look at `len` first",
            self.len()
        );
        self.start += n;
        self.searched = 0;
    }

    /// Removes the first `n` bytes and answers them.
    ///
    /// # Panics
    /// When there are fewer.
    #[track_caller]
    pub fn split_to(&mut self, n: usize) -> Vec<u8> {
        let from = self.start;
        self.advance(n);
        self.storage[from..self.start].to_vec()
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.advance(self.len());
    }

    pub(super) fn searched(&self) -> usize {
        self.searched
    }

    pub(super) fn set_searched(&mut self, n: usize) {
        self.searched = n;
    }

    /// Appends bytes.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        let end = self.end + bytes.len();
        self.storage[self.end..end].copy_from_slice(bytes);
        self.end = end;
    }

    /// Appends what one read gives, and answers how much; `0` is the end of the stream.
    pub(super) fn poll_fill<R: AsyncRead + ?Sized>(
        &mut self,
        reader: Pin<&mut R>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize>> {
        if self.is_empty() && self.storage.len() > KEPT {
            self.storage = Vec::new();
        }
        // Why a quarter: what is moved and what is zeroed for a read stays in proportion to what came before.
        self.make_room(self.storage.len() / 4);
        let n = ready!(checked::poll_read(reader, cx, &mut self.storage[self.end..]))?;
        self.end += n;
        Poll::Ready(Ok(n))
    }

    /// Has room for at least `n` bytes, and one, behind the content.
    fn make_room(&mut self, n: usize) {
        let n = n.max(1);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
        if self.storage.len() - self.end >= n {
            return;
        }
        if self.start > 0 {
            self.storage.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let wanted = self.end + n;
        if self.storage.len() < wanted {
            self.storage.resize(wanted.max(2 * self.end).max(BUFFER), 0);
        }
    }
}

impl Deref for FrameBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.storage[self.start..self.end]
    }
}

impl DerefMut for FrameBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.searched = 0; // They are about to change.
        &mut self.storage[self.start..self.end]
    }
}

impl From<Vec<u8>> for FrameBuf {
    fn from(bytes: Vec<u8>) -> Self {
        FrameBuf { start: 0, end: bytes.len(), storage: bytes, searched: 0 }
    }
}

impl From<FrameBuf> for Vec<u8> {
    fn from(buf: FrameBuf) -> Self {
        let FrameBuf { mut storage, start, end, .. } = buf;
        storage.truncate(end);
        storage.drain(..start);
        storage
    }
}

impl fmt::Debug for FrameBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FrameBuf").field(&format_args!("{}", self.escape_ascii())).finish()
    }
}
