//! Processes on Unix: how their end is noticed, and how they are signaled.
//!
//! **Invariant:** the number of a process is used only until the process was reaped, and only here is it reaped.

mod orphans;
#[cfg_attr(not(target_os = "linux"), path = "no_pidfd.rs")]
mod pidfd;
mod pipe;

use super::child::Child;
use super::command::{Command, OnDrop};
use crate::signal::unix::{SignalKind, signal};
use pidfd::PidFd;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::ffi::OsStr;
use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::ExitStatus;

pub(super) use pipe::Pipe;

/// A process that was started here.
pub(super) struct Process {
    /// What the standard library knows of it: how to reap it where there is no pidfd.
    child: std::process::Child,
    pid: Pid,
    pidfd: Option<PidFd>,
    /// It leads a process group of its own.
    leads_group: bool,
    /// It is reaped only when it is let go, so that its number goes on to name its group.
    keeps_number: bool,
    /// How it ended, once that is known.
    status: Option<ExitStatus>,
    is_reaped: bool,
}

impl Process {
    pub(super) fn new(
        child: std::process::Child,
        leads_group: bool,
        keeps_number: bool,
    ) -> Process {
        orphans::retry();
        let pid = Pid::from_child(&child);
        let pidfd = PidFd::open(pid);
        // Why: the standard library reaps what it asks about.
        let keeps_number = keeps_number && pidfd.is_some();
        let (status, is_reaped) = (None, false);
        Process { child, pid, pidfd, leads_group, keeps_number, status, is_reaped }
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.status.is_none().then(|| self.child.id())
    }

    /// Says how it ended, if it has.
    pub(super) fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            let found = match &self.pidfd {
                Some(pidfd) => pidfd.try_wait(self.keeps_number)?,
                None => self.child.try_wait()?,
            };
            if let Some(status) = found {
                self.ended(status);
            }
        }
        Ok(self.status)
    }

    /// Awaits its end.
    ///
    /// # Cancel safety
    /// Cancel safe: its end is kept for the next call.
    pub(super) async fn wait(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        let Some(pidfd) = &self.pidfd else { return self.wait_for_signals().await };
        match pidfd.wait(self.keeps_number).await {
            Ok(status) => {
                self.ended(status);
                Ok(status)
            }
            // The runtime of an earlier wait has ended; the process may have ended as well.
            Err(error) => self.try_wait()?.ok_or(error),
        }
    }

    /// Looks whenever some child of this process has changed its state.
    async fn wait_for_signals(&mut self) -> Result<ExitStatus> {
        // Listened for before the look, so that no end comes between.
        let mut children = signal(SignalKind::child())?;
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            children.recv().await;
        }
    }

    fn ended(&mut self, status: ExitStatus) {
        self.status = Some(status);
        self.is_reaped = !self.keeps_number;
    }

    pub(super) fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)
    }

    pub(super) fn kill_tree(&mut self) -> Result<()> {
        self.signal_tree(Signal::KILL)
    }

    /// Kills it, or all of its tree.
    pub(super) fn kill_all(&mut self, tree: bool) -> Result<()> {
        if tree { self.kill_tree() } else { self.kill() }
    }

    /// Asks it to end, or all of its tree.
    pub(super) fn terminate(&mut self, tree: bool) -> Result<()> {
        if tree { self.signal_tree(Signal::TERM) } else { self.signal(Signal::TERM) }
    }

    /// Signals the process, unless it has ended.
    fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        let sent = match &self.pidfd {
            Some(pidfd) => pidfd.send(signal),
            None => kill_process(self.pid, signal),
        };
        match sent {
            Err(Errno::SRCH) => Ok(()), // Somebody else has reaped it.
            sent => Ok(sent?),
        }
    }

    /// Signals all of its group, unless the group's number may belong to strangers.
    fn signal_tree(&mut self, signal: Signal) -> Result<()> {
        if !self.leads_group {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the child leads no process group of its own, so its tree is not known; \
                 call `kill_tree_on_drop(true)` or `process_group(0)` before `spawn`",
            ));
        }
        let is_gone = self.is_reaped || self.pidfd.as_ref().is_some_and(PidFd::is_gone);
        if is_gone {
            return Ok(());
        }
        match kill_process_group(self.pid, signal) {
            // The group is empty: the child has moved to another one.
            Err(Errno::SRCH) => self.signal(signal),
            sent => Ok(sent?),
        }
    }

    /// Gives the process up: ends it as `on_drop` says, and has it reaped when it has ended.
    pub(super) fn let_go(self, on_drop: OnDrop) {
        orphans::let_go(self, on_drop);
    }

    /// Reaps it, if it has ended and was not reaped.
    fn reap(&mut self) {
        if !self.is_reaped {
            self.keeps_number = false;
            self.status = None; // To be asked for once more, which gives the number back.
            let _ = self.try_wait();
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("id", &self.id()).field("status", &self.status).finish()
    }
}

/// The status of a process whose end is not known: `waitpid` says so of one that goes on.
pub(super) fn unknown_end() -> ExitStatus {
    ExitStatus::from_raw(0xFFFF)
}

impl Child {
    /// Sends a signal that has a name, unless the process has ended: `send_signal(SignalKind::hangup())`, or a number.
    ///
    /// # Errors
    /// When the number names no signal, or one without a name (the real-time signals), and when the system refuses.
    pub fn send_signal(&mut self, signal: impl Into<SignalKind>) -> Result<()> {
        let number = signal.into().as_raw_value();
        let signal = Signal::from_named_raw(number).ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, format!("there is no signal named {number}"))
        })?;
        self.process_mut().signal(signal)
    }
}

impl Command {
    /// Says what the child sees as its own name.
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg0(arg);
        self
    }

    /// Says as which user the child runs.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// Says as which group of users the child runs.
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// Says which process group the child joins; 0 is one of its own, which it leads.
    ///
    /// In a group of its own the child does not get the terminal's Ctrl-C, and
    /// [`Child::kill_tree`] can tell its descendants.
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.std.process_group(group);
        self.group = Some(group);
        self
    }

    /// Adds a call that the child makes before the program is loaded.
    ///
    /// # Safety
    /// As [`pre_exec`](CommandExt::pre_exec) of the standard library: the call runs in a copy of this process that has
    /// only one thread, so it may do only what is safe in a signal handler. It may not allocate and not take a lock.
    pub unsafe fn pre_exec<F>(&mut self, call: F) -> &mut Command
    where
        F: FnMut() -> Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the contract is the same, and the caller keeps it.
        unsafe { self.std.pre_exec(call) };
        self
    }
}
