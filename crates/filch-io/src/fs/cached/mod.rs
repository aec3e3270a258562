//! What the system can answer at once, without waiting for a disk or for another machine.
//!
//! Everything in here may answer "no", and does where the system has no call to ask with; then a thread is asked. It never
//! reports an error: the thread's own call tells what is wrong.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{CachedReads, learn, open, read_whole};
#[cfg(target_os = "linux")]
pub(super) use linux::{CachedReads, learn, open, read_whole};

use std::fs::File;

/// What an opened file may be used for.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux is asked"))]
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) append: bool,
}

/// How far reading a whole file came.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux is asked"))]
#[derive(Debug)]
pub(super) enum Whole {
    Read(Vec<u8>),
    /// These bytes are read, the rest is not.
    Begun(File, Vec<u8>),
    NotOpened,
}
