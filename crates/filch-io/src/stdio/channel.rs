//! One standard stream, and how it is read or written without waiting for another process.
//!
//! The process's descriptor shares its *open file description* with other processes, so `O_NONBLOCK`, which belongs to the
//! description, must not be set on it. There are three ways around:
//! - A pipe or a terminal can be opened once more, by its name under `/proc`: the new description is ours, and does not
//!   block. Linux only, and only where permissions and `/proc` allow.
//! - A socket is told by each call not to wait.
//! - Else the system is asked, before each call, whether it would wait. It is not then, unless another process takes at
//!   this very moment what was to be read: that call waits for the next input.
//!
//! Files are read and written as they are, also where the disk has to be waited for. The way of `fs`, by a thread, would take
//! from a child process that shares the position what a canceled read has found, and write after it has answered.

use crate::source::Source;
use filch_core::io::{Direction, Interest};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::pipe::PIPE_BUF;
use std::fmt;
use std::io::{Error, Result};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

/// The least descriptor of a copy: the standard three stay what they are, even where one is closed.
const ABOVE_STANDARD: i32 = 3;

/// A standard stream, or why it could not be had.
pub(super) struct Channel(std::result::Result<Open, Errno>);

#[derive(Debug)]
struct Open {
    source: Source<OwnedFd>,
    way: Way,
}

/// How a call is kept from waiting.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// It waits for no other process: a file, or a description of our own.
    Plain,
    /// It is told not to.
    Socket,
    /// The system is asked first.
    Ask,
}

impl Channel {
    pub(super) fn open(fd: BorrowedFd<'_>, direction: Direction) -> Channel {
        Channel(Open::new(fd, direction))
    }

    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.poll(cx, Direction::Read, |open, fd| open.read(fd, buf))
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.poll(cx, Direction::Write, |open, fd| open.write(fd, buf))
    }

    fn poll(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut operation: impl FnMut(&Open, &OwnedFd) -> rustix::io::Result<usize>,
    ) -> Poll<Result<usize>> {
        match &self.0 {
            Ok(open) => {
                open.source.poll(cx, direction, |fd| operation(open, fd).map_err(Error::from))
            }
            Err(error) => Poll::Ready(Err((*error).into())),
        }
    }
}

impl Open {
    fn new(fd: BorrowedFd<'_>, direction: Direction) -> rustix::io::Result<Open> {
        let kind = FileType::from_raw_mode(fstat(fd)?.st_mode);
        let (fd, way) = match own::reopen(fd, kind, direction) {
            Some(own) => (own, Way::Plain),
            None => (fcntl_dupfd_cloexec(fd, ABOVE_STANDARD)?, way_of(kind)),
        };
        let interest = match direction {
            Direction::Read => Interest::READABLE,
            Direction::Write => Interest::WRITABLE,
        };
        Ok(Open { source: Source::from_outside(fd, interest), way })
    }

    fn read(&self, fd: &OwnedFd, buf: &mut [u8]) -> rustix::io::Result<usize> {
        match self.way {
            Way::Plain => rustix::io::read(fd, buf),
            Way::Socket => recv(fd, buf, RecvFlags::DONTWAIT).map(|(n, _)| n),
            Way::Ask => {
                ask(fd, PollFlags::IN)?;
                rustix::io::read(fd, buf)
            }
        }
    }

    fn write(&self, fd: &OwnedFd, buf: &[u8]) -> rustix::io::Result<usize> {
        match self.way {
            Way::Plain => rustix::io::write(fd, buf),
            Way::Socket => send(fd, buf, SendFlags::DONTWAIT),
            Way::Ask => {
                ask(fd, PollFlags::OUT)?;
                // Why so few: a pipe that is ready takes as many at once; with more, the call would wait for the reader.
                rustix::io::write(fd, &buf[..buf.len().min(PIPE_BUF)])
            }
        }
    }
}

fn way_of(kind: FileType) -> Way {
    match kind {
        FileType::Socket => Way::Socket,
        FileType::RegularFile | FileType::Directory | FileType::BlockDevice => Way::Plain,
        _ => Way::Ask,
    }
}

/// Errs with `WouldBlock` while a call would wait. An error or a hangup is a reason to make the call, which tells.
fn ask(fd: &OwnedFd, events: PollFlags) -> rustix::io::Result<()> {
    let mut asked = [PollFd::new(fd, events)];
    poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    if asked[0].revents().is_empty() { Err(Errno::WOULDBLOCK) } else { Ok(()) }
}

/// Descriptions of our own.
#[cfg(target_os = "linux")]
mod own {
    use super::*;
    use rustix::fs::{CWD, Mode, OFlags, Stat, fcntl_getfl, major, minor, openat};
    use std::io::IsTerminal;
    use std::os::fd::AsRawFd;

    /// The master's end of pseudo-terminals: each time it is opened it makes another terminal.
    const PTMX: (u32, u32) = (5, 2);

    /// Opens a pipe or a terminal once more, so that it does not block. `None`: it is neither, or that cannot be done.
    pub(super) fn reopen(
        fd: BorrowedFd<'_>,
        kind: FileType,
        direction: Direction,
    ) -> Option<OwnedFd> {
        let stat = fstat(fd).ok()?;
        let device = (major(stat.st_rdev), minor(stat.st_rdev));
        let is_fit = match kind {
            FileType::Fifo => true,
            FileType::CharacterDevice => fd.is_terminal() && device != PTMX,
            _ => false,
        };
        if !is_fit {
            return None;
        }
        let (access, other) = match direction {
            Direction::Read => (OFlags::RDONLY, OFlags::WRONLY),
            Direction::Write => (OFlags::WRONLY, OFlags::RDONLY),
        };
        // Why asked: the new description must not be able to do what the present one cannot.
        if fcntl_getfl(fd).ok()? & OFlags::ACCMODE == other {
            return None;
        }
        let name = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let own = openat(CWD, name, flags, Mode::empty()).ok()?;
        is_same(&stat, &fstat(&own).ok()?).then_some(own)
    }

    fn is_same(one: &Stat, other: &Stat) -> bool {
        (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
    }
}

/// None there: only Linux opens a description anew by the name of a descriptor.
#[cfg(not(target_os = "linux"))]
mod own {
    use super::*;

    pub(super) fn reopen(_: BorrowedFd<'_>, _: FileType, _: Direction) -> Option<OwnedFd> {
        None
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(open) => fmt::Debug::fmt(open, f),
            Err(error) => f.debug_tuple("Unusable").field(error).finish(),
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn asking(fd: &OwnedFd) -> Open {
        let copy = fd.try_clone().expect("the system has descriptors");
        Open { source: Source::from_outside(copy, Interest::READABLE), way: Way::Ask }
    }

    #[test]
    fn a_pipe_that_blocks_is_asked_before_each_call() {
        let (reader, writer) = std::io::pipe().expect("the system has descriptors");
        let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
        let (ours, theirs) = (asking(&reader), asking(&writer));
        let mut buf = vec![0; 1 << 20];
        assert_eq!(ours.read(&reader, &mut buf), Err(Errno::WOULDBLOCK));
        assert_eq!(theirs.write(&writer, b"hello"), Ok(5));
        assert_eq!(ours.read(&reader, &mut buf), Ok(5));
        let mut n_written = 0;
        let full = loop {
            match theirs.write(&writer, &buf) {
                Ok(n) => n_written += n,
                Err(error) => break error,
            }
        };
        assert_eq!(full, Errno::WOULDBLOCK);
        assert!(n_written >= PIPE_BUF);
        drop((writer, theirs));
        let mut n_read = 0;
        while let n @ 1.. = ours.read(&reader, &mut buf).expect("its end comes") {
            n_read += n;
        }
        assert_eq!(n_read, n_written);
    }

    #[test]
    fn what_cannot_be_written_is_not_opened_for_that() {
        let (reader, _writer) = std::io::pipe().expect("the system has descriptors");
        let open = Open::new(reader.as_fd(), Direction::Write).expect("it is open");
        assert_eq!(open.write(&OwnedFd::from(reader), b"x"), Err(Errno::WOULDBLOCK));
    }
}
