//! A process that was started.

use super::command::OnDrop;
use super::pipe::{ChildStderr, ChildStdin, ChildStdout};
use super::run::all;
use super::system::Process;
use crate::io::{AsyncRead, AsyncReadExt};
use filch_timer::timeout;
use std::fmt;
use std::io::Result;
use std::pin::pin;
use std::process::{ExitStatus, Output};
use std::time::Duration;

/// A child process.
///
/// Dropping it closes the pipes and lets the process go on, unless
/// [`kill_on_drop`](super::Command::kill_on_drop) was set. It is reaped when it ends.
pub struct Child {
    life: Life,

    /// The pipe to what the child reads, if it was asked for.
    pub stdin: Option<ChildStdin>,

    /// The pipe from what the child writes, if it was asked for.
    pub stdout: Option<ChildStdout>,

    /// The pipe from the child's messages, if it was asked for.
    pub stderr: Option<ChildStderr>,
}

impl Child {
    pub(super) fn new(
        mut child: std::process::Child,
        on_drop: OnDrop,
        leads_group: bool,
    ) -> Result<Child> {
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Process::new(child, leads_group, on_drop.kills_tree);
        // Until the child is complete, it is not to stay behind an error.
        let kill = OnDrop { kills: true, grace: None, ..on_drop };
        let mut life = Life { process: Some(process), on_drop: kill };
        let stdin = pipes.0.map(ChildStdin::piped).transpose()?;
        let stdout = pipes.1.map(ChildStdout::piped).transpose()?;
        let stderr = pipes.2.map(ChildStderr::piped).transpose()?;
        life.on_drop = on_drop;
        Ok(Child { life, stdin, stdout, stderr })
    }

    /// The number of the process, or `None` once its end is known: the number may belong to another one by then.
    pub fn id(&self) -> Option<u32> {
        self.life.process().id()
    }

    /// Kills the process (`SIGKILL`) and does not wait for its end. One that has ended is left alone.
    ///
    /// # Errors
    /// When the system refuses: the process runs as somebody else.
    pub fn start_kill(&mut self) -> Result<()> {
        self.life.process_mut().kill()
    }

    /// Kills the process and awaits its end.
    ///
    /// # Errors
    /// As [`start_kill`](Self::start_kill) and [`wait`](Self::wait).
    ///
    /// # Cancel safety
    /// Dropped, the process was killed all the same if the future was polled.
    pub async fn kill(&mut self) -> Result<()> {
        self.start_kill()?;
        self.wait().await.map(drop)
    }

    /// Kills the process and its descendants, and does not wait for their ends.
    ///
    /// It works while the child itself runs or, after [`kill_tree_on_drop`](super::Command::kill_tree_on_drop), for as
    /// long as this lives, also when only descendants are left. See the [module page](super) for who belongs to a tree.
    ///
    /// # Errors
    /// When the child does not lead a process group of its own, because neither
    /// [`kill_tree_on_drop`](super::Command::kill_tree_on_drop) nor `process_group(0)` was called; always so on Windows.
    pub fn start_kill_tree(&mut self) -> Result<()> {
        self.life.process_mut().kill_tree()
    }

    /// Kills the process and its descendants and awaits the end of the process itself. As
    /// [`start_kill_tree`](Self::start_kill_tree).
    ///
    /// # Errors
    /// As [`start_kill_tree`](Self::start_kill_tree) and [`wait`](Self::wait).
    ///
    /// # Cancel safety
    /// Dropped, the processes were killed all the same if the future was polled.
    pub async fn kill_tree(&mut self) -> Result<()> {
        self.start_kill_tree()?;
        self.wait().await.map(drop)
    }

    /// Asks the process to end (`SIGTERM`), kills it when it is still there after `grace`, and says how it ended.
    ///
    /// After [`kill_tree_on_drop`](super::Command::kill_tree_on_drop) the whole tree is asked, and what is left of it is
    /// killed once the child itself has ended or the grace is over. On Windows there is no such request: the process is
    /// killed at once.
    ///
    /// # Errors
    /// As [`start_kill`](Self::start_kill) and [`wait`](Self::wait).
    ///
    /// # Cancel safety
    /// Dropped, the process was asked if the future was polled, and is not killed by this.
    pub async fn terminate_timeout(&mut self, grace: Duration) -> Result<ExitStatus> {
        self.start_terminate()?;
        let ended = timeout(grace, self.wait()).await;
        let killed = self.start_kill_all();
        match ended {
            Ok(status) => status,
            Err(_elapsed) => {
                killed?;
                self.wait().await
            }
        }
    }

    /// Asks the process to end (`SIGTERM`) and does not wait for that; after
    /// [`kill_tree_on_drop`](super::Command::kill_tree_on_drop) its whole tree. On Windows it is killed.
    ///
    /// # Errors
    /// As [`start_kill`](Self::start_kill).
    pub fn start_terminate(&mut self) -> Result<()> {
        let has_tree = self.has_tree();
        self.life.process_mut().terminate(has_tree)
    }

    /// Kills the child, or all of its tree. An error says that the child itself goes on.
    pub(super) fn start_kill_all(&mut self) -> Result<()> {
        if self.has_tree() {
            // Why ignored: it tells whether anybody of the tree was killed.
            let _ = self.life.process_mut().kill_all(true);
        }
        self.start_kill()
    }

    /// Whether its descendants are to be ended with it.
    pub(super) fn has_tree(&self) -> bool {
        self.life.on_drop.kills_tree
    }

    /// Awaits the end of the process. The pipe to it is closed first: it may wait for the end of its input.
    ///
    /// Once the end is known, every further call says the same.
    ///
    /// # Errors
    /// When the runtime that it waited in before has ended; [`try_wait`](Self::try_wait) works without one. When
    /// somebody else has reaped the process, or the program ignores `SIGCHLD`: then nobody can know how it ended.
    ///
    /// # Cancel safety
    /// Cancel safe, but the pipe is closed.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        drop(self.stdin.take());
        self.life.process_mut().wait().await
    }

    /// Says how the process ended, if it has. The pipe to it stays open.
    ///
    /// # Errors
    /// As [`wait`](Self::wait), without those of a runtime.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.life.process_mut().try_wait()
    }

    /// Awaits the end of the process and of its output. The pipe to it is closed first.
    ///
    /// A descendant that has inherited the output may keep it open after the process has ended.
    ///
    /// # Errors
    /// As [`wait`](Self::wait), and when a pipe cannot be read.
    ///
    /// # Cancel safety
    /// Dropped, what was read is lost.
    pub async fn wait_with_output(mut self) -> Result<Output> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (mut out, mut err) = (self.stdout.take(), self.stderr.take());
        let mut status = ExitStatus::default();
        {
            let out = pin!(read_to_end(&mut out, &mut stdout));
            let err = pin!(read_to_end(&mut err, &mut stderr));
            let exit = pin!(async {
                status = self.wait().await?;
                Ok(())
            });
            all([Some(exit), Some(out), Some(err)]).await?;
        }
        Ok(Output { status, stdout, stderr })
    }

    pub(super) fn process(&self) -> &Process {
        self.life.process()
    }

    #[cfg(unix)] // For signals.
    pub(super) fn process_mut(&mut self) -> &mut Process {
        self.life.process_mut()
    }
}

/// Reads a pipe, if there is one, to its end, and closes it. Goes on where an earlier call was dropped.
pub(super) async fn read_to_end<R: AsyncRead + Unpin>(
    pipe: &mut Option<R>,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    if let Some(open) = pipe {
        open.read_to_end(bytes).await?;
    }
    *pipe = None;
    Ok(())
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("process", self.process())
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish()
    }
}

/// A process with what becomes of it when its owner goes.
struct Life {
    /// There until the drop.
    process: Option<Process>,
    on_drop: OnDrop,
}

impl Life {
    fn process(&self) -> &Process {
        self.process.as_ref().expect("only the drop takes it")
    }

    fn process_mut(&mut self) -> &mut Process {
        self.process.as_mut().expect("only the drop takes it")
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.let_go(self.on_drop);
        }
    }
}
