//! Who is being served, and what became of the others.

use super::report::{HandlerFailure, ServerReport};
use filch_core::sys::sync::Mutex;
use filch_core::task::AbortHandle;
use filch_sync::{CancellationToken, Notify};
use slab::Slab;
use std::collections::VecDeque;
use std::fmt;
use std::io::Error;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How many failures a report keeps.
const N_FAILURES: usize = 32;

/// Known to the server's handles, to the task that accepts, and to every connection's.
pub(super) struct Roll {
    /// Canceled when nothing more is to be accepted.
    pub(super) stop: CancellationToken,
    /// Told when there is room again, and when the server may have ended.
    changed: Notify,
    state: Mutex<State>,
}

struct State {
    limit: usize,
    is_accepting: bool,
    /// All connections were canceled after the stop, so the one that is just being accepted is to be canceled too.
    is_closing: bool,
    /// The connections that run.
    active: Slab<Connection>,
    /// All but `active` and `failures`.
    counts: ServerReport,
    failures: VecDeque<HandlerFailure>,
}

/// A connection's task.
enum Connection {
    /// Not known yet.
    Starting,
    /// Not known yet, and to be canceled.
    Doomed,
    Started(AbortHandle),
}

/// How a handler ended.
pub(super) enum End {
    Completed,
    Canceled,
    Failed(String),
    Panicked(String),
}

impl Roll {
    pub(super) fn new(limit: usize) -> Self {
        Roll {
            stop: CancellationToken::new(),
            changed: Notify::new(),
            state: Mutex::new(State {
                limit,
                is_accepting: true,
                is_closing: false,
                active: Slab::new(),
                counts: ServerReport::default(),
                failures: VecDeque::new(),
            }),
        }
    }

    pub(super) fn set_limit(&self, n: usize) {
        self.state.lock().limit = n;
        self.changed.notify_waiters();
    }

    /// Waits until one more connection may be handled. Only the task that accepts adds one.
    pub(super) async fn wait_for_room(&self) {
        self.wait_until(|state| state.active.len() < state.limit).await;
    }

    /// Waits until nothing runs and nothing will come.
    pub(super) async fn wait_for_end(&self) {
        self.wait_until(|state| !state.is_accepting && state.active.is_empty()).await;
    }

    async fn wait_until(&self, holds: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified(); // Before the look, so that no change is missed.
            if holds(&self.state.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Counts a connection that is about to be handled.
    pub(super) fn enter<A: fmt::Debug>(self: &Arc<Self>, peer: A) -> (usize, Guard<A>) {
        let mut state = self.state.lock();
        state.counts.accepted += 1;
        let number = state.active.insert(Connection::Starting);
        drop(state);
        (number, Guard { roll: Arc::clone(self), number, peer, end: End::Canceled })
    }

    /// Makes known how a connection can be canceled. Its task has not begun.
    pub(super) fn set_task(&self, number: usize, task: AbortHandle) {
        let is_doomed = {
            let mut state = self.state.lock();
            let started = Connection::Started(task.clone());
            let before = mem::replace(&mut state.active[number], started);
            state.is_closing || matches!(before, Connection::Doomed)
        };
        if is_doomed {
            task.abort();
        }
    }

    pub(super) fn close_clients(&self) {
        let mut tasks = Vec::new();
        {
            let mut state = self.state.lock();
            state.is_closing |= self.stop.is_cancelled();
            for (_, connection) in &mut state.active {
                match connection {
                    Connection::Started(task) => tasks.push(task.clone()),
                    Connection::Starting | Connection::Doomed => *connection = Connection::Doomed,
                }
            }
        }
        tasks.iter().for_each(AbortHandle::abort); // Unlocked: an abort may drop a future, which is foreign code.
    }

    pub(super) fn accept_failed(&self, error: Error) {
        self.state.lock().counts.accept_error = Some(error.to_string());
    }

    pub(super) fn report(&self) -> ServerReport {
        let state = self.state.lock();
        ServerReport {
            active: state.active.len(),
            failures: state.failures.iter().cloned().collect(),
            ..state.counts.clone()
        }
    }

    fn leave(&self, number: usize, end: End, peer: &dyn fmt::Debug) {
        // Unlocked, since it is foreign code; and caught, since the roll is to be told whatever that does.
        let peer = || catch_unwind(AssertUnwindSafe(|| format!("{peer:?}"))).unwrap_or_default();
        let failure = |message, is_panic| HandlerFailure { peer: peer(), message, is_panic };
        let (failure, count): (_, fn(&mut ServerReport) -> &mut u64) = match end {
            End::Completed => (None, |counts| &mut counts.completed),
            End::Canceled => (None, |counts| &mut counts.canceled),
            End::Failed(message) => (Some(failure(message, false)), |counts| &mut counts.failed),
            End::Panicked(message) => (Some(failure(message, true)), |counts| &mut counts.panicked),
        };
        let mut state = self.state.lock();
        *count(&mut state.counts) += 1;
        if let Some(failure) = failure {
            if state.failures.len() == N_FAILURES {
                state.failures.pop_front();
            }
            state.failures.push_back(failure);
        }
        let task = state.active.remove(number);
        let is_awaited = state.active.len() + 1 == state.limit || !state.is_accepting;
        drop(state);
        drop(task); // Unlocked: it may be the last reference to the task.
        if is_awaited {
            self.changed.notify_waiters();
        }
    }
}

/// The task that accepts is alive. Its drop says that nothing more will come.
pub(super) struct Accepting(Arc<Roll>);

impl Accepting {
    pub(super) fn new(roll: Arc<Roll>) -> Self {
        Accepting(roll)
    }

    pub(super) fn roll(&self) -> &Arc<Roll> {
        &self.0
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.state.lock().is_accepting = false;
        self.0.changed.notify_waiters();
    }
}

/// A connection that is handled. Its drop says that it is not any more.
pub(super) struct Guard<A: fmt::Debug> {
    roll: Arc<Roll>,
    number: usize,
    peer: A,
    end: End,
}

impl<A: fmt::Debug> Guard<A> {
    /// Says how it ended; canceled, otherwise.
    pub(super) fn set_end(&mut self, end: End) {
        self.end = end;
    }
}

impl<A: fmt::Debug> Drop for Guard<A> {
    fn drop(&mut self) {
        let end = mem::replace(&mut self.end, End::Canceled);
        self.roll.leave(self.number, end, &self.peer);
    }
}
