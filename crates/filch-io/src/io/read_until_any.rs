//! Reading up to one of several separators, of any length.

use super::checked;
use futures_io::AsyncBufRead;
use std::future::Future;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Reads to one of several separators. From [`AsyncBufReadExt::read_until_any`](super::AsyncBufReadExt::read_until_any).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadUntilAny<'a, R: ?Sized> {
    reader: &'a mut R,
    separators: &'a [&'a [u8]],
    bytes: &'a mut Vec<u8>,
    n_read: usize,
}

impl<'a, R: ?Sized> ReadUntilAny<'a, R> {
    #[track_caller]
    pub(crate) fn new(
        reader: &'a mut R,
        separators: &'a [&'a [u8]],
        bytes: &'a mut Vec<u8>,
    ) -> Self {
        assert!(
            !separators.is_empty(),
            "`read_until_any` got no separator: use `read_to_end` to read everything"
        );
        assert!(
            separators.iter().all(|separator| !separator.is_empty()),
            "`read_until_any` got an empty separator, which is everywhere: give it at least 1 byte"
        );
        ReadUntilAny { reader, separators, bytes, n_read: 0 }
    }
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadUntilAny<'_, R> {
    type Output = Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let this = self.get_mut();
        loop {
            let result = ready!(Pin::new(&mut *this.reader).poll_fill_buf(cx));
            if checked::is_interrupted(&result) {
                continue;
            }
            let buffered = result?;
            let found = first_end(this.bytes, buffered, this.separators);
            let used = found.unwrap_or(buffered.len());
            this.bytes.extend_from_slice(&buffered[..used]);
            Pin::new(&mut *this.reader).consume(used);
            this.n_read += used;
            if found.is_some() || used == 0 {
                return Poll::Ready(Ok(this.n_read));
            }
        }
    }
}

/// Where in `part`, which follows `before`, the first separator ends.
fn first_end(before: &[u8], part: &[u8], separators: &[&[u8]]) -> Option<usize> {
    let ends_with_one = |end: usize| {
        let (part, last) = (&part[..end], part[end - 1]);
        separators
            .iter()
            .any(|separator| separator.last() == Some(&last) && ends_with(before, part, separator))
    };
    (1..=part.len()).find(|&end| ends_with_one(end))
}

/// Whether `before` and `part`, one after the other, end with `separator`.
fn ends_with(before: &[u8], part: &[u8], separator: &[u8]) -> bool {
    match separator.len().checked_sub(part.len()) {
        Some(n_before) => {
            let (head, tail) = separator.split_at(n_before);
            part == tail && before.ends_with(head)
        }
        None => part.ends_with(separator),
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::first_end;

    #[test]
    fn a_separator_may_begin_before_the_part() {
        assert_eq!(first_end(b"x\r", b"\ny", &[b"\r\n"]), Some(1));
        assert_eq!(first_end(b"x", b"\r\ny", &[b"\r\n"]), Some(2));
        assert_eq!(first_end(b"", b"\ny", &[b"\r\n"]), None);
        assert_eq!(first_end(b"ab", b"", &[b"ab"]), None, "what is there already was not read");
        assert_eq!(first_end(b"a", b"aab", &[b"aab", b"aaa"]), Some(2));
    }
}
