//! Child processes: started, talked to, awaited and ended.
//!
//! - [`Command`] says what to start, as the standard library's does; [`Child`] is what was started.
//! - [`run`] starts a program, awaits it and gives what it wrote, with a limit of time.
//!
//! A process needs a runtime only where something waits: it binds to the runtime that is current at its first wait, as
//! a socket does, and from then on works under any executor.
//!
//! # How the end of a process is noticed
//! On Linux by a descriptor of the process (a pidfd, Linux 5.4), which the driver watches; no signal handler is
//! installed. Where there is none, on other Unixes and when descriptors are short, by `SIGCHLD`, through
//! [`signal`](crate::signal). On Windows by a blocking wait on the runtime's threads.
//!
//! # No zombies
//! A [`Child`] that is dropped while its process runs leaves it to a thread of this module, which reaps it as soon as it
//! ends and itself ends with the last one. So it needs neither a runtime nor another call.
//!
//! # Whom a signal reaches
//! A number of a process is used again once it was reaped, so nothing here signals a number that may have been: a
//! process that has ended is not signaled at all.
//!
//! A *tree* is a process group: the child leads one of its own when [`Command::kill_tree_on_drop`] asked for it, and its
//! descendants belong to it. Three things follow.
//! - A descendant that begins a group or session of its own (`setsid`, a daemon, a shell with job control) has left.
//! - A group in the background does not get the terminal's Ctrl-C, and is stopped when it reads from the terminal.
//! - On Windows there is no such group: only the child itself can be killed. Where there are no pidfds, a tree is known
//!   until the child was awaited.
//!
//! # Pipes that do not end
//! The end of a pipe comes when *every* process that holds its other end has closed it. A descendant that outlives the
//! child and has inherited its output keeps [`Child::wait_with_output`] and [`Command::output`] waiting, although the
//! child has ended. [`run`] with a [`timeout`](Run::timeout) does not wait longer than that (on Windows, not longer than
//! its [grace](Run::grace) besides).

mod child;
mod command;
mod pipe;
mod run;

#[cfg(unix)]
#[path = "unix/mod.rs"]
mod system;

#[cfg(windows)]
#[path = "windows/mod.rs"]
mod system;

pub use child::Child;
pub use command::Command;
pub use pipe::{ChildStderr, ChildStdin, ChildStdout};
pub use run::{Run, RunError, run};
pub use std::process::{ExitStatus, Output, Stdio};
