//! Where there are no descriptors of processes.

use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use std::io::Result;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitStatus;

/// There is none.
pub(super) enum PidFd {}

impl PidFd {
    pub(super) fn open(_: Pid) -> Option<PidFd> {
        None
    }

    pub(super) fn try_wait(&self, _: bool) -> Result<Option<ExitStatus>> {
        match *self {}
    }

    pub(super) async fn wait(&self, _: bool) -> Result<ExitStatus> {
        match *self {}
    }

    pub(super) fn is_gone(&self) -> bool {
        match *self {}
    }

    pub(super) fn send(&self, _: Signal) -> std::result::Result<(), Errno> {
        match *self {}
    }

    pub(super) fn leave_runtime(self) -> PidFd {
        self
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match *self {}
    }
}
