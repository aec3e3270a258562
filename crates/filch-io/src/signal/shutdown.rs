//! The signals that ask a program to end.

use super::unix::{Signal, SignalKind, signal};
use std::fmt;
use std::future::poll_fn;
use std::io::Result;
use std::task::{Context, Poll};

/// What a program is asked to end by. From [`shutdown_signal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ShutdownSignal {
    /// `SIGINT`: a person pressed Ctrl-C.
    Interrupt,
    /// `SIGTERM`: a service manager, a container engine or `kill`.
    Terminate,
}

impl ShutdownSignal {
    const ALL: [ShutdownSignal; 2] = [ShutdownSignal::Interrupt, ShutdownSignal::Terminate];

    /// The signal.
    pub const fn kind(self) -> SignalKind {
        match self {
            ShutdownSignal::Interrupt => SignalKind::interrupt(),
            ShutdownSignal::Terminate => SignalKind::terminate(),
        }
    }
}

impl fmt::Display for ShutdownSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ShutdownSignal::Interrupt => "SIGINT",
            ShutdownSignal::Terminate => "SIGTERM",
        })
    }
}

/// Waits until the program is asked to end, by Ctrl-C (`SIGINT`) or by `SIGTERM`, and tells by which.
///
/// From the first poll until the future is dropped, neither ends the process. After that they do again: a second one ends
/// a program that hangs while it shuts down. `SIGHUP` is not among them, for it asks daemons to read their configuration
/// again; where it should end the program, [`signal`] listens for it.
///
/// # Errors
/// When a handler cannot be installed.
///
/// # Cancel safety
/// Cancel safe: no signal is lost. One that comes between two calls has its usual effect, and so has one that came while
/// the future was there and that it was not polled for. Where both have come before it is polled, they count as one.
///
/// # Examples
/// ```no_run
/// # async fn serve() {}
/// # async fn example() -> std::io::Result<()> {
/// let server = serve();
/// let asked = filch_io::signal::shutdown_signal().await?;
/// println!("{asked}: no more connections are accepted");
/// drop(server);
/// # Ok(()) }
/// ```
pub async fn shutdown_signal() -> Result<ShutdownSignal> {
    let [interrupt, terminate] = ShutdownSignal::ALL.map(|asked| signal(asked.kind()));
    let mut listeners = [interrupt?, terminate?];
    poll_fn(|cx| poll_first(&mut listeners, cx).map(Ok)).await
}

fn poll_first(listeners: &mut [Signal; 2], cx: &mut Context<'_>) -> Poll<ShutdownSignal> {
    for (place, asked) in ShutdownSignal::ALL.into_iter().enumerate() {
        if listeners[place].poll_recv(cx).is_ready() {
            // Why: the other one, if it has come as well, would end the program when its listener is dropped.
            listeners.iter_mut().for_each(Signal::clear);
            return Poll::Ready(asked);
        }
    }
    Poll::Pending
}
