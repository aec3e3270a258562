//! What to start.

use super::child::Child;
use std::ffi::OsStr;
use std::future::Future;
use std::io::Result;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

/// A program to start, its arguments and surroundings.
///
/// As the standard library's [`Command`](std::process::Command), whose children are awaited instead of blocked on.
/// A child starts with no signal blocked, and `SIGPIPE` ends it as usual.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::process::Command;
///
/// let output = Command::new("git").args(["log", "--oneline"]).output().await?;
/// println!("{} commits", output.stdout.split(|byte| *byte == b'\n').count());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Command {
    pub(super) std: std::process::Command,
    pub(super) on_drop: OnDrop,
    pub(super) streams: Streams,
    /// The process group that the child joins, by our own `process_group`; 0 is one of its own.
    pub(super) group: Option<i32>,
}

/// What becomes of a process when its [`Child`] is dropped.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OnDrop {
    /// It is killed.
    pub(super) kills: bool,
    /// It is killed with its tree.
    pub(super) kills_tree: bool,
    /// It is asked to end and has this long.
    pub(super) grace: Option<Duration>,
}

/// Which standard streams the user has decided on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Streams {
    stdin: bool,
    stdout: bool,
    stderr: bool,
}

impl Command {
    /// A program by its path, or by a name that is looked up in `PATH`.
    ///
    /// It inherits the streams, the environment and the directory of this process, unless told otherwise.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        Command::from(std::process::Command::new(program))
    }

    /// The standard library's command.
    pub fn as_std(&self) -> &std::process::Command {
        &self.std
    }

    /// The standard library's command, to be changed.
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.std
    }

    /// Gives the standard library's command. What this type added to it is lost.
    ///
    /// A stream that nothing was said about and that [`output`](Self::output) or a [`run`](super::run()) has captured is
    /// inherited from then on, also by its own `output`.
    pub fn into_std(self) -> std::process::Command {
        self.std
    }

    /// Adds an argument.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets a variable of the environment.
    pub fn env<K, V>(&mut self, key: K, value: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.env(key, value);
        self
    }

    /// Sets variables of the environment.
    pub fn envs<I, K, V>(&mut self, variables: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(variables);
        self
    }

    /// Takes a variable out of the environment.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Takes every variable out of the environment.
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// Says in which directory the child starts.
    pub fn current_dir<P: AsRef<Path>>(&mut self, directory: P) -> &mut Command {
        self.std.current_dir(directory);
        self
    }

    /// Says what the child reads: inherited, `Stdio::piped()`, `Stdio::null()`, a file, or another child's output.
    pub fn stdin<T: Into<Stdio>>(&mut self, stream: T) -> &mut Command {
        self.std.stdin(stream);
        self.streams.stdin = true;
        self
    }

    /// Says where the child's output goes.
    pub fn stdout<T: Into<Stdio>>(&mut self, stream: T) -> &mut Command {
        self.std.stdout(stream);
        self.streams.stdout = true;
        self
    }

    /// Says where the child's messages go.
    pub fn stderr<T: Into<Stdio>>(&mut self, stream: T) -> &mut Command {
        self.std.stderr(stream);
        self.streams.stderr = true;
        self
    }

    /// Says whether a child that runs is killed when its [`Child`] is dropped. By default it goes on.
    ///
    /// The drop does not wait; the process is reaped when it has ended.
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        self.on_drop.kills = kill_on_drop;
        self
    }

    /// Whether a child is killed when its [`Child`] is dropped.
    pub fn get_kill_on_drop(&self) -> bool {
        self.on_drop.kills
    }

    /// As [`kill_on_drop`](Self::kill_on_drop) for the child and its descendants, also for those that outlive it.
    ///
    /// The child leads a process group of its own, whatever `process_group` was told; the [module page](super) has the
    /// limits. After it was awaited, the number of the process stays taken until the [`Child`] is dropped, so that the
    /// rest of the tree can still be told from strangers.
    ///
    /// A command that has started a child so and is then told `false` goes on to give each child a group of its own,
    /// unless `process_group` was told another one: the standard library cannot take that back.
    pub fn kill_tree_on_drop(&mut self, kill_tree_on_drop: bool) -> &mut Command {
        self.on_drop.kills_tree = kill_tree_on_drop;
        self
    }

    /// Says how long a child has to end by itself when it is to be ended: it gets `SIGTERM`, and `SIGKILL` when it is
    /// still there after `grace`. By default it is killed at once.
    ///
    /// It holds where [`kill_on_drop`](Self::kill_on_drop) or [`kill_tree_on_drop`](Self::kill_tree_on_drop) applies, and
    /// for [`run`](super::run()). The time is the system's, also under a stopped clock. What is left of a tree is killed
    /// as soon as the child itself has ended. When this process ends before the grace does, nobody is killed.
    /// On Windows there is no such request: the child is killed at once.
    pub fn terminate_timeout(&mut self, grace: Duration) -> &mut Command {
        self.on_drop.grace = Some(grace);
        self
    }

    /// Starts the program.
    ///
    /// The call blocks until the system has loaded the program. Without a runtime it works as well.
    ///
    /// # Errors
    /// When the program cannot be started: it is not there, may not be run, or there are too many processes or
    /// descriptors. No process is left then.
    pub fn spawn(&mut self) -> Result<Child> {
        self.spawn_with(std::process::Command::spawn)
    }

    /// As [`spawn`](Self::spawn), by a call of your own on the standard library's command.
    ///
    /// # Errors
    /// Those of `with`, and as [`spawn`](Self::spawn).
    pub fn spawn_with(
        &mut self,
        with: impl FnOnce(&mut std::process::Command) -> Result<std::process::Child>,
    ) -> Result<Child> {
        self.start(self.on_drop, with)
    }

    pub(super) fn start(
        &mut self,
        on_drop: OnDrop,
        with: impl FnOnce(&mut std::process::Command) -> Result<std::process::Child>,
    ) -> Result<Child> {
        let group = self.group;
        if on_drop.kills_tree {
            self.process_group(0);
        }
        let leads_group = self.group == Some(0);
        let child = with(&mut self.std);
        // The user's own, for a start without a tree.
        if let Some(group) = group {
            self.process_group(group);
        }
        Child::new(child?, on_drop, leads_group)
    }

    /// Starts the program and awaits its end. Its streams are inherited by default; pipes to it are closed.
    ///
    /// It starts at once. When the future is dropped, the process goes on, unless
    /// [`kill_on_drop`](Self::kill_on_drop) was set.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn), and [`Child::wait`]. To end with a failure is no error.
    pub fn status(&mut self) -> impl Future<Output = Result<ExitStatus>> + Send + use<> {
        let child = self.spawn();
        async {
            let mut child = child?;
            // Closed: the child may wait for what nobody would write or read.
            drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
            child.wait().await
        }
    }

    /// Starts the program, awaits its end and gives what it wrote, whatever was said about its output streams.
    ///
    /// It starts at once. When the future is dropped, the process goes on, unless
    /// [`kill_on_drop`](Self::kill_on_drop) was set. [`run`](super::run()) does more.
    ///
    /// An output stream that something was said about is a pipe from then on: the standard library does not give back what
    /// it was.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn), and [`Child::wait_with_output`]. To end with a failure is no error.
    pub fn output(&mut self) -> impl Future<Output = Result<Output>> + Send + use<> {
        self.std.stdout(Stdio::piped());
        self.std.stderr(Stdio::piped());
        let child = self.spawn();
        self.release_output();
        async { child?.wait_with_output().await }
    }

    /// Pipes for the output streams that the user has not decided on; nothing to read, or a pipe.
    pub(super) fn capture(&mut self, has_input: bool) {
        if has_input {
            self.std.stdin(Stdio::piped());
        } else if !self.streams.stdin {
            self.std.stdin(Stdio::null());
        }
        if !self.streams.stdout {
            self.std.stdout(Stdio::piped());
        }
        if !self.streams.stderr {
            self.std.stderr(Stdio::piped());
        }
    }

    /// Undoes [`capture`](Self::capture), so that the next child has no pipe that nobody asked for: closed or unread, it
    /// would end that child or block it.
    pub(super) fn release(&mut self) {
        if !self.streams.stdin {
            self.std.stdin(Stdio::inherit());
        }
        self.release_output();
    }

    fn release_output(&mut self) {
        if !self.streams.stdout {
            self.std.stdout(Stdio::inherit());
        }
        if !self.streams.stderr {
            self.std.stderr(Stdio::inherit());
        }
    }
}

/// What the standard library's command was told of its output streams counts as nothing said: [`output`](Command::output)
/// and a [`run`](super::run()) capture them, and later children inherit them.
impl From<std::process::Command> for Command {
    fn from(std: std::process::Command) -> Command {
        Command { std, on_drop: OnDrop::default(), streams: Streams::default(), group: None }
    }
}
