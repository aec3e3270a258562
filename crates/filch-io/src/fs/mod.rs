//! Files and directories.
//!
//! A system call on a file may wait for a disk, and no driver tells when it would not. So most calls go to the runtime's
//! threads for [blocking calls](filch_core::seam::Blocking); without a runtime, to those of the lazy global one.
//!
//! On Linux, what is in the system's caches is answered on the spot: reads ([`File`]'s, [`read`] and [`read_to_string`]) by
//! `preadv2` with `RWF_NOWAIT`, opens of files that exist by `openat2` with `RESOLVE_CACHED`. Whatever these cannot answer
//! goes to a thread.
//!
//! # Cancel safety
//! Of the functions that take a path, and of [`File`]'s methods unless they say otherwise: a future dropped before its
//! first poll has done nothing. Dropped while the call waits for a thread, it takes the call back. A call that runs goes
//! on, and what it gives is dropped on its thread: a file that was opened for nobody is closed there.
//!
//! # The end of the runtime
//! Bytes that a [`File`] has accepted are written, also when the runtime ends before a thread had time for them, unless it
//! is a pipe or the like. All else that waits for a thread errs then.

mod cached;
mod call;

mod dir_builder;
mod file;
mod open_options;
mod paths;
mod read_dir;
mod walk_dir;
mod whole;

pub use dir_builder::DirBuilder;
pub use file::File;
pub use open_options::OpenOptions;
#[cfg(unix)]
pub use paths::symlink;
pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read_link, remove_dir,
    remove_dir_all, remove_file, rename, set_permissions, symlink_metadata, try_exists,
};
#[cfg(windows)]
pub use paths::{symlink_dir, symlink_file};
pub use read_dir::{DirEntry, ReadDir, read_dir};
pub use std::fs::{FileTimes, FileType, Metadata, Permissions};
pub use walk_dir::{WalkDir, walk_dir};
pub use whole::{read, read_to_string, write};
