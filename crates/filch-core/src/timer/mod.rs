//! One armed timer: the meeting point of a sleeping task and the timers that will wake it.
//!
//! A cell knows neither clock nor wheel. Its two owners are the sleeper, which polls, resets and cancels, and the
//! timers, which fire. Each side holds an `Arc`; whoever comes last frees the memory.
//!
//! `deadline` decides who was first: `fire` replaces the deadline it saw by `FIRED`, `reset` and `cancel` swap theirs
//! in. `state` says who owns the waker: the sleeper while it holds `POLLING`, the firing side once it has set `DONE` and
//! found `WAKER`. A cell with neither `WAKER` nor `POLLING` may hold a waker nobody will call.

use crate::sys::cell::UnsafeCell;
use crate::sys::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sys::sync::atomic::{AtomicU32, AtomicU64};
use crate::wake_batch::WakeBatch;
use std::fmt;
use std::task::{Poll, Waker};

/// A deadline that never comes.
pub const NEVER: u64 = u64::MAX;
/// The deadline of a cell that has fired. No cell is armed for the origin itself.
const FIRED: u64 = 0;
/// The deadline of a cell nobody waits for any more.
const CANCELED: u64 = u64::MAX - 1;

/// The firing side is done with the cell, or will never touch it.
const DONE: u32 = 0b0001;
/// A waker is stored and belongs to the firing side.
const WAKER: u32 = 0b0010;
/// The runtime ended before the deadline came.
const ABANDONED: u32 = 0b0100;
/// The sleeper is writing the waker.
const POLLING: u32 = 0b1000;

/// A timer. See the [module page](self).
pub struct TimerCell {
    /// Nanoseconds since the runtime's origin, or `FIRED` or `CANCELED`. Written by both sides.
    deadline: AtomicU64,
    state: AtomicU32,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: the waker is `Send`; the protocol of `state` gives it to one side at a time.
unsafe impl Send for TimerCell {}
// SAFETY: as above.
unsafe impl Sync for TimerCell {}

/// What the timers must do with a cell that came up for expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It fired, or nobody waits for it: forget it.
    Gone,
    /// It was reset: file it again under this deadline.
    Later(u64),
}

/// What a poll of a cell found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerState {
    /// The deadline came.
    Elapsed,
    /// The runtime ended first.
    Abandoned,
}

impl TimerCell {
    /// A cell for `deadline`, in nanoseconds since the runtime's origin.
    pub fn new(deadline: u64) -> Self {
        TimerCell {
            deadline: AtomicU64::new(deadline.clamp(FIRED + 1, CANCELED - 1)),
            state: AtomicU32::new(0),
            waker: UnsafeCell::new(None),
        }
    }

    /// A cell that will wake `waker`: what a first [`poll`](Self::poll) would leave, before anybody else knows the cell.
    pub fn with_waker(deadline: u64, waker: Waker) -> Self {
        TimerCell {
            state: AtomicU32::new(WAKER),
            waker: UnsafeCell::new(Some(waker)),
            ..TimerCell::new(deadline)
        }
    }

    /// The present deadline; [`NEVER`] when the cell was canceled, `None` when it has fired.
    pub fn deadline(&self) -> Option<u64> {
        match self.deadline.load(Relaxed) {
            FIRED => None,
            CANCELED => Some(NEVER),
            deadline => Some(deadline),
        }
    }

    /// Whether nobody waits for this cell any more.
    pub fn is_canceled(&self) -> bool {
        self.deadline.load(Relaxed) == CANCELED
    }

    /// Sleeper: whether the deadline came, without waiting.
    pub fn is_elapsed(&self) -> bool {
        // ORDERING: [timer-fire] pairs with the exchange in `fire`.
        self.deadline.load(Acquire) == FIRED
    }

    /// Sleeper: leaves `waker` to be woken when the deadline comes.
    ///
    /// # Panics
    /// When two threads poll at once: a cell has one sleeper.
    pub fn poll(&self, waker: &Waker) -> Poll<TimerState> {
        // ORDERING: [timer-waker] Acquire pairs with the Release of `finish`: what was done before firing is seen.
        let mut state = self.state.load(Acquire);
        loop {
            if state & DONE != 0 {
                return Poll::Ready(outcome(state)); // With `WAKER`, the firing side owns the waker and wakes it.
            }
            assert_eq!(
                state & POLLING,
                0,
                "a TimerCell was polled on two threads at once; give each sleeper a cell of its own"
            );
            // ORDERING: [timer-waker] Acquire takes the waker back, unless the firing side was first.
            match self.state.compare_exchange(state, POLLING, AcqRel, Acquire) {
                Ok(_) => break,
                Err(actual) => state = actual,
            }
        }
        let hold = Hold(&self.state);
        // SAFETY: `POLLING` was unset and is set by us: the firing side finds no `WAKER`, another sleeper keeps off.
        self.waker.with_mut(|stored| unsafe {
            match &mut *stored {
                Some(stored) => stored.clone_from(waker),
                empty => *empty = Some(waker.clone()),
            }
        });
        std::mem::forget(hold);
        // ORDERING: [timer-waker] Release hands the waker to `finish`. Both bits flip: `POLLING` off, `WAKER` on.
        let before = self.state.fetch_xor(POLLING | WAKER, AcqRel);
        if before & DONE == 0 {
            return Poll::Pending;
        }
        // The firing side looked before `WAKER` was set: it has not taken the waker and will not come back.
        Poll::Ready(outcome(before))
    }

    /// Sleeper: moves the deadline. `false` means that the cell has fired, or that the new deadline is earlier than the
    /// timers expect: cancel it and arm another.
    pub fn reset_later(&self, deadline: u64) -> bool {
        let deadline = deadline.clamp(FIRED + 1, CANCELED - 1);
        let current = self.deadline.load(Relaxed);
        current != FIRED
            && current <= deadline
            && self.deadline.compare_exchange(current, deadline, Relaxed, Relaxed).is_ok()
    }

    /// Sleeper: nobody waits any more. The timers drop the cell when they meet it.
    pub fn cancel(&self) {
        // ORDERING: [timer-fire] the swap tells whether `fire` was first.
        if self.deadline.swap(CANCELED, AcqRel) == FIRED {
            return; // The firing side owns the waker.
        }
        // ORDERING: [timer-waker] Acquire takes the waker back. `fire` cannot come any more, `abandon` can.
        let before = self.state.fetch_or(DONE, AcqRel);
        if before & (DONE | POLLING) == 0 {
            // SAFETY: `fire` and `abandon` find `DONE` set and keep off, and so does a poll.
            drop(self.waker.with_mut(|stored| unsafe { (*stored).take() }));
        }
    }

    /// Timers: `now` has come to the deadline this cell was filed under.
    pub fn fire(&self, now: u64, wakes: &mut WakeBatch) -> Expiry {
        let deadline = self.deadline.load(Relaxed);
        if deadline == CANCELED || deadline == FIRED {
            return Expiry::Gone;
        }
        if deadline > now {
            return Expiry::Later(deadline);
        }
        // ORDERING: [timer-fire] Release pairs with `is_elapsed`; failure means that the sleeper moved or canceled it.
        match self.deadline.compare_exchange(deadline, FIRED, AcqRel, Relaxed) {
            Ok(_) => {
                self.finish(DONE, wakes);
                Expiry::Gone
            }
            Err(CANCELED) => Expiry::Gone,
            Err(moved) => Expiry::Later(moved),
        }
    }

    /// Timers: the runtime ends. The sleeper is woken and told.
    pub fn abandon(&self, wakes: &mut WakeBatch) {
        if self.deadline.load(Relaxed) != FIRED {
            self.finish(DONE | ABANDONED, wakes);
        }
    }

    fn finish(&self, state: u32, wakes: &mut WakeBatch) {
        // ORDERING: [timer-waker] AcqRel: Acquire takes the waker over, Release publishes what came before.
        let before = self.state.fetch_or(state, AcqRel);
        if before & DONE == 0 && before & WAKER != 0 {
            // SAFETY: `WAKER` was set and `DONE` was not, so the waker is the firing side's, which comes here once.
            wakes.extend(self.waker.with_mut(|stored| unsafe { (*stored).take() }));
        }
    }
}

/// Gives the right to write the waker back when a waker's clone panicked.
struct Hold<'a>(&'a AtomicU32);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // ORDERING: [timer-waker] Release: the write is over.
        self.0.fetch_and(!POLLING, AcqRel);
    }
}

fn outcome(state: u32) -> TimerState {
    if state & ABANDONED != 0 { TimerState::Abandoned } else { TimerState::Elapsed }
}

impl fmt::Debug for TimerCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerCell").field("deadline", &self.deadline()).finish()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::RawWakerVTable;

    #[test]
    fn a_cell_is_at_most_32_bytes() {
        assert!(size_of::<TimerCell>() <= 32);
    }

    #[test]
    fn firing_before_the_deadline_asks_for_refiling() {
        let cell = TimerCell::new(10);
        assert_eq!(cell.fire(9, &mut WakeBatch::default()), Expiry::Later(10));
        assert!(cell.reset_later(20));
        assert_eq!(cell.fire(10, &mut WakeBatch::default()), Expiry::Later(20));
        assert_eq!(cell.fire(20, &mut WakeBatch::default()), Expiry::Gone);
        assert!(cell.is_elapsed());
        assert!(!cell.reset_later(30), "a fired cell has left the wheel");
    }

    #[test]
    fn a_waker_that_panics_in_its_clone_leaves_the_cell_usable() {
        const VTABLE: RawWakerVTable =
            RawWakerVTable::new(|_| panic!("clone"), |_| {}, |_| {}, |_| {});
        let cell = TimerCell::new(10);
        // SAFETY: the table's functions use no data.
        let waker = unsafe { Waker::new(std::ptr::null(), &VTABLE) };
        assert!(catch_unwind(AssertUnwindSafe(|| cell.poll(&waker))).is_err());
        assert!(cell.poll(Waker::noop()).is_pending());
        assert!(catch_unwind(AssertUnwindSafe(|| cell.poll(&waker))).is_err());
        assert_eq!(cell.fire(10, &mut WakeBatch::default()), Expiry::Gone);
        assert_eq!(cell.poll(&waker), Poll::Ready(TimerState::Elapsed));
    }

    #[test]
    fn a_deadline_saturates_instead_of_meaning_something_else() {
        for deadline in [0, u64::MAX - 1, u64::MAX] {
            let cell = TimerCell::new(deadline);
            assert!(!cell.is_elapsed() && !cell.is_canceled());
            assert!(cell.reset_later(u64::MAX) && !cell.is_canceled());
        }
    }
}

#[cfg(all(test, filch_loom))]
mod loom_tests;
