//! A program from its start to its end, as one future.

use super::child::{Child, read_to_end};
use super::command::{Command, OnDrop};
use super::pipe::{ChildStderr, ChildStdin, ChildStdout};
use super::system::{Pipe, unknown_end};
use crate::io::AsyncWriteExt;
use filch_timer::timeout;
use std::borrow::BorrowMut;
use std::error;
use std::fmt;
use std::future::{Future, IntoFuture, pending, poll_fn};
use std::io::{self, ErrorKind, Result};
use std::pin::{Pin, pin};
use std::process::Output;
use std::task::Poll;
use std::time::Duration;

/// How long a program that was asked to end has for it.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a program to its end and gives what it wrote.
///
/// Its output streams are captured, and there is nothing for it to read, unless the command says otherwise (by methods of
/// [`Command`], not of the standard library's command inside it). The command may be lent or given.
///
/// The program starts when the [`Run`] is awaited. When the future is dropped, the program is asked to end (`SIGTERM`)
/// and killed after the [grace](Run::grace); with [`kill_tree_on_drop`](Command::kill_tree_on_drop) that concerns all of
/// its tree.
///
/// # Errors
/// As [`Command::spawn`], when a pipe breaks, when the [`timeout`](Run::timeout) is over, and when a
/// [checked](Run::check) program fails. Once it was started, each hands over what it wrote.
///
/// # Cancel safety
/// Dropped, the program is ended, and what it wrote is lost.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::process::{Command, run};
/// use std::time::Duration;
///
/// let mut count = Command::new("wc");
/// let output = run(count.arg("-w"))
///     .input("three short words")
///     .timeout(Duration::from_secs(10))
///     .check()
///     .await?;
/// assert_eq!(output.stdout.trim_ascii(), b"3");
/// # Ok(()) }
/// ```
pub fn run<C: BorrowMut<Command>>(command: C) -> Run<C> {
    Run { command, input: None, limit: None, grace: None, checks: false }
}

/// A program that is to run to its end. From [`run`].
#[derive(Debug)]
#[must_use = "nothing is started until it is awaited"]
pub struct Run<C> {
    command: C,
    input: Option<Vec<u8>>,
    limit: Option<Duration>,
    grace: Option<Duration>,
    checks: bool,
}

impl<C> Run<C> {
    /// Gives the program something to read. It need not read all of it.
    ///
    /// The program is done when it has ended, its output is closed, and its input was taken or the pipe for it closed. So
    /// a descendant that keeps that pipe open without reading is waited for, up to the [`timeout`](Self::timeout), if
    /// there is more input than the pipe holds.
    ///
    /// It goes before a `stdin` of the command, which cannot be given back: a command that is only lent has a pipe there
    /// from then on.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Limits the time until the program has ended, its output is closed, and its [`input`](Self::input) was taken or
    /// the pipe for it closed.
    ///
    /// After that it is asked to end (`SIGTERM`), killed after the [grace](Self::grace), and the outcome is
    /// [`RunError::TimedOut`]. What is left of its tree, if that is to be ended, is killed once the program itself has
    /// ended. Any other descendant that goes on and holds a pipe open is not waited for; on Windows it is, for the
    /// grace. A program that runs as somebody else and may not be signaled goes on, and is reaped at its end.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Says how long the program has to end when it is asked to; otherwise it is
    /// [`Command::terminate_timeout`], or five seconds.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Makes it an error when the program fails, that is, ends with another exit code than zero or by a signal.
    pub fn check(mut self) -> Self {
        self.checks = true;
        self
    }
}

impl<C: BorrowMut<Command>> IntoFuture for Run<C> {
    type Output = std::result::Result<Output, RunError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Starts the program.
    fn into_future(mut self) -> Self::IntoFuture {
        let command = self.command.borrow_mut();
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let grace = self.grace.or(command.on_drop.grace).unwrap_or(GRACE);
        command.capture(self.input.is_some());
        let on_drop = OnDrop { kills: true, grace: Some(grace), ..command.on_drop };
        let child = command.start(on_drop, std::process::Command::spawn);
        command.release();
        let (input, limit, checks) = (self.input.unwrap_or_default(), self.limit, self.checks);
        Box::pin(async move {
            let child = match child {
                Ok(child) => child,
                Err(error) => return Err(RunError::Io { program, error, output: None }),
            };
            let (is_done, output) = Talk::new(child, input).outcome(limit, grace).await;
            match (is_done, limit) {
                (Err(error), _) => Err(RunError::Io { program, error, output: Some(output) }),
                (Ok(false), Some(limit)) => Err(RunError::TimedOut { program, limit, output }),
                _ if checks && !output.status.success() => {
                    Err(RunError::Failed { program, output })
                }
                _ => Ok(output),
            }
        })
    }
}

/// What is said to a program and what it answers.
struct Talk {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    input: Vec<u8>,
    n_written: usize,
    /// What was read, and how the program ended, once that is known.
    output: Output,
}

impl Talk {
    fn new(mut child: Child, input: Vec<u8>) -> Talk {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let output = Output { status: unknown_end(), stdout: vec![], stderr: vec![] };
        Talk { child, stdin, stdout, stderr, input, n_written: 0, output }
    }

    /// Whether the program was done in time, and what it wrote. If it was not, or something failed, it is ended.
    async fn outcome(mut self, limit: Option<Duration>, grace: Duration) -> (Result<bool>, Output) {
        let is_done = match limit {
            None => self.finish().await.map(|()| true),
            Some(limit) => self.finish_within(limit).await,
        };
        if !matches!(is_done, Ok(true)) {
            self.end(grace).await;
        }
        (is_done, self.output)
    }

    /// Feeds, reads and waits until the program has ended and its pipes are closed. Goes on where an earlier call was
    /// dropped.
    async fn finish(&mut self) -> Result<()> {
        let Talk { child, stdin, stdout, stderr, input, n_written, output } = self;
        let feeding = pin!(feed(stdin, input, n_written));
        let out = pin!(read_to_end(stdout, &mut output.stdout));
        let err = pin!(read_to_end(stderr, &mut output.stderr));
        let exit = pin!(async {
            output.status = child.wait().await?;
            Ok(())
        });
        all([Some(exit), Some(feeding), Some(out), Some(err)]).await
    }

    /// As [`finish`](Self::finish); `false` when the time is over.
    async fn finish_within(&mut self, limit: Duration) -> Result<bool> {
        match timeout(limit, self.finish()).await {
            Ok(finished) => finished.map(|()| true),
            Err(_elapsed) => Ok(false),
        }
    }

    /// Ends the program, by force when the grace is over, and takes what is left in its pipes; not to their ends, for
    /// somebody else may hold them.
    ///
    /// Whatever fails here, something else went wrong before, which is what is told.
    async fn end(&mut self, grace: Duration) {
        if !self.has_ended() || self.child.has_tree() {
            // Why ignored: one that may not be signaled may end by itself.
            let _ = self.child.start_terminate();
            let has_ended = timeout(grace, self.exit()).await.is_ok();
            let is_killed = self.child.start_kill_all().is_ok();
            if is_killed && !has_ended {
                self.exit().await;
            }
        }
        if !Pipe::DRAINS {
            let _ = self.finish_within(grace).await;
        }
        if let Some(pipe) = &mut self.stdout {
            pipe.pipe.drain(&mut self.output.stdout);
        }
        if let Some(pipe) = &mut self.stderr {
            pipe.pipe.drain(&mut self.output.stderr);
        }
    }

    /// Whether the end of the program itself is known.
    fn has_ended(&mut self) -> bool {
        let ended = self.child.try_wait();
        if let Ok(Some(status)) = ended {
            self.output.status = status;
        }
        matches!(ended, Ok(Some(_)))
    }

    /// Waits until the program itself has ended, or nobody can know. Feeds and reads meanwhile, for it may write before.
    async fn exit(&mut self) {
        let Talk { child, stdin, stdout, stderr, input, n_written, output } = self;
        let feeding = pin!(regardless(feed(stdin, input, n_written)));
        let out = pin!(regardless(read_to_end(stdout, &mut output.stdout)));
        let err = pin!(regardless(read_to_end(stderr, &mut output.stderr)));
        let mut talk = pin!(async {
            let _ = all([Some(feeding), Some(out), Some(err)]).await;
            pending::<()>().await
        });
        let mut exit = pin!(child.wait());
        let exited = poll_fn(|cx| {
            let _ = talk.as_mut().poll(cx);
            exit.as_mut().poll(cx)
        });
        if let Ok(status) = exited.await {
            output.status = status;
        }
    }
}

/// One that fails does not stop the others.
async fn regardless(part: impl Future<Output = Result<()>>) -> Result<()> {
    let _ = part.await;
    Ok(())
}

/// Writes what is left of the input, and closes the pipe.
async fn feed(stdin: &mut Option<ChildStdin>, input: &[u8], n_written: &mut usize) -> Result<()> {
    if let Some(pipe) = stdin {
        while *n_written < input.len() {
            match pipe.write(&input[*n_written..]).await {
                Ok(n) => *n_written += n,
                // The program does not want the rest.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                Err(error) => return Err(error),
            }
        }
    }
    *stdin = None;
    Ok(())
}

/// A part of what is waited for.
type Part<'a> = Pin<&'a mut (dyn Future<Output = Result<()>> + Send)>;

/// Polls all parts until each is done, or one has failed.
pub(super) async fn all<const N: usize>(mut parts: [Option<Part<'_>>; N]) -> Result<()> {
    poll_fn(|cx| {
        for slot in &mut parts {
            let Some(part) = slot else { continue };
            if let Poll::Ready(result) = part.as_mut().poll(cx) {
                *slot = None;
                result?;
            }
        }
        if parts.iter().all(Option::is_none) { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

/// Why a program has not [run](run()) as it should.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The program could not be started, awaited or talked to.
    #[non_exhaustive]
    Io {
        /// The program, as the command names it.
        program: String,
        /// What went wrong.
        error: io::Error,
        /// How it ended, and what it had written, if it was started.
        ///
        /// The status is that of no end, as in [`TimedOut`](Self::TimedOut), when nobody can know how it ended.
        output: Option<Output>,
    },
    /// The program was not done in time, and was ended.
    #[non_exhaustive]
    TimedOut {
        /// The program, as the command names it.
        program: String,
        /// How long it had.
        limit: Duration,
        /// How it ended, and what it had written.
        ///
        /// The status is that of no end, without an exit code or a signal (on Windows: code 259), when the program may
        /// not be ended by us, or somebody else has reaped it.
        output: Output,
    },
    /// The program ended with a failure, and was to be checked.
    #[non_exhaustive]
    Failed {
        /// The program, as the command names it.
        program: String,
        /// How it ended, and what it had written.
        output: Output,
    },
}

impl RunError {
    /// How the program ended and what it had written, if it was started.
    pub fn output(&self) -> Option<&Output> {
        match self {
            RunError::Io { output, .. } => output.as_ref(),
            RunError::TimedOut { output, .. } | RunError::Failed { output, .. } => Some(output),
        }
    }

    /// As [`output`](Self::output).
    pub fn into_output(self) -> Option<Output> {
        match self {
            RunError::Io { output, .. } => output,
            RunError::TimedOut { output, .. } | RunError::Failed { output, .. } => Some(output),
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Io { program, error, .. } => write!(f, "`{program}`: {error}"),
            RunError::TimedOut { program, limit, output } => {
                write!(f, "`{program}` was not done after {limit:?} and ")?;
                match output.status {
                    status if status == unknown_end() => write!(f, "its end is not known"),
                    status => write!(f, "was ended ({status})"),
                }
            }
            RunError::Failed { program, output } => {
                write!(f, "`{program}` failed ({})", output.status)?;
                match last_line(&output.stderr) {
                    Some(line) => write!(f, ": {line}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// The last line that says something.
fn last_line(messages: &[u8]) -> Option<String> {
    let line = messages.trim_ascii().rsplit(|byte| *byte == b'\n').next()?;
    (!line.is_empty()).then(|| String::from_utf8_lossy(line).trim_end().to_owned())
}

impl error::Error for RunError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            // Its message is in this one's, so its source is this one's.
            RunError::Io { error, .. } => error.source(),
            RunError::TimedOut { .. } | RunError::Failed { .. } => None,
        }
    }
}

impl From<RunError> for io::Error {
    fn from(error: RunError) -> io::Error {
        match error {
            RunError::Io { error, .. } => error,
            RunError::TimedOut { .. } => io::Error::new(ErrorKind::TimedOut, error),
            RunError::Failed { .. } => io::Error::other(error),
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_last_one_with_words() {
        assert_eq!(last_line(b"one\ntwo words\n\n").as_deref(), Some("two words"));
        assert_eq!(last_line(b"one\r\n").as_deref(), Some("one"));
        assert_eq!(last_line(b" \n"), None);
        assert_eq!(last_line(b""), None);
    }
}
