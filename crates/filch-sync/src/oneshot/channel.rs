//! What the two ends of a channel share: a word, a value, and a waker for each end.
//!
//! The word says who may touch what; nothing is locked.
//!
//! | cell | the sender may | the receiver may |
//! |---|---|---|
//! | `value` | write it before `COMPLETE`; take it back if `CLOSED` came first | take it after `COMPLETE` |
//! | `rx_waker` | read it, when its step to `COMPLETE` saw `RX_WAKER` | read it; write it while `RX_WAKER` is clear and `COMPLETE` was not set |
//! | `tx_waker` | read it; write it while `TX_WAKER` is clear and `CLOSED` was not set | read it, when its step to `CLOSED` saw `TX_WAKER` |
//!
//! The race of a waiting end against a deciding one is settled on the one word: the waiting end stores its waker, *then*
//! sets its bit, and the answer of that step tells whether the decision came first.

use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use std::fmt;
use std::task::{Poll, Waker};

/// The sender is done: the value is there, or never will be.
pub(super) const COMPLETE: usize = 1;
/// The receiver wants no value.
pub(super) const CLOSED: usize = 2;
const RX_WAKER: usize = 4;
const TX_WAKER: usize = 8;

pub(super) struct Channel<T> {
    pub(super) state: AtomicUsize,
    value: UnsafeCell<Option<T>>,
    rx_waker: UnsafeCell<Option<Waker>>,
    tx_waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: the value is written by one end and taken by the other, never shared: sending it is all that happens to it.
// Wakers are `Send` and `Sync`.
unsafe impl<T: Send> Send for Channel<T> {}
// SAFETY: as above; the table in the module's documentation keeps the ends apart.
unsafe impl<T: Send> Sync for Channel<T> {}

impl<T> Channel<T> {
    pub(super) fn new() -> Self {
        Channel {
            state: AtomicUsize::new(0),
            value: UnsafeCell::new(None),
            rx_waker: UnsafeCell::new(None),
            tx_waker: UnsafeCell::new(None),
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        // ORDERING: [value] who sees `COMPLETE` sees the value.
        self.state.load(Acquire) & COMPLETE != 0
    }

    pub(super) fn is_closed(&self) -> bool {
        // ORDERING: [closed] who sees `CLOSED` sees what the receiver did before.
        self.state.load(Acquire) & CLOSED != 0
    }

    /// The sender's last step but for giving up: sends, or gives the value back if the receiver wants none.
    ///
    /// # Safety
    /// The caller is the sender, and neither sent nor gave up before.
    pub(super) unsafe fn send(&self, value: T) -> Result<(), T> {
        // SAFETY: before `COMPLETE` the value is the sender's.
        self.value.with_mut(|cell| unsafe { *cell = Some(value) });
        let mut state = self.state.load(Relaxed);
        while state & CLOSED == 0 {
            // ORDERING: [value] Release publishes the value to `is_complete`, [rx] Acquire to read the waker.
            match self.state.compare_exchange_weak(state, state | COMPLETE, AcqRel, Relaxed) {
                Ok(_) => {
                    self.wake_receiver(state);
                    return Ok(());
                }
                Err(actual) => state = actual,
            }
        }
        // SAFETY: the step to `COMPLETE` was not made and never will be, so the value is still the sender's.
        let value = self.value.with_mut(|cell| unsafe { (*cell).take() });
        Err(value.expect("written above, and the receiver takes it after COMPLETE only"))
    }

    /// The sender's last step without a value.
    pub(super) fn give_up(&self) {
        // ORDERING: [rx] Acquire to read the waker; [value] Release: the receiver sees what was done before.
        let before = self.state.fetch_or(COMPLETE, AcqRel);
        if before & CLOSED == 0 {
            self.wake_receiver(before);
        }
    }

    /// Called by the sender after its step from `before` to `COMPLETE`.
    pub(super) fn wake_receiver(&self, before: usize) {
        if before & RX_WAKER != 0 {
            // SAFETY: the step saw `RX_WAKER`, so the waker is stored, and the receiver writes it no more.
            self.rx_waker.with(|waker| unsafe { wake(&*waker) });
        }
    }

    /// The value, if there is one.
    ///
    /// # Safety
    /// The caller is the receiver, and `COMPLETE` is set.
    pub(super) unsafe fn take(&self) -> Option<T> {
        // SAFETY: after `COMPLETE` the value is the receiver's.
        self.value.with_mut(|cell| unsafe { (*cell).take() })
    }

    /// # Safety
    /// As for `take`.
    pub(super) unsafe fn has_value(&self) -> bool {
        // SAFETY: after `COMPLETE` the value is the receiver's.
        self.value.with(|cell| unsafe { (*cell).is_some() })
    }

    /// Wants no value, and wakes a sender that waits for that. Says whether the sender had completed before.
    pub(super) fn close(&self) -> bool {
        // ORDERING: [tx] Acquire to read the waker; [closed] Release publishes what was done before.
        let before = self.state.fetch_or(CLOSED, AcqRel);
        if before & (COMPLETE | CLOSED | TX_WAKER) == TX_WAKER {
            // SAFETY: this step saw `TX_WAKER`, so the waker is stored, and the sender writes it no more.
            self.tx_waker.with(|waker| unsafe { wake(&*waker) });
        }
        before & COMPLETE != 0
    }

    /// Drops the receiver's waker, which may keep a task alive.
    ///
    /// # Safety
    /// The caller is the receiver, closed the channel before the sender completed, and does not wait any more.
    pub(super) unsafe fn drop_rx_waker(&self) {
        // SAFETY: the sender's step to `COMPLETE` sees `CLOSED`, and leaves the waker alone.
        drop(self.rx_waker.with_mut(|waker| unsafe { (*waker).take() }));
    }

    /// Ready when the sender is done, or has nowhere to send to.
    ///
    /// # Safety
    /// The caller is the receiver.
    pub(super) unsafe fn poll_complete(&self, waker: &Waker) -> Poll<()> {
        // SAFETY: the receiver waits in `rx_waker`.
        unsafe { self.poll_decided(COMPLETE | CLOSED, RX_WAKER, &self.rx_waker, waker) }
    }

    /// Ready when the receiver wants no value.
    ///
    /// # Safety
    /// The caller is the sender, and has neither sent nor given up.
    pub(super) unsafe fn poll_closed(&self, waker: &Waker) -> Poll<()> {
        // SAFETY: the sender waits in `tx_waker`.
        unsafe { self.poll_decided(CLOSED, TX_WAKER, &self.tx_waker, waker) }
    }

    /// Ready when one of the bits in `decided` is set; else `waker` is stored in `cell`, and `stored` says so.
    ///
    /// # Safety
    /// The caller is the end that waits in `cell`, and `stored` and `decided` are the bits that go with it.
    unsafe fn poll_decided(
        &self,
        decided: usize,
        stored: usize,
        cell: &UnsafeCell<Option<Waker>>,
        waker: &Waker,
    ) -> Poll<()> {
        // ORDERING: [value] [closed] who sees the decision sees what was done before it.
        let state = self.state.load(Acquire);
        if state & decided != 0 {
            return Poll::Ready(());
        }
        if state & stored != 0 {
            // SAFETY: this end alone writes the cell; it reads here.
            let is_same = cell.with(|cell| unsafe {
                (*cell).as_ref().is_some_and(|stored| stored.will_wake(waker))
            });
            if is_same {
                return Poll::Pending;
            }
        }
        let waker = waker.clone(); // Foreign code, before anything is changed.
        if state & stored != 0 {
            // ORDERING: [rx] [tx] Acquire, [value] [closed]: as the load above.
            let before = self.state.fetch_and(!stored, Acquire);
            if before & decided != 0 {
                return Poll::Ready(());
            }
        }
        // SAFETY: the bit is clear and there was no decision, so the other end does not read the cell: to do so, its
        // step must see the bit.
        let former = cell.with_mut(|cell| unsafe { (*cell).replace(waker) });
        // ORDERING: [rx] [tx] Release publishes the waker to the deciding step; Acquire as the load above.
        let before = self.state.fetch_or(stored, AcqRel);
        drop(former); // Foreign code, after everything is changed.
        if before & decided != 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn wake(waker: &Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake_by_ref();
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("is_complete", &self.is_complete())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
