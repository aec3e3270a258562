//! Descriptors of processes, which Linux has.

use crate::source::Source;
use filch_core::io::{Direction, Interest};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_open, pidfd_send_signal,
    waitid,
};
use std::io::{ErrorKind, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
// Why std's: a static is beyond what a checker can run.
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether the system has waited for such a descriptor.
static IS_WAITABLE: AtomicBool = AtomicBool::new(false);

/// Names one process for as long as it is open, also after the process was reaped.
pub(super) struct PidFd {
    source: Source<OwnedFd>,
}

impl PidFd {
    /// `None` when the system has no such descriptors, or none left.
    pub(super) fn open(pid: Pid) -> Option<PidFd> {
        let fd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        // Why: Linux 5.3 can open one, but not wait for it.
        if !IS_WAITABLE.load(Relaxed) {
            if look(fd.as_fd(), true) == Err(Errno::INVAL) {
                return None;
            }
            IS_WAITABLE.store(true, Relaxed);
        }
        Some(PidFd { source: Source::new(fd, Interest::READABLE) })
    }

    /// Says how the process ended, if it has, and reaps it, unless it is to be kept.
    pub(super) fn try_wait(&self, keep: bool) -> Result<Option<ExitStatus>> {
        Ok(look(self.as_fd(), keep)?)
    }

    /// Awaits the end of the process; reaps it, unless it is to be kept.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped future has not reaped it.
    pub(super) async fn wait(&self, keep: bool) -> Result<ExitStatus> {
        let look = |fd: &OwnedFd| look(fd.as_fd(), keep)?.ok_or(ErrorKind::WouldBlock.into());
        // Why before a look: whoever waits has most often just started the process, which has not ended yet.
        // Where it is refused, the look that follows may still answer, or says why.
        let _ = self.source.register();
        self.source.run(Direction::Read, look).await
    }

    /// Whether somebody else has reaped the process.
    pub(super) fn is_gone(&self) -> bool {
        look(self.as_fd(), true) == Err(Errno::CHILD)
    }

    pub(super) fn send(&self, signal: Signal) -> std::result::Result<(), Errno> {
        pidfd_send_signal(self.as_fd(), signal)
    }

    /// Leaves the driver that watches it; the next wait may be in another runtime.
    pub(super) fn leave_runtime(self) -> PidFd {
        PidFd { source: Source::new(self.source.into_io(), Interest::READABLE) }
    }
}

impl AsFd for PidFd {
    /// Not for others to keep: nobody may hold it open when this is closed.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.io().as_fd()
    }
}

/// Asks how a process ended, and reaps it, unless it is to be kept.
fn look(fd: BorrowedFd<'_>, keep: bool) -> std::result::Result<Option<ExitStatus>, Errno> {
    let mut options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    options.set(WaitIdOptions::NOWAIT, keep);
    // Why again after `EINTR`: whoever cleans up takes an error as the end of what can be known, and leaves a zombie.
    let found = retry_on_intr(|| waitid(WaitId::PidFd(fd), options))?;
    Ok(found.as_ref().map(exit_status))
}

/// The status as `wait` gives it: an exit code in the second byte, or a signal in the first, with a bit for a core dump.
fn exit_status(status: &WaitIdStatus) -> ExitStatus {
    let raw = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code & 0xFF) << 8,
        (None, Some(signal)) => signal | if status.dumped() { 0x80 } else { 0 },
        (None, None) => unreachable!("only ends were asked for"),
    };
    ExitStatus::from_raw(raw)
}
