//! Unix signals.

use super::table;
use filch_core::coop;
use futures_core::Stream;
use std::ffi::c_int;
use std::future::poll_fn;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Which signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKind(c_int);

impl SignalKind {
    /// The signal of this number.
    pub const fn from_raw(number: c_int) -> SignalKind {
        SignalKind(number)
    }

    /// The signal's number.
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }

    /// `SIGALRM`: a timer of the process ran out.
    pub const fn alarm() -> SignalKind {
        SignalKind(libc::SIGALRM)
    }

    /// `SIGCHLD`: a child process changed its state.
    pub const fn child() -> SignalKind {
        SignalKind(libc::SIGCHLD)
    }

    /// `SIGHUP`: the terminal was closed; for daemons, a request to read the configuration again.
    pub const fn hangup() -> SignalKind {
        SignalKind(libc::SIGHUP)
    }

    /// `SIGINFO`: Ctrl-T.
    #[cfg(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    pub const fn info() -> SignalKind {
        SignalKind(libc::SIGINFO)
    }

    /// `SIGINT`: Ctrl-C.
    pub const fn interrupt() -> SignalKind {
        SignalKind(libc::SIGINT)
    }

    /// `SIGIO`: input or output is possible.
    pub const fn io() -> SignalKind {
        SignalKind(libc::SIGIO)
    }

    /// `SIGPIPE`: a write into a pipe that nobody reads.
    pub const fn pipe() -> SignalKind {
        SignalKind(libc::SIGPIPE)
    }

    /// `SIGQUIT`: Ctrl-\.
    pub const fn quit() -> SignalKind {
        SignalKind(libc::SIGQUIT)
    }

    /// `SIGTERM`: a request to end.
    pub const fn terminate() -> SignalKind {
        SignalKind(libc::SIGTERM)
    }

    /// `SIGUSR1`.
    pub const fn user_defined1() -> SignalKind {
        SignalKind(libc::SIGUSR1)
    }

    /// `SIGUSR2`.
    pub const fn user_defined2() -> SignalKind {
        SignalKind(libc::SIGUSR2)
    }

    /// `SIGWINCH`: the terminal has another size.
    pub const fn window_change() -> SignalKind {
        SignalKind(libc::SIGWINCH)
    }
}

impl From<c_int> for SignalKind {
    fn from(number: c_int) -> SignalKind {
        SignalKind(number)
    }
}

impl From<SignalKind> for c_int {
    fn from(kind: SignalKind) -> c_int {
        kind.0
    }
}

/// Begins to listen for a signal, whose usual effect is suspended while a listener lives.
///
/// A handler that was installed before is not called meanwhile; the last listener's drop puts it back. A signal that came
/// and that no listener has received by then is sent once more, to have its usual effect: a handler is called, and what
/// ends a process ends it.
///
/// A fork has none of its parent's listeners, and its signals do there what they did before; a handler of the program's
/// that was replaced is back once the fork uses this module. The fork may listen by itself.
///
/// # Errors
/// When the number names no signal or one that must not be caught: `SIGKILL`, `SIGSTOP`, `SIGILL`, `SIGFPE`, `SIGSEGV`.
///
/// # Examples
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use filch_io::signal::unix::{SignalKind, signal};
///
/// let mut hangups = signal(SignalKind::hangup())?;
/// while hangups.recv().await.is_some() {
///     println!("reading the configuration again");
/// }
/// # Ok(()) }
/// ```
pub fn signal(kind: SignalKind) -> Result<Signal> {
    let key = table::listen(kind.0)?;
    Ok(Signal { kind, key })
}

/// A listener for one signal. From [`signal`].
///
/// Signals that come faster than they are received count as one. It is a stream as well, which never ends.
#[must_use = "dropping the listener gives the signal its usual effect back"]
#[derive(Debug)]
pub struct Signal {
    kind: SignalKind,
    key: table::Key,
}

impl Signal {
    /// Waits for the signal. Never answers `None`.
    ///
    /// # Panics
    /// In a fork of the process that has made the listener.
    ///
    /// # Cancel safety
    /// Cancel safe: a signal that comes between two calls is received by the next.
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for the signal. Never answers `None`.
    ///
    /// # Panics
    /// As [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let unit = ready!(coop::poll_proceed(cx));
        ready!(table::poll(self.kind.0, self.key, cx.waker()));
        unit.made_progress();
        Poll::Ready(Some(()))
    }

    /// Receives what has come, if anything has.
    pub(super) fn clear(&mut self) {
        table::clear(self.kind.0, self.key);
    }
}

impl Stream for Signal {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.poll_recv(cx)
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        table::leave(self.kind.0, self.key);
    }
}
