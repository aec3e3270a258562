//! What the two ends of a channel share: a word, a value, and a waker for each end.
//!
//! The word says who may touch what; nothing is locked, and no references are counted.
//!
//! | | the sender may | the receiver may |
//! |---|---|---|
//! | `value` | write it before `COMPLETE`; take it back if `CLOSED` came first | take it after `COMPLETE` |
//! | `rx_waker` | have it, if its step to `COMPLETE` cleared `RX_WAKER` | write it while `RX_WAKER` is clear |
//! | `tx_waker` | write it while `TX_WAKER` is clear and `CLOSED` was not set | read it, when its step to `CLOSED` saw `TX_WAKER` |
//! | all of it | free it, if its step to `COMPLETE` saw `GONE` | free it after `COMPLETE`, unless it made the step to `GONE` |
//!
//! `COMPLETE` is the sender's last touch, and `GONE` the receiver's: the one that is second frees the channel.
//!
//! **The races.** *Waiting against deciding* is settled on the one word: the waiting end stores its waker, *then* sets its
//! bit, and the answer of that step tells whether the decision came first.
//!
//! *Waking against freeing.* Once `COMPLETE` is set the receiver may take the value and free the channel, so the sender
//! copies the waker *before*, and its step to `COMPLETE` fails if the word has changed meanwhile. The receiver changes the
//! word before it changes the waker, and again after, by a generation that is never the same again: so if the step
//! succeeds, the copy is the waker, and the sender is its owner.

use super::waker::WakerCell;
use crate::lock::foreign;
use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use std::fmt;
use std::ptr::NonNull;
use std::task::{Poll, Waker};

/// The sender is gone: the value is there, or never will be.
pub(super) const COMPLETE: usize = 1;
/// The receiver wants no value.
pub(super) const CLOSED: usize = 2;
/// The receiver is gone.
const GONE: usize = 4;
pub(super) const RX_WAKER: usize = 8;
const TX_WAKER: usize = 16;
/// The rest of the word counts the wakers of the receiver. It may wrap, for an old word to be mistaken for a new one would
/// take all of 2²⁷ wakers (with 32 bits) while the sender is between two instructions.
const GENERATION: usize = 32;

pub(super) struct Channel<T> {
    pub(super) state: AtomicUsize,
    value: UnsafeCell<Option<T>>,
    pub(super) rx_waker: WakerCell,
    tx_waker: UnsafeCell<Option<Waker>>,
}

/// The receiver wants no value.
pub(super) struct Closed;

impl<T> Channel<T> {
    pub(super) fn allocate() -> NonNull<Self> {
        let mut channel = Box::<Self>::new_uninit();
        let this = channel.as_mut_ptr();
        // SAFETY: `this` is valid for writes; each field is written in its place, for a value may be large for a stack.
        let channel = unsafe {
            (&raw mut (*this).state).write(AtomicUsize::new(0));
            (&raw mut (*this).value).write(UnsafeCell::new(None));
            (&raw mut (*this).rx_waker).write(WakerCell::new());
            (&raw mut (*this).tx_waker).write(UnsafeCell::new(None));
            channel.assume_init()
        };
        NonNull::from(Box::leak(channel))
    }

    /// # Safety
    /// The channel is the caller's by the table in the module's documentation, and is not used again.
    unsafe fn free(this: NonNull<Self>) {
        // SAFETY: it came from a box, and the caller is alone with it.
        foreign(|| drop(unsafe { Box::from_raw(this.as_ptr()) }));
    }

    pub(super) fn is_complete(&self) -> bool {
        // ORDERING: [value] who sees `COMPLETE` sees the value.
        self.state.load(Acquire) & COMPLETE != 0
    }

    pub(super) fn is_closed(&self) -> bool {
        // ORDERING: [closed] who sees `CLOSED` sees what the receiver did before.
        self.state.load(Acquire) & CLOSED != 0
    }

    /// Sends and is done, with a waker to wake; or gives the value back if the receiver wants none.
    ///
    /// # Safety
    /// The caller is the sender. After `Ok` it uses the channel no more.
    pub(super) unsafe fn send(&self, value: T) -> Result<Option<Waker>, T> {
        // SAFETY: before `COMPLETE` the value is the sender's.
        self.value.with_mut(|cell| unsafe { *cell = Some(value) });
        // SAFETY: the caller's promise.
        unsafe { self.complete() }.map_err(|Closed| {
            // SAFETY: the step to `COMPLETE` was not made, so the value is still the sender's.
            let value = self.value.with_mut(|cell| unsafe { (*cell).take() });
            value.expect("written above, and the receiver takes it after COMPLETE only")
        })
    }

    /// The sender's last touch if the receiver may want a value. Gives the receiver's waker.
    ///
    /// # Safety
    /// The caller is the sender. After `Ok` it uses the channel no more.
    unsafe fn complete(&self) -> Result<Option<Waker>, Closed> {
        // ORDERING: [rx] Acquire to copy the waker that belongs to this word.
        let mut state = self.state.load(Acquire);
        while state & CLOSED == 0 {
            let copy = self.rx_waker.copy();
            let complete = (state | COMPLETE) & !RX_WAKER;
            // ORDERING: [value] Release publishes the value to `is_complete`; [rx] on failure as above.
            match self.state.compare_exchange_weak(state, complete, Release, Acquire) {
                // SAFETY: the word is the one that went with the copied waker, and this step made it the sender's.
                Ok(_) => return Ok((state & RX_WAKER != 0).then(|| unsafe { copy.into_waker() })),
                Err(actual) => state = actual,
            }
        }
        Err(Closed)
    }

    /// The sender's end, without a value.
    ///
    /// # Safety
    /// The caller is the sender, which uses the channel no more.
    pub(super) unsafe fn leave_by_sender(this: NonNull<Self>) {
        // SAFETY: the sender has not completed, so the channel is alive; this is its last step, in either case.
        match unsafe { this.as_ref().complete() } {
            Ok(waker) => wake(waker),
            Err(Closed) => {
                // SAFETY: as above.
                // ORDERING: [gone] whoever is second frees what the other one has used.
                let before = unsafe { this.as_ref() }.state.fetch_or(COMPLETE, AcqRel);
                if before & GONE != 0 {
                    // SAFETY: the receiver is gone, and took its waker along.
                    unsafe { Self::free(this) };
                }
            }
        }
    }

    /// The receiver's end after `COMPLETE`. Gives the value, if there is one.
    ///
    /// # Safety
    /// The caller is the receiver, which saw `COMPLETE` and uses the channel no more.
    pub(super) unsafe fn finish(this: NonNull<Self>) -> Option<T> {
        // SAFETY: after `COMPLETE` everything is the receiver's.
        unsafe {
            let channel = this.as_ref();
            let value = channel.value.with_mut(|cell| (*cell).take());
            let wakers = channel.take_wakers();
            Self::free(this);
            foreign(|| drop(wakers));
            value
        }
    }

    /// Drops the wakers that are left after `COMPLETE`. If one of them panics, the value is still there.
    ///
    /// # Safety
    /// The caller is the receiver, which saw `COMPLETE`.
    pub(super) unsafe fn drop_wakers(&self) {
        // SAFETY: the caller's promise.
        let wakers = unsafe { self.take_wakers() };
        foreign(|| drop(wakers));
    }

    /// # Safety
    /// The caller is the receiver, which saw `COMPLETE`.
    unsafe fn take_wakers(&self) -> [Option<Waker>; 2] {
        // Relaxed: nobody else changes the word any more.
        let state = self.state.load(Relaxed);
        let has_rx_waker = state & RX_WAKER != 0;
        if has_rx_waker {
            self.state.store(state & !RX_WAKER, Relaxed);
        }
        // SAFETY: after `COMPLETE` everything is the receiver's. Its waker is there if the bit was still set: then the
        // sender left it.
        unsafe {
            let rx_waker = has_rx_waker.then(|| self.rx_waker.copy().into_waker());
            [rx_waker, self.tx_waker.with_mut(|cell| (*cell).take())]
        }
    }

    /// The receiver's end, at any time. A value that was sent is dropped.
    ///
    /// # Safety
    /// The caller is the receiver, which uses the channel no more.
    pub(super) unsafe fn leave_by_receiver(this: NonNull<Self>) {
        // SAFETY: the receiver is not gone, so the channel is alive up to the step to `GONE`, or to `finish`.
        let channel = unsafe { this.as_ref() };
        // ORDERING: [value] as in `is_complete`.
        let mut state = channel.state.load(Acquire);
        while state & COMPLETE == 0 {
            if state & (TX_WAKER | CLOSED) == TX_WAKER {
                let _leave = LeaveByReceiver(this); // Once it is closed, also if the sender's waker panics.
                // SAFETY: the caller is the receiver. The sender's waker can be used now, but not after the step to `GONE`.
                unsafe { channel.close() };
                return;
            }
            let copy = channel.rx_waker.copy();
            let gone = (state | CLOSED | GONE) & !RX_WAKER;
            // ORDERING: [gone] [closed] Release publishes what was done before; [value] on failure as above.
            match channel.state.compare_exchange_weak(state, gone, Release, Acquire) {
                Ok(_) => {
                    // SAFETY: the waker was stored and is ours: nobody but this thread changes it, and this step took it
                    // from the sender's sight. Why at once: the sender may live long, and it keeps a task alive.
                    let waker = (state & RX_WAKER != 0).then(|| unsafe { copy.into_waker() });
                    foreign(|| drop(waker));
                    return;
                }
                Err(actual) => state = actual,
            }
        }
        // SAFETY: the sender is done, and this is the receiver's last step.
        let value = unsafe { Self::finish(this) };
        foreign(|| drop(value));
    }

    /// # Safety
    /// The caller is the receiver, and `COMPLETE` is set.
    pub(super) unsafe fn has_value(&self) -> bool {
        // SAFETY: after `COMPLETE` the value is the receiver's.
        self.value.with(|cell| unsafe { (*cell).is_some() })
    }

    /// Wants no value, and wakes a sender that waits for that.
    ///
    /// # Safety
    /// The caller is the receiver.
    pub(super) unsafe fn close(&self) {
        // ORDERING: [tx] Acquire to read the waker; [closed] Release publishes what was done before.
        let before = self.state.fetch_or(CLOSED, AcqRel);
        if before & (COMPLETE | CLOSED | TX_WAKER) == TX_WAKER {
            // SAFETY: this step saw `TX_WAKER`, so the waker is stored, and the sender writes it no more. It is not freed,
            // for the receiver is not gone.
            self.tx_waker.with(|waker| unsafe { wake_by_ref(&*waker) });
        }
    }

    /// Ready when the sender is done, or has nowhere to send to.
    ///
    /// # Safety
    /// The caller is the receiver.
    pub(super) unsafe fn poll_complete(&self, waker: &Waker) -> Poll<()> {
        // ORDERING: [value] who sees the decision sees what was done before it.
        let state = self.state.load(Acquire);
        if state & (COMPLETE | CLOSED) != 0 {
            return Poll::Ready(());
        }
        if state & RX_WAKER != 0 {
            // SAFETY: only this end changes the waker. If the sender takes it meanwhile, it wakes the task; nothing but its
            // address is looked at here.
            if unsafe { self.rx_waker.copy().into_lent() }.will_wake(waker) {
                return Poll::Pending;
            }
        }
        let waker = foreign(|| waker.clone()); // Before anything is changed.
        let mut former = None;
        if state & RX_WAKER != 0 {
            // ORDERING: [value] as the load above.
            if self.state.fetch_and(!RX_WAKER, Acquire) & COMPLETE != 0 {
                foreign(|| drop(waker));
                return Poll::Ready(());
            }
            // SAFETY: the sender did not take it and will not, for the bit is clear.
            former = Some(unsafe { self.rx_waker.copy().into_waker() });
        }
        self.rx_waker.put(waker);
        // ORDERING: [rx] Release publishes the waker to `complete`; [value] Acquire as the load above.
        let before = self.state.fetch_add(RX_WAKER + GENERATION, AcqRel);
        foreign(|| drop(former)); // After everything is changed.
        if before & COMPLETE != 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Ready when the receiver wants no value.
    ///
    /// # Safety
    /// The caller is the sender, and has neither sent nor left.
    pub(super) unsafe fn poll_closed(&self, waker: &Waker) -> Poll<()> {
        // ORDERING: [closed] who sees the decision sees what was done before it.
        let state = self.state.load(Acquire);
        if state & CLOSED != 0 {
            return Poll::Ready(());
        }
        if state & TX_WAKER != 0 {
            // SAFETY: this end alone writes the cell; it reads here.
            let is_same = self.tx_waker.with(|cell| unsafe {
                (*cell).as_ref().is_some_and(|stored| stored.will_wake(waker))
            });
            if is_same {
                return Poll::Pending;
            }
        }
        let waker = foreign(|| waker.clone()); // Before anything is changed.
        // ORDERING: [closed] as the load above.
        if state & TX_WAKER != 0 && self.state.fetch_and(!TX_WAKER, Acquire) & CLOSED != 0 {
            foreign(|| drop(waker));
            return Poll::Ready(());
        }
        // SAFETY: the bit is clear and the channel was not closed, so the receiver does not read the cell: to do so, its
        // step must see the bit.
        let former = self.tx_waker.with_mut(|cell| unsafe { (*cell).replace(waker) });
        // ORDERING: [tx] Release publishes the waker to `close`; [closed] Acquire as the load above.
        let before = self.state.fetch_or(TX_WAKER, AcqRel);
        foreign(|| drop(former)); // After everything is changed.
        if before & CLOSED != 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The receiver's end, when dropped.
struct LeaveByReceiver<T>(NonNull<Channel<T>>);

impl<T> Drop for LeaveByReceiver<T> {
    fn drop(&mut self) {
        // SAFETY: made by the receiver, at its end.
        unsafe { Channel::leave_by_receiver(self.0) };
    }
}

pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        foreign(|| waker.wake());
    }
}

fn wake_by_ref(waker: &Option<Waker>) {
    if let Some(waker) = waker {
        foreign(|| waker.wake_by_ref());
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
