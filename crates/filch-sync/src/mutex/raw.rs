//! The lock itself, without the value: one word and a queue.
//!
//! Free and not waited for is zero, so that locking and unlocking are one compare-and-swap each. An unlock with waiters
//! wakes the first one and leaves the lock free: whoever comes first takes it, which keeps a busy lock busy. A waiter
//! that was bypassed [`MAX_BYPASSES`] times is handed the lock instead. At most one woken waiter is on its way at a
//! time, so that a lock taken and freed many times meanwhile wakes nobody else.
//!
//! **Invariants**, whenever the queue is unlocked: `WAITERS` is set exactly when the queue is not empty; `WOKEN` is set
//! exactly when a waiter has been granted `TRY_AGAIN` and has neither locked, queued again nor been dropped.

use crate::wait_queue::{End, Entry, Grant, Locked, Seat, Status, WaitQueue, Waitable, Waiter};
use filch_core::coop;
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

pub(super) const LOCKED: usize = 1;
pub(super) const WAITERS: usize = 2;
pub(super) const WOKEN: usize = 4;

/// The lock belongs to the waiter.
const HANDED_OVER: Grant = Grant(0);
/// The lock was free a moment ago.
const TRY_AGAIN: Grant = Grant(1);

/// Why: a woken waiter that finds the lock taken costs one poll; eight of them bound what a waiter can lose to others.
/// Under a checker, a bound that a small model reaches.
#[cfg(not(test))]
const MAX_BYPASSES: usize = 8;
#[cfg(test)]
const MAX_BYPASSES: usize = 1;

#[derive(Debug)]
pub(super) struct RawMutex {
    pub(super) state: AtomicUsize,
    queue: WaitQueue,
}

impl RawMutex {
    filch_core::const_new! {
        pub(super) const fn new() -> Self {
            RawMutex { state: AtomicUsize::new(0), queue: WaitQueue::new() }
        }
    }

    #[inline]
    pub(super) fn try_lock(&self) -> bool {
        // ORDERING: [mutex] pairs with the Release in `unlock`, `unlock_waited_for` and `change`.
        self.state.compare_exchange(0, LOCKED, Acquire, Relaxed).is_ok() || self.take_free(0)
    }

    /// Locks if the lock is free, whoever waits, and clears `also` in the same step.
    fn take_free(&self, also: usize) -> bool {
        let mut state = self.state.load(Relaxed);
        while state & LOCKED == 0 {
            // ORDERING: [mutex] pairs with the Release of the unlock.
            match self.state.compare_exchange_weak(
                state,
                (state | LOCKED) & !also,
                Acquire,
                Relaxed,
            ) {
                Ok(_) => return true,
                Err(actual) => state = actual,
            }
        }
        false
    }

    pub(super) fn lock(&self) -> Lock<'_> {
        Lock { raw: self, waiter: None }
    }

    /// Frees the lock or hands it over. The caller holds it.
    #[inline]
    pub(super) fn unlock(&self) {
        // ORDERING: [mutex] publishes what was done under the lock to whoever locks next.
        if self.state.compare_exchange(LOCKED, 0, Release, Relaxed).is_err() {
            self.unlock_waited_for();
        }
    }

    #[cold]
    fn unlock_waited_for(&self) {
        let mut state = self.state.load(Relaxed);
        while state & WAITERS == 0 || state & WOKEN != 0 {
            // Nobody waits, or the one who was woken last will look.
            // ORDERING: [mutex] publishes what was done under the lock to whoever locks next.
            match self.state.compare_exchange_weak(state, state & !LOCKED, Release, Relaxed) {
                Ok(_) => return,
                Err(actual) => state = actual,
            }
        }
        self.unlock_and_wake();
    }

    /// The caller holds the lock, and nobody was woken: only the holder wakes, so nobody is until this is done.
    fn unlock_and_wake(&self) {
        let mut list = self.queue.lock();
        match list.seat(End::Front) {
            Some(seat) if seat.key >= MAX_BYPASSES => {
                list.grant_front(HANDED_OVER);
                self.change(&list, 0, 0);
            }
            Some(_) => {
                list.grant_front(TRY_AGAIN);
                self.change(&list, LOCKED, WOKEN);
            }
            None => self.change(&list, LOCKED, 0),
        }
    }

    /// Under the queue's lock: clears and sets these bits, and brings `WAITERS` up to date.
    fn change(&self, list: &Locked<'_>, clear: usize, set: usize) {
        let clear = if list.is_empty() { clear | WAITERS } else { clear };
        let mut state = self.state.load(Relaxed);
        // ORDERING: [mutex] publishes what was done under the lock, if this frees it.
        while let Err(actual) =
            self.state.compare_exchange_weak(state, (state & !clear) | set, Release, Relaxed)
        {
            state = actual;
        }
    }

    /// A waiter that was told to try again is gone: the next one is told, unless a holder will do so at its unlock.
    fn forward_try_again(&self) {
        let mut list = self.queue.lock();
        let mut state = self.state.load(Relaxed);
        while state & LOCKED != 0 || list.is_empty() {
            match self.state.compare_exchange_weak(state, state & !WOKEN, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(actual) => state = actual,
            }
        }
        list.grant_front(TRY_AGAIN);
        self.change(&list, 0, 0);
    }
}

// SAFETY: `queue` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl Waitable for RawMutex {
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn is_final(&self, grant: Grant) -> bool {
        grant == HANDED_OVER
    }

    fn enter(&self, _list: &mut Locked<'_>, seat: Seat) -> Entry {
        let woken = if seat.chance.is_some() { WOKEN } else { 0 };
        loop {
            if self.take_free(woken) {
                return Entry::Granted(HANDED_OVER);
            }
            let state = self.state.load(Relaxed);
            let waiting = (state | WAITERS) & !woken;
            if state & LOCKED != 0
                && self.state.compare_exchange(state, waiting, Relaxed, Relaxed).is_ok()
            {
                break;
            }
        }
        match seat.chance {
            Some(_) => Entry::Queue(End::Front, seat.key + 1),
            None => Entry::Queue(End::Back, 0),
        }
    }

    fn left(&self, list: &mut Locked<'_>) {
        self.change(list, 0, 0);
    }

    fn forward(&self, grant: Option<Grant>, _seat: Seat) {
        match grant {
            Some(HANDED_OVER) => self.unlock(),
            Some(_try_again) => self.forward_try_again(),
            None => {}
        }
    }
}

pin_project_lite::pin_project! {
    /// Waits for the lock.
    #[derive(Debug)]
    pub(super) struct Lock<'a> {
        raw: &'a RawMutex,
        // Why an option: a lock that is free is taken without making a waiter.
        #[pin]
        waiter: Option<Waiter<&'a RawMutex>>,
    }
}

impl Lock<'_> {
    #[cold]
    fn poll_waiter(self: Pin<&mut Self>, waker: &Waker) -> Poll<()> {
        let mut this = self.project();
        if this.waiter.is_none() {
            this.waiter.set(Some(Waiter::new(this.raw, 0)));
        }
        let waiter = this.waiter.into_ref().as_pin_ref().expect("set above");
        match waiter.status() {
            Status::Granted(TRY_AGAIN) if this.raw.take_free(WOKEN) => {
                waiter.granted_to_idle();
                Poll::Ready(())
            }
            _ => waiter.poll(Some(waker)).map(|_handed_over| ()),
        }
    }
}

impl Future for Lock<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let budget = ready!(coop::poll_proceed(cx));
        if self.waiter.is_some() || !self.raw.try_lock() {
            ready!(self.poll_waiter(cx.waker()));
        }
        budget.made_progress();
        Poll::Ready(())
    }
}
