//! The books of a run: every task and every blocking closure is entered before it is spawned, and crossed out once.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts how tasks ended.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    spawned: AtomicU64,
    done: AtomicU64,
    canceled: AtomicU64,
    panicked: AtomicU64,
}

/// An entry: dropped unfinished it counts as canceled, during a panic as panicked.
#[derive(Debug)]
pub(crate) struct Ticket {
    ledger: Arc<Ledger>,
    finished: bool,
}

impl Ledger {
    pub(crate) fn enter(self: &Arc<Self>) -> Ticket {
        self.spawned.fetch_add(1, Ordering::Relaxed);
        Ticket { ledger: Arc::clone(self), finished: false }
    }

    /// A future that holds a ticket from here to its end, polled or not.
    pub(crate) fn track<F: Future>(
        self: &Arc<Self>,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let ticket = self.enter();
        async move {
            let output = future.await;
            ticket.finish();
            output
        }
    }

    /// Entries that are not crossed out.
    pub(crate) fn open(&self) -> u64 {
        // Acquire: whoever sees an entry crossed out sees all that its task did.
        let ended =
            [&self.done, &self.canceled, &self.panicked].map(|count| count.load(Ordering::Acquire));
        self.spawned.load(Ordering::Relaxed) - ended.iter().sum::<u64>()
    }
}

impl Ticket {
    pub(crate) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let count = if self.finished {
            &self.ledger.done
        } else if std::thread::panicking() {
            &self.ledger.panicked
        } else {
            &self.ledger.canceled
        };
        count.fetch_add(1, Ordering::Release);
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [spawned, done, canceled, panicked] =
            [&self.spawned, &self.done, &self.canceled, &self.panicked]
                .map(|count| count.load(Ordering::Relaxed));
        write!(f, "{spawned} spawned = {done} done + {canceled} canceled + {panicked} panicked")
    }
}
