//! The seams: what a scheduler, a driver, a clock and timers must do to be swapped in.
//!
//! Hot work does not pass through here: it happens on the task header, the [`IoSlot`](crate::io::IoSlot) and the
//! [`TimerCell`]. A part that breaks a safe contract of these traits may make programs hang,
//! never unsound; what could be unsound is an `unsafe fn`. The traits grow by provided methods only (design 0008).

use crate::io::{Interest, SlotKey};
use crate::runtime::RuntimeRef;
use crate::task::Runnable;
use crate::timer::TimerCell;
use crate::wake_batch::WakeBatch;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why a task comes to the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// It was spawned.
    Spawn,
    /// It was woken; likely its data is warm on this thread.
    Wake,
    /// It woke itself while it ran (a yield): others go first.
    Yield,
}

/// Decides which task runs next and on which thread.
///
/// Blocking threads, the list of all tasks and the end of a runtime are not its business; they stay when it is swapped.
pub trait Scheduler: Send + Sync + 'static {
    /// Begins work for `runtime`; `park` is where its threads wait. Called once, before anything else.
    ///
    /// # Errors
    /// When a thread cannot be started. Threads started before are joined then.
    fn start(self: Arc<Self>, runtime: RuntimeRef, park: Arc<dyn Park>) -> io::Result<()>;

    /// Takes a task that must run soon. From any thread. Dropping a [`Runnable`] cancels its task.
    fn schedule(&self, task: Runnable, hint: Hint);

    /// Takes several tasks; at most one worker needs to be notified.
    fn schedule_batch(&self, tasks: &mut dyn Iterator<Item = Runnable>) {
        tasks.for_each(|task| self.schedule(task, Hint::Wake));
    }

    /// Polls `future` on the calling thread until it is done. A scheduler without threads of its own runs its tasks
    /// meanwhile. The default parks the thread between two polls.
    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        crate::runtime::block_on_thread(future);
    }

    /// Stops: returns when no thread of this scheduler polls tasks any more. Tasks still queued are dropped.
    fn shutdown(&self);

    /// How many threads poll tasks. Each has an index below this number.
    fn n_workers(&self) -> usize;
}

/// Where a scheduler's threads wait: driver, timers and clock joined into one. Handed to [`Scheduler::start`].
///
/// At most one thread holds the driver at a time; the others park as they like.
pub trait Park: Send + Sync + 'static {
    /// Takes the driver if nobody holds it. Whoever gets `true` calls [`release`](Self::release) in the end.
    fn try_hold(&self) -> bool;

    /// Gives the driver back.
    fn release(&self);

    /// Waits for an event, a deadline, [`unpark`](Self::unpark) or `limit`; collects whom to wake. Holder only.
    ///
    /// `alone` tells whether every worker is parked and none was asked to wake: only then a virtual clock may jump.
    fn turn(&self, limit: Limit, alone: &dyn Fn() -> bool, wakes: &mut WakeBatch);

    /// Makes a current or the next [`turn`](Self::turn) return at once. From any thread.
    fn unpark(&self);

    /// Called by the last worker to park when it does not hold the driver: the holder may have to look whether time can
    /// jump.
    fn all_parked(&self) {}

    /// Moves this worker's freshly armed timers into the wheel. Called before each turn of [`Limit::Zero`], which does
    /// not look into the buffers, and before the worker parks.
    fn flush_timers(&self, worker: usize);

    /// As `flush_timers` for timers of every worker, also of one that is stuck in a poll.
    fn flush_all_timers(&self);
}

/// How long a turn may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Not at all: only look.
    Zero,
    /// At most this long.
    For(Duration),
    /// Until something happens.
    Forever,
}

/// Knows which sources are ready.
pub trait Driver: Send + Sync + 'static {
    /// Waits for events for at most `limit` and reports each by [`WakeBatch::deliver`]. Only one thread turns at a time.
    ///
    /// # Errors
    /// When the system call fails. An interrupted call is not an error: it counts as an empty turn.
    fn turn(&self, limit: Limit, wakes: &mut WakeBatch) -> io::Result<()>;

    /// Makes a current or the next turn return at once. From any thread.
    fn unpark(&self);

    /// Begins to watch `source` and reports its events under `key`.
    ///
    /// # Errors
    /// When the source cannot be watched; nothing is left behind then.
    ///
    /// # Safety
    /// - `source` is open, and stays open until [`deregister`](Self::deregister) with the same key has returned, or until
    ///   the runtime is ending. From then on a source may be closed without it; the driver makes a few turns more at most
    ///   and is dropped.
    /// - It is not registered already.
    unsafe fn register(
        &self,
        source: RawSource,
        key: SlotKey,
        interest: Interest,
    ) -> io::Result<()>;

    /// Asks for the next event in each direction of `interest`, beside what is asked for already. Only called when
    /// [`Capabilities::edge`] is false.
    ///
    /// A report uses up what was asked in the directions it speaks of, and nothing else: a writer's event leaves a
    /// reader's request in place.
    ///
    /// # Errors
    /// When the source cannot be watched any more.
    fn rearm(&self, source: RawSource, key: SlotKey, interest: Interest) -> io::Result<()>;

    /// Ends the watch. Called before a source is closed, unless the runtime is ending. With `closing` the descriptor was
    /// never handed out, so its close alone makes the kernel forget it.
    ///
    /// # Errors
    /// When the system call fails.
    fn deregister(&self, source: RawSource, key: SlotKey, closing: bool) -> io::Result<()>;

    /// What this driver can do.
    fn capabilities(&self) -> Capabilities;
}

/// What a driver can do; users of slots adapt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Events are reported once per change, without re-arming.
    pub edge: bool,
    /// The peer's half-close is reported, so that a short read proves an empty buffer, where reads have no other borders.
    pub rdhup: bool,
    /// Waits shorter than a millisecond are kept.
    pub nanosecond_wait: bool,
}

impl Capabilities {
    /// A driver that must be re-armed and knows no extras.
    pub const fn new() -> Self {
        Capabilities { edge: false, rdhup: false, nanosecond_wait: false }
    }

    /// The same with [`edge`](Self::edge) set.
    #[must_use]
    pub const fn with_edge(mut self) -> Self {
        self.edge = true;
        self
    }

    /// The same with [`rdhup`](Self::rdhup) set.
    #[must_use]
    pub const fn with_rdhup(mut self) -> Self {
        self.rdhup = true;
        self
    }

    /// The same with [`nanosecond_wait`](Self::nanosecond_wait) set.
    #[must_use]
    pub const fn with_nanosecond_wait(mut self) -> Self {
        self.nanosecond_wait = true;
        self
    }
}

/// A pollable object of the operating system: a file descriptor, or a socket on Windows. Not owned.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawSource(
    #[cfg(unix)] pub std::os::fd::RawFd,
    #[cfg(windows)] pub std::os::windows::io::RawSocket,
);

impl fmt::Debug for RawSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawSource({})", self.0)
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The present. Never earlier than an answer given before.
    fn now(&self) -> Instant;

    /// Called when every worker is parked, no blocking call runs and no event waits: a virtual clock that may jump sets
    /// itself to `deadline` and answers `true`.
    fn try_jump(&self, deadline: Instant) -> bool {
        let _ = deadline;
        false
    }

    /// Whether time stands still but for jumps; turns do not wait for deadlines then.
    fn is_virtual(&self) -> bool {
        false
    }

    /// Stops the clock. Answers `false` if this clock cannot be stopped.
    fn pause(&self) -> bool {
        false
    }

    /// Lets the clock run again. Answers `false` if it was not stopped.
    fn resume(&self) -> bool {
        false
    }

    /// Moves a stopped clock on. Answers `false` if it is not stopped.
    fn advance(&self, by: Duration) -> bool {
        let _ = by;
        false
    }
}

/// Keeps armed timers and fires them. Times are nanoseconds since the runtime's origin; see
/// [`TimerCell::deadline`]. Never told the time by a clock of its own.
pub trait Timers: Send + Sync + 'static {
    /// Takes armed cells and leaves `cells` empty. Canceled ones may be dropped at once.
    fn arm(&self, cells: &mut Vec<Arc<TimerCell>>);

    /// When [`expire`](Self::expire) must be called next: never later than the earliest deadline.
    fn next_deadline(&self) -> Option<u64>;

    /// As [`next_deadline`](Self::next_deadline), but for canceled cells, which may be dropped. A virtual clock jumps to
    /// what this says, and one that looks at canceled cells jumps to moments for which nobody waits.
    fn next_live_deadline(&self) -> Option<u64> {
        self.next_deadline()
    }

    /// Fires every cell whose deadline is not after `now`, by [`TimerCell::fire`]. A cell that was reset to a later
    /// deadline is filed again; a canceled one is dropped.
    fn expire(&self, now: u64, wakes: &mut WakeBatch);

    /// About how many cells are filed. Many mean that timers may be fired in batches; zero, that they never are.
    fn n_filed(&self) -> usize {
        0
    }

    /// The runtime ends: gives every cell up by [`TimerCell::abandon`].
    fn abandon(&self, wakes: &mut WakeBatch);
}

/// Threads for calls that block or compute. Not a seam: it stays when the scheduler is swapped.
pub trait Blocking: Send + Sync + 'static {
    /// Runs a task whose single poll blocks. Dropped (and so canceled) when the pool is shut down.
    ///
    /// # Errors
    /// The task itself when the pool was shut down.
    fn submit(&self, task: Runnable) -> Result<(), Runnable>;

    /// How many blocking calls run or wait.
    fn n_busy(&self) -> usize;
}
