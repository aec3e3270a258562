//! What has become of a server's connections.

use std::fmt;

/// What has become of a server's connections. From [`Server::report`](super::Server::report).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerReport {
    /// How many connections were accepted.
    pub accepted: u64,
    /// How many of them are handled at this moment.
    pub active: usize,
    /// How many handlers came to their end without an error.
    pub completed: u64,
    /// How many answered an error.
    pub failed: u64,
    /// How many panicked.
    pub panicked: u64,
    /// How many were canceled: by [`close_clients`](super::Server::close_clients), or by the end of the runtime.
    pub canceled: u64,
    /// The latest errors and panics, the oldest first; not all of them, if there are many.
    pub failures: Vec<HandlerFailure>,
    /// Why the listener failed, if it did.
    pub accept_error: Option<String>,
}

/// A handler that did not come to a good end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandlerFailure {
    /// Who was at the other end.
    pub peer: String,
    /// The error, or what the panic said.
    pub message: String,
    /// Whether it panicked.
    pub is_panic: bool,
}

impl fmt::Display for ServerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServerReport { accepted, active, completed, failed, panicked, canceled, .. } = self;
        write!(f, "{accepted} accepted, {active} active, {completed} completed")?;
        write!(f, ", {failed} failed, {panicked} panicked, {canceled} canceled")?;
        self.failures.iter().try_for_each(|failure| write!(f, "\n{failure}"))?;
        self.accept_error.iter().try_for_each(|error| write!(f, "\nthe listener failed: {error}"))
    }
}

impl fmt::Display for HandlerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_panic { "panicked" } else { "failed" };
        write!(f, "{}: {what}: {}", self.peer, self.message)
    }
}
