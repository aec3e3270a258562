//! A thread that stays until the test program ends: it starts the other programs, and ends the tests when they hang.
//!
//! Why one thread starts them all: the system kills a program when the *thread* is gone that has started it, and the
//! threads of tests come and go.

use crate::find;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::{Child, Command, Output, Stdio, abort};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// All tests of one program together take a small part of this. `FILCH_TEST_LIMIT` is another number of seconds.
const TOO_LONG: Duration = Duration::from_secs(300);

/// A program to start, and where to say what came of it.
type Order = (Command, SyncSender<io::Result<Child>>);

/// Ends the test program when its tests hang. Everything else here that a test may wait for does this too.
pub fn watch() {
    guard();
}

/// A command whose program is killed when the test program is gone, for whatever reason, if the system can do that.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let Some(setpriv) = find("setpriv") else { return Command::new(program) };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Starts a program.
pub fn spawn(command: Command) -> Child {
    let (started, result) = sync_channel(1);
    guard().send((command, started)).expect("it ends with this program");
    let child = result.recv().expect("it ends with this program");
    child.expect("it was built with this test, or looked for")
}

/// Runs a program to its end, with nothing to read.
pub fn output(mut command: Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    spawn(command).wait_with_output().expect("it is our child")
}

fn guard() -> &'static Sender<Order> {
    static GUARD: OnceLock<Sender<Order>> = OnceLock::new();
    GUARD.get_or_init(|| {
        let (sender, orders) = channel();
        let guard = Builder::new().name("guard".into()).spawn(move || stand_guard(&orders));
        guard.expect("the system has threads");
        sender
    })
}

fn stand_guard(orders: &Receiver<Order>) {
    let limit = std::env::var("FILCH_TEST_LIMIT").ok().and_then(|limit| limit.parse().ok());
    let limit = limit.map_or(TOO_LONG, Duration::from_secs);
    let end = Instant::now() + limit;
    let left = || end.saturating_duration_since(Instant::now());
    // The other end is never dropped: an error is the end of the time.
    while let Ok((mut command, started)) = orders.recv_timeout(left()) {
        let _ = started.send(command.spawn());
    }
    // Not `eprintln!`: what that prints is kept for the test whose thread has started this one, and lost with it.
    let _ = writeln!(io::stderr(), "these tests hang: they have not ended in {limit:?}");
    abort();
}
