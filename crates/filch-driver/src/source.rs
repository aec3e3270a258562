//! A source as a system call takes it.
//!
//! Does not own the source and does not keep it open.

use filch_core::seam::RawSource;
use std::io;

#[cfg(unix)]
pub(crate) type Borrowed<'a> = std::os::fd::BorrowedFd<'a>;
#[cfg(windows)]
pub(crate) type Borrowed<'a> = std::os::windows::io::BorrowedSocket<'a>;

/// Borrows a source for one call.
///
/// # Errors
/// When it is no source.
pub(crate) fn borrow<'a>(source: RawSource) -> io::Result<Borrowed<'a>> {
    if stands_for_none(source) {
        let message = format!(
            "{} is not an open source: it was never opened, or is closed already",
            source.0
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    // SAFETY:
    // - it is not the forbidden value;
    // - it is used for one call that changes what a driver watches, and not kept. That call answers a closed source with
    //   an error and takes nothing from one that belongs to somebody else.
    Ok(unsafe { Borrowed::borrow_raw(source.0) })
}

/// Whether it can be no source, open or closed: -1 may not be borrowed, and no descriptor is negative.
#[cfg(unix)]
fn stands_for_none(source: RawSource) -> bool {
    source.0 < 0
}

/// Whether it can be no source, open or closed: `INVALID_SOCKET`, which may not be borrowed.
#[cfg(windows)]
fn stands_for_none(source: RawSource) -> bool {
    source.0 == !0
}
