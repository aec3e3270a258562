//! Linux: `preadv2` with `RWF_NOWAIT`, `openat2` with `RESOLVE_CACHED`.
//!
//! An open needs more than a cached path: it must find a regular file, since the open of a pipe waits for its other end and
//! that of a device may do anything; and on a device of which it is known that it asks nobody else, as NFS and FUSE do.
//! The first is told by opening the path for nothing (`O_PATH`), which has no effects. The second is found out once per
//! device, on a blocking thread, when a file there is opened the slow way.

use super::{Access, Whole};
use filch_core::sys::sync::atomic::AtomicBool;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::{Errno, ReadWriteFlags};
use std::fs::File;
use std::io::{IoSliceMut, Seek};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Of larger reads only so much is done on the spot.
///
/// Why: to copy it takes 3.5 µs (4 KiB: 1.1 µs, 256 KiB: 10 µs), a fifth of a call on a thread, which makes no long turn; and
/// a large read loses little by being done in such pieces.
const MAX_AT_ONCE: usize = 64 * 1024;

/// The devices that are known to ask nobody else. Zero is none. Only ever filled: a number that comes to mean another
/// device costs a worker a wait at worst.
static LOCAL_DEVICES: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

/// The types of file systems that ask nobody else, as `statfs` tells them.
///
/// Why not overlayfs: an open for writing copies the whole file from a lower layer within the call, and a lower layer may
/// itself be on another machine.
const LOCAL_TYPES: [u32; 9] = [
    0xEF53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683E, // Btrfs
    0x0102_1994, // tmpfs
    0x8584_58F6, // ramfs
    0xF2F5_2010, // F2FS
    0x2FC1_2FC1, // ZFS
    0xCA45_1A4E, // bcachefs
    0x7371_7368, // SquashFS
];

/// Reads one file's cached bytes, until the file turns out to be none that can be asked for them.
#[derive(Debug, Default)]
pub(in crate::fs) struct CachedReads {
    /// Whether the file was asked already, and whether it must not be asked. Set by whoever finds out.
    is_tried: AtomicBool,
    is_refused: AtomicBool,
}

impl CachedReads {
    /// Reads what is cached at `offset`, or at the file's position. Zero is the end. `None`: a thread must look.
    pub(in crate::fs) fn read(
        &self,
        file: &File,
        bufs: &mut [IoSliceMut<'_>],
        offset: Option<u64>,
    ) -> Option<usize> {
        if self.is_refused.load(Relaxed) || !self.may_be_tried(file) {
            return None;
        }
        // Why: the highest number means the file's position to the system.
        if offset.is_some_and(|offset| i64::try_from(offset).is_err()) {
            return None;
        }
        match read_cached(file, bufs, offset) {
            Ok(0) => is_at_end(file, offset).then_some(0),
            Ok(n) => Some(n),
            Err(error) => {
                let is_unknown = matches!(error, Errno::OPNOTSUPP | Errno::NOSYS);
                self.is_refused.fetch_or(is_unknown, Relaxed);
                None
            }
        }
    }

    /// A file that goes around the cache would be read from the disk, and be waited for.
    fn may_be_tried(&self, file: &File) -> bool {
        if self.is_tried.load(Relaxed) {
            return true;
        }
        let flags = rustix::fs::fcntl_getfl(file);
        let goes_around = flags.is_ok_and(|flags| flags.contains(OFlags::DIRECT));
        self.is_refused.store(goes_around, Relaxed);
        self.is_tried.store(true, Relaxed);
        !goes_around
    }
}

/// Reads at most [`MAX_AT_ONCE`] bytes that are in the page cache.
fn read_cached(
    file: &File,
    bufs: &mut [IoSliceMut<'_>],
    offset: Option<u64>,
) -> Result<usize, Errno> {
    let offset = offset.unwrap_or(u64::MAX);
    let n_bytes: usize = bufs.iter().map(|buf| buf.len()).sum();
    if n_bytes <= MAX_AT_ONCE {
        return preadv2(file, bufs, offset);
    }
    let Some(first) = bufs.iter_mut().find(|buf| !buf.is_empty()) else { return Ok(0) };
    let n_bytes = first.len().min(MAX_AT_ONCE);
    preadv2(file, &mut [IoSliceMut::new(&mut first[..n_bytes])], offset)
}

fn preadv2(file: &File, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize, Errno> {
    loop {
        match rustix::io::preadv2(file, bufs, offset, ReadWriteFlags::NOWAIT) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// Whether a regular file ends at `offset`, or at its position.
///
/// Why asked: Linux 5.9 and 5.10 may answer zero bytes where they should answer that they would have to wait.
fn is_at_end(mut file: &File, offset: Option<u64>) -> bool {
    let Ok(stat) = rustix::fs::fstat(file) else { return false };
    let offset = offset.or_else(|| file.stream_position().ok());
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    // Why not an empty one: the files of `/proc` say that they are.
    is_regular(&stat) && size != 0 && offset.is_some_and(|offset| size <= offset)
}

/// Opens a file that exists, if neither its path nor the file has to be waited for.
pub(in crate::fs) fn open(path: &Path, access: Access) -> Option<File> {
    let flags = flags_of(access)?;
    let (file, _) = open_local(path, flags)?;
    // Why: nobody should find the flag that was for us, though it changes nothing for a regular file.
    rustix::fs::fcntl_setfl(&file, flags & OFlags::APPEND).ok()?;
    Some(file)
}

/// Reads a whole file, if it is small and nothing has to be waited for.
pub(in crate::fs) fn read_whole(path: &Path) -> Whole {
    let Some((file, stat)) = open_local(path, OFlags::RDONLY) else { return Whole::NotOpened };
    let size = match usize::try_from(stat.st_size) {
        Ok(size) if size <= MAX_AT_ONCE => size,
        _ => return Whole::Begun(file, Vec::new()),
    };
    let mut bytes = vec![0; size];
    let n_read = preadv2(&file, &mut [IoSliceMut::new(&mut bytes)], u64::MAX).unwrap_or(0);
    bytes.truncate(n_read);
    if n_read == size { Whole::Read(bytes) } else { Whole::Begun(file, bytes) }
}

/// Remembers the device of `file` if opening files there asks nobody else. May wait: for blocking threads.
pub(in crate::fs) fn learn(file: &File) {
    let Ok(stat) = rustix::fs::fstat(file) else { return };
    if !is_regular(&stat) || is_known(stat.st_dev) {
        return;
    }
    let Ok(system) = rustix::fs::fstatfs(file) else { return };
    if LOCAL_TYPES.contains(&(system.f_type as u32)) {
        let free = LOCAL_DEVICES.iter().find(|device| device.load(Relaxed) == 0);
        // Why not certain of the place: two threads may take the same one, and the next open teaches again.
        free.inspect(|device| device.store(stat.st_dev, Relaxed));
    }
}

fn flags_of(access: Access) -> Option<OFlags> {
    let Access { read, write, append } = access;
    let mode = match (read, write || append) {
        (true, true) => OFlags::RDWR,
        (true, false) => OFlags::RDONLY,
        (false, true) => OFlags::WRONLY,
        (false, false) => return None,
    };
    Some(if append { mode | OFlags::APPEND } else { mode })
}

/// Opens a regular file of a local device by a cached path. With `O_NONBLOCK`, so that a lease on it is not waited for.
fn open_local(path: &Path, flags: OFlags) -> Option<(File, Stat)> {
    let seen = open_cached(path, OFlags::PATH)?;
    stat_of_local(&seen)?;
    let file = open_cached(path, flags | OFlags::NONBLOCK)?;
    // Why again: the name may have come to mean something else in between.
    let stat = stat_of_local(&file)?;
    Some((file, stat))
}

fn open_cached(path: &Path, flags: OFlags) -> Option<File> {
    let flags = flags | OFlags::CLOEXEC;
    let file = rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED);
    file.ok().map(File::from)
}

/// What is known about the file, if it is one that can be opened and read without asking anybody.
fn stat_of_local(file: impl AsFd) -> Option<Stat> {
    let stat = rustix::fs::fstat(file).ok()?;
    (is_regular(&stat) && is_known(stat.st_dev)).then_some(stat)
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

fn is_known(device: u64) -> bool {
    device != 0 && LOCAL_DEVICES.iter().any(|known| known.load(Relaxed) == device)
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_type_is_local_whose_opens_may_take_long() {
        let slow = [
            0x794C_7630, // overlayfs
            0x6573_5546, // FUSE
            0x0000_6969, // NFS
            0xFF53_4D42, // CIFS
            0xFE53_4D42, // SMB2
            0x0102_1997, // 9P
            0x00C3_6400, // Ceph
            0x5346_414F, // AFS
        ];
        assert!(slow.iter().all(|slow| !LOCAL_TYPES.contains(slow)));
    }
}
