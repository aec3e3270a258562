//! Signals of the operating system as events that can be awaited.
//!
//! Needs no runtime: it works under any executor. Every signal may have many listeners; while it has one, its usual effect
//! is suspended, and the last listener's drop brings that back.

#[cfg(unix)]
#[doc(hidden)]
pub mod interrupt;
#[cfg(unix)]
mod shutdown;
#[cfg(unix)]
mod table;

#[cfg(unix)]
pub mod unix;

#[cfg(unix)]
pub use shutdown::{ShutdownSignal, shutdown_signal};

/// Waits for one Ctrl-C (`SIGINT`).
///
/// From the first poll until the future is dropped, Ctrl-C does not end the process. After that it does again, unless
/// another listener lives: a second Ctrl-C ends a program that hangs while it shuts down. Who must not miss one
/// between two waits keeps a [`unix::Signal`] instead.
///
/// # Errors
/// When the handler cannot be installed.
///
/// # Cancel safety
/// Cancel safe: no Ctrl-C is lost. One that comes between two calls has its usual effect, and so has one that came while
/// the future was there and that it was not polled for: in a `select!` that another branch wins, Ctrl-C ends the process,
/// or is told to who handles it beside this future, as `filch::run` does.
#[cfg(unix)]
pub async fn ctrl_c() -> std::io::Result<()> {
    unix::signal(unix::SignalKind::interrupt())?.recv().await;
    Ok(())
}
