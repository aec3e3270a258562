//! Where a file stands: whether it stands anywhere, and who moves it.

use std::fs::{File, FileType};
use std::io::Seek;

/// What is known of the file's position.
// Why remembered: the system keeps a position locked during a read or a write, so that to ask while one is under way takes
// as long as the disk does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Position {
    /// Nobody has asked.
    #[default]
    Unknown,
    /// There is none: it is a pipe, say, or a terminal.
    None,
    /// Only what is begun here moves it, as far as is known.
    Own,
    /// Another handle moves it as well, and may keep it locked at any time.
    Shared,
}

/// Whether reads and writes of the file move a position.
pub(super) fn has_positions(mut file: &File) -> bool {
    // Why not the call alone: it succeeds on what keeps no position, an event's descriptor say.
    file.metadata().is_ok_and(|known| is_stored(known.file_type()))
        && file.stream_position().is_ok()
}

#[cfg(unix)]
fn is_stored(file_type: FileType) -> bool {
    file_type.is_file() || std::os::unix::fs::FileTypeExt::is_block_device(&file_type)
}

#[cfg(not(unix))]
fn is_stored(file_type: FileType) -> bool {
    file_type.is_file()
}
