//! Reading into the free room of a `Vec`.
//!
//! The room is filled with zeros first: no byte is shown that was not written.

use std::io::Result;

/// How much room a full `Vec` is given.
const MORE: usize = 64;

/// Calls `read` with the free room of `buf`, which grows if it has none, and appends what was read.
pub(super) fn append<R>(
    buf: &mut Vec<u8>,
    read: impl FnOnce(&mut [u8]) -> Result<(usize, R)>,
) -> Result<(usize, R)> {
    let len = buf.len();
    if buf.capacity() == len {
        buf.reserve(MORE);
    }
    buf.resize(buf.capacity(), 0);
    let result = read(&mut buf[len..]);
    buf.truncate(len + result.as_ref().map_or(0, |(n, _)| *n));
    result
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_appended_and_nothing_else() {
        let mut buf = b"ab".to_vec();
        let read = |room: &mut [u8]| {
            room[..3].copy_from_slice(b"cde");
            Ok((3, ()))
        };
        assert_eq!(append(&mut buf, read).expect("it does not fail").0, 3);
        assert_eq!(buf, b"abcde");
        let failing = |_: &mut [u8]| Err::<(usize, ()), _>(std::io::ErrorKind::WouldBlock.into());
        assert!(append(&mut buf, failing).is_err());
        assert_eq!(buf, b"abcde");
    }

    #[test]
    fn spare_capacity_is_used_before_more_is_asked_for() {
        let mut buf = Vec::with_capacity(10);
        append(&mut buf, |room| Ok((room.len().min(10), ()))).expect("it does not fail");
        assert_eq!((buf.len(), buf.capacity()), (10, 10));
        append(&mut buf, |room| Ok((usize::from(!room.is_empty()), ()))).expect("it does not fail");
        assert_eq!(buf.len(), 11);
    }
}
