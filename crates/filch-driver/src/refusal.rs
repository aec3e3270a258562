//! Says in plain words why the system refuses to watch a source.
//!
//! Keeps the kind of the error; errors that already speak for themselves pass through.

use filch_core::seam::RawSource;
use std::io::{self, ErrorKind};

/// The same error with a message that says what to do, where the system's own would not.
pub(crate) fn explain(error: io::Error, source: RawSource) -> io::Error {
    let message = match error.kind() {
        // Why: epoll and kqueue answer EPERM for what is always ready.
        ErrorKind::PermissionDenied => {
            "is a regular file or directory, which is always ready; read it with spawn_blocking"
        }
        ErrorKind::AlreadyExists => "is registered with this driver already",
        ErrorKind::StorageFull => {
            "cannot be watched: the limit in /proc/sys/fs/epoll/max_user_watches is reached"
        }
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{source:?} {message}"))
}
