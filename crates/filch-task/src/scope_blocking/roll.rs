//! What a scope knows of its children: how many run, and where an output may lie.
//!
//! Knows nothing of tasks. No foreign code runs under its locks, and the two are never held together.

use filch_core::sys::Duration;
use filch_core::sys::sync::atomic::AtomicBool;
use filch_core::sys::sync::atomic::Ordering::Relaxed;
use filch_core::sys::sync::{Condvar, Mutex, MutexGuard};
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::task::{Poll, Waker};

/// What became of a child.
pub(super) type Outcome<T> = Result<T, Box<dyn Any + Send + 'static>>;

/// After so long a wait for children of which none was ever polled, stderr says so. Tests have less patience.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 5000 });

/// The children of one scope. They and the scope share it, for a child's last step is to say here that it has ended.
pub(super) struct Roll {
    state: Mutex<State>,
    /// Notified when the last child has ended.
    all_ended: Condvar,
    /// Whether a child was ever polled, or the lack of it was spoken of.
    has_begun: AtomicBool,
    /// Where the scope stands.
    place: &'static Location<'static>,
}

#[derive(Default)]
struct State {
    /// Children that have not ended.
    n_running: usize,
    n_opened: u64,
    /// Every slot that holds an output or waits for one, by the order of spawning.
    slots: BTreeMap<u64, Arc<dyn Untaken>>,
    /// The first one that nobody took.
    failure: Option<Failure>,
}

/// A child failed, and nobody took that.
pub(super) struct Failure {
    spawned_at: &'static Location<'static>,
    text: Option<String>,
}

/// A slot, whatever the output's type.
pub(super) trait Untaken: Send + Sync {
    /// Drops what the slot holds or will hold.
    fn clear(&self);
}

/// Where a child leaves its output.
pub(super) struct Slot<T> {
    stage: Mutex<Stage<T>>,
    filled: Condvar,
    roll: Arc<Roll>,
    /// The slot's key in the roll.
    number: u64,
    spawned_at: &'static Location<'static>,
}

enum Stage<T> {
    /// The child runs; a task may wait for its output.
    Empty(Option<Waker>),
    Filled(Outcome<T>),
    /// The output was taken, or nobody wants it. The slot has left the roll.
    Gone,
}

impl Roll {
    #[track_caller]
    pub(super) fn here() -> Arc<Self> {
        Arc::new(Roll {
            state: Mutex::default(),
            all_ended: Condvar::new(),
            has_begun: AtomicBool::new(false),
            place: Location::caller(),
        })
    }

    pub(super) fn n_running(&self) -> usize {
        self.state.lock().n_running
    }

    /// Blocks until every child has ended, then drops the outputs that are left. Does not unwind.
    pub(super) fn settle(&self) {
        loop {
            let mut state = self.state.lock();
            while state.n_running != 0 {
                state = self.wait(&self.state, state, &self.all_ended);
            }
            let Some((_, slot)) = state.slots.pop_first() else { return };
            drop(state);
            // Why around again: the drop of an output may have spawned one more child.
            slot.clear();
        }
    }

    pub(super) fn take_failure(&self) -> Option<Failure> {
        self.state.lock().failure.take()
    }

    /// Blocks until `changed` is notified, or for no reason.
    fn wait<'a, S>(
        &self,
        lock: &'a Mutex<S>,
        guard: MutexGuard<'a, S>,
        changed: &Condvar,
    ) -> MutexGuard<'a, S> {
        if self.has_begun.load(Relaxed) {
            return changed.wait(guard);
        }
        let (guard, is_over) = changed.wait_timeout(guard, PATIENCE);
        if !is_over || self.has_begun.swap(true, Relaxed) {
            return guard;
        }
        drop(guard);
        // Why not `eprintln`: it panics when stderr is closed.
        let _ = writeln!(
            std::io::stderr(),
            "filch: scope_blocking at {} has waited {} s for children of which none was ever polled; if the runtime is a \
             current-thread one, a thread must be in its block_on: call scope_blocking inside `to_thread` there, or use \
             a multi-thread runtime",
            self.place,
            PATIENCE.as_secs_f32(),
        );
        lock.lock()
    }
}

impl<T> Slot<T> {
    /// Makes the slot of one more child, and counts the child as running until [`close`](Self::close). `erase` makes the
    /// slot one that the roll may keep.
    #[track_caller]
    pub(super) fn open(
        roll: &Arc<Roll>,
        erase: impl FnOnce(Arc<Self>) -> Arc<dyn Untaken>,
    ) -> Arc<Self> {
        let mut state = roll.state.lock();
        let slot = Arc::new(Slot {
            stage: Mutex::new(Stage::Empty(None)),
            filled: Condvar::new(),
            roll: Arc::clone(roll),
            number: state.n_opened,
            spawned_at: Location::caller(),
        });
        state.slots.insert(slot.number, erase(Arc::clone(&slot)));
        state.n_opened += 1;
        state.n_running += 1;
        slot
    }

    /// The child is polled.
    pub(super) fn begin(&self) {
        if !self.roll.has_begun.load(Relaxed) {
            self.roll.has_begun.store(true, Relaxed);
        }
    }

    /// Leaves the output, or drops it if nobody wants it. Once.
    pub(super) fn fill(&self, outcome: Outcome<T>) {
        let mut stage = self.stage.lock();
        let Stage::Empty(waiting) = &mut *stage else {
            drop(stage);
            return self.discard(outcome);
        };
        let waiting = waiting.take();
        *stage = Stage::Filled(outcome);
        drop(stage);
        self.filled.notify_all();
        if let Some(waker) = waiting {
            contain(|| waker.wake());
        }
    }

    /// The child has ended. The scope may be gone when this returns.
    pub(super) fn close(slot: Arc<Self>) {
        let roll = Arc::clone(&slot.roll);
        drop(slot);
        let mut state = roll.state.lock();
        state.n_running -= 1;
        if state.n_running == 0 {
            roll.all_ended.notify_all();
        }
    }

    pub(super) fn is_filled(&self) -> bool {
        !matches!(*self.stage.lock(), Stage::Empty(_))
    }

    /// Blocks until the slot is filled, and takes the output.
    pub(super) fn wait(&self) -> Outcome<T> {
        let mut stage = self.stage.lock();
        while matches!(*stage, Stage::Empty(_)) {
            stage = self.roll.wait(&self.stage, stage, &self.filled);
        }
        self.take(stage)
    }

    /// Takes the output if the slot is filled; leaves `waker` to be woken otherwise.
    pub(super) fn poll(&self, waker: &Waker) -> Poll<Outcome<T>> {
        let waker = waker.clone(); // Unlocked, as its drop: a waker is foreign code.
        let mut stage = self.stage.lock();
        let Stage::Empty(waiting) = &mut *stage else { return Poll::Ready(self.take(stage)) };
        let before = waiting.replace(waker);
        drop(stage);
        drop(before);
        Poll::Pending
    }

    /// Drops what the slot holds; what it will hold is dropped when it comes.
    pub(super) fn clear(&self) {
        let before = {
            let mut stage = self.stage.lock();
            mem::replace(&mut *stage, Stage::Gone)
        };
        match before {
            Stage::Empty(waiting) => contain(|| drop(waiting)),
            Stage::Filled(outcome) => self.discard(outcome),
            Stage::Gone => return,
        }
        self.leave();
    }

    /// Takes the output of a slot that is not empty.
    fn take(&self, mut stage: MutexGuard<'_, Stage<T>>) -> Outcome<T> {
        let taken = mem::replace(&mut *stage, Stage::Gone);
        drop(stage);
        let Stage::Filled(outcome) = taken else {
            panic!("this ScopedHandle was used again after it gave its output; await a child once");
        };
        self.leave();
        outcome
    }

    /// Drops an output that nobody took. What a child panicked with is kept in words.
    fn discard(&self, outcome: Outcome<T>) {
        let payload = match outcome {
            Ok(output) => return contain(|| drop(output)),
            Err(payload) => payload,
        };
        let text = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        self.roll.state.lock().failure.get_or_insert(Failure { spawned_at: self.spawned_at, text });
        contain(|| drop(payload));
    }

    /// Takes the slot out of the roll. Whoever makes the stage `Gone`, once.
    fn leave(&self) {
        let slot = self.roll.state.lock().slots.remove(&self.number);
        drop(slot); // Unlocked, although the caller keeps the slot alive.
    }
}

impl<T: Send> Untaken for Slot<T> {
    fn clear(&self) {
        self.clear();
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a child of scope_blocking, spawned at {}, failed and nobody joined it; join its handle to handle that",
            self.spawned_at
        )?;
        self.text.iter().try_for_each(|text| write!(f, ": {text}"))
    }
}

/// Calls `f` and swallows its panic, which the panic hook has reported.
pub(super) fn contain(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            // Why: dropping this one might panic again; leaking it is the end of that chain.
            mem::forget(payload);
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_for_children_that_nobody_polls_is_spoken_of_once() {
        let roll = Roll::here();
        let slot = Slot::open(&roll, |slot: Arc<Slot<()>>| slot);
        let poller = std::thread::spawn({
            let roll = Arc::clone(&roll);
            move || {
                while !roll.has_begun.load(Relaxed) {
                    std::thread::yield_now();
                }
                slot.begin();
                slot.fill(Ok(()));
                Slot::close(slot);
            }
        });
        roll.settle();
        poller.join().expect("it does not panic");
        assert!(roll.take_failure().is_none());
    }
}
