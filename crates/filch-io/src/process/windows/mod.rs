//! Processes on Windows: a thread of the runtime's pool waits for their end.

mod pipe;

use super::child::Child;
use super::command::{Command, OnDrop};
use filch_core::RuntimeRef;
use filch_core::sys::sync::Arc;
use filch_core::sys::sync::atomic::{AtomicBool, Ordering::Relaxed};
use filch_core::task::{JoinHandle, Spawn};
use std::ffi::{OsStr, c_void};
use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::os::windows::io::{AsHandle, AsRawHandle, OwnedHandle, RawHandle};
use std::os::windows::process::{CommandExt, ExitStatusExt};
use std::process::ExitStatus;

pub(super) use pipe::Pipe;

/// A process that was started here.
pub(super) struct Process {
    child: std::process::Child,
    /// How it ended, once that is known.
    status: Option<ExitStatus>,
    /// The thread that waits for its end.
    watch: Option<JoinHandle<()>>,
    /// Tells that thread that nobody waits any more.
    is_let_go: Arc<AtomicBool>,
}

impl Process {
    pub(super) fn new(child: std::process::Child, _: bool, _: bool) -> Process {
        Process { child, status: None, watch: None, is_let_go: Arc::new(AtomicBool::new(false)) }
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.status.is_none().then(|| self.child.id())
    }

    /// Says how it ended, if it has.
    pub(super) fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status)
    }

    /// Awaits its end.
    ///
    /// # Cancel safety
    /// Cancel safe: its end is kept for the next call.
    pub(super) async fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            if self.watch.is_none() {
                self.watch = Some(self.start_watch()?);
            }
            if let Some(watch) = &mut self.watch {
                let ended = watch.await;
                self.watch = None;
                ended.map_err(Error::other)?;
            }
        }
    }

    fn start_watch(&self) -> Result<JoinHandle<()>> {
        let process = self.child.as_handle().try_clone_to_owned()?;
        let is_let_go = Arc::clone(&self.is_let_go);
        let watch = move || while !is_let_go.load(Relaxed) && !has_ended(&process) {};
        Ok(Spawn::on(RuntimeRef::current()).spawn_blocking(watch))
    }

    /// Kills the process, unless it has ended.
    pub(super) fn kill(&mut self) -> Result<()> {
        match self.try_wait()? {
            Some(_) => Ok(()),
            None => self.child.kill(),
        }
    }

    pub(super) fn kill_tree(&mut self) -> Result<()> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "a tree of processes cannot be killed on Windows; use `kill` for the child itself",
        ))
    }

    /// Kills the process itself: its tree is not known.
    pub(super) fn kill_all(&mut self, _: bool) -> Result<()> {
        self.kill()
    }

    /// There is no such request.
    pub(super) fn terminate(&mut self, _: bool) -> Result<()> {
        self.kill()
    }

    /// Gives the process up.
    pub(super) fn let_go(mut self, on_drop: OnDrop) {
        if on_drop.kills || on_drop.kills_tree {
            let _ = self.kill(); // Nobody is there to be told.
        }
        self.is_let_go.store(true, Relaxed);
    }
}

/// Waits for a while; whether the process has ended.
fn has_ended(process: &OwnedHandle) -> bool {
    /// How soon the thread notices that nobody waits any more.
    const A_WHILE_MS: u32 = 100;
    const WAIT_TIMEOUT: u32 = 258;

    // SAFETY: the handle is open for the length of the call.
    unsafe { WaitForSingleObject(process.as_raw_handle(), A_WHILE_MS) != WAIT_TIMEOUT }
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn WaitForSingleObject(handle: *mut c_void, milliseconds: u32) -> u32;
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("id", &self.id()).field("status", &self.status).finish()
    }
}

/// The status of a process whose end is not known: `STILL_ACTIVE`, which `GetExitCodeProcess` says of one that goes on.
pub(super) fn unknown_end() -> ExitStatus {
    ExitStatus::from_raw(259)
}

impl Child {
    /// The handle of the process, or `None` once its end is known.
    pub fn raw_handle(&self) -> Option<RawHandle> {
        let process = self.process();
        process.status.is_none().then(|| process.child.as_raw_handle())
    }
}

impl Command {
    /// Adds text to the command line as it is.
    pub fn raw_arg<S: AsRef<OsStr>>(&mut self, text: S) -> &mut Command {
        self.std.raw_arg(text);
        self
    }

    /// Sets the flags that `CreateProcess` is given.
    pub fn creation_flags(&mut self, flags: u32) -> &mut Command {
        self.std.creation_flags(flags);
        self
    }

    /// There are no such groups.
    pub(super) fn process_group(&mut self, _: i32) -> &mut Command {
        self
    }
}
