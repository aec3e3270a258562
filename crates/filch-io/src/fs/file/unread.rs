//! Bytes that were read and not taken yet, and the memory for further ones.

use std::io::IoSliceMut;
use std::ops::Range;

#[derive(Debug, Default)]
pub(super) struct Unread {
    bytes: Vec<u8>,
    range: Range<usize>,
}

impl Unread {
    pub(super) fn len(&self) -> usize {
        self.range.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.range = 0..0;
    }

    /// Moves as many bytes as fit, and answers how many.
    pub(super) fn take(&mut self, bufs: &mut [IoSliceMut<'_>]) -> usize {
        let before = self.len();
        for buf in bufs {
            let n = buf.len().min(self.len());
            buf[..n].copy_from_slice(&self.bytes[self.range.start..][..n]);
            self.range.start += n;
        }
        before - self.len()
    }

    /// The memory, to be filled elsewhere. There are no unread bytes.
    pub(super) fn lend(&mut self) -> Vec<u8> {
        debug_assert!(self.is_empty());
        self.clear();
        std::mem::take(&mut self.bytes)
    }

    /// Takes the memory back, with so many bytes to be read.
    pub(super) fn refill(&mut self, bytes: Vec<u8>, n_bytes: usize) {
        debug_assert!(self.is_empty());
        self.range = 0..n_bytes;
        self.bytes = bytes;
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    fn take(unread: &mut Unread, room: usize) -> Vec<u8> {
        let mut bytes = vec![0; room];
        let n_taken = unread.take(&mut [IoSliceMut::new(&mut bytes)]);
        bytes.truncate(n_taken);
        bytes
    }

    #[test]
    fn bytes_are_taken_in_order_across_buffers() {
        let mut unread = Unread::default();
        unread.refill(b"abcdefg".to_vec(), 6);
        let (mut first, mut second) = ([0; 2], [0; 1]);
        let mut bufs = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(unread.take(&mut bufs), 3);
        assert_eq!((&first, &second), (b"ab", b"c"));
        assert_eq!(take(&mut unread, 9), b"def");
        assert!(unread.is_empty());
    }

    #[test]
    fn nothing_is_taken_while_the_memory_is_lent() {
        let mut unread = Unread::default();
        unread.refill(b"abc".to_vec(), 3);
        assert_eq!(take(&mut unread, 3), b"abc");
        let memory = unread.lend();
        assert_eq!(memory, b"abc");
        assert_eq!(take(&mut unread, 3), b"");
    }
}
