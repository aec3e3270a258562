//! Senders that wait with their values until a receiver takes them.
//!
//! A value never leaves its sender's future but into the hands of a receiver that runs: the sender queues with the
//! address of its value, *then* tells a receiver to look; the receiver takes the value of the sender that has waited
//! longest. So a sender that is dropped takes its value along, or was told that it is gone.
//!
//! Receivers wait in another queue than senders, and no two locks are held at once. What keeps a receiver from going to
//! sleep beside a value that was just offered is `n_offers`: a sender writes it before it takes the receivers' lock to
//! wake one, and a receiver reads it under that lock before it is queued. Whichever is second sees the other.
//!
//! **Invariant**, whenever the queue is unlocked: as many senders are queued as `n_offers` says, and none once `is_closed`
//! is set, but for those that the one who set it is about to refuse.

use crate::mpmc::channel::Room;
use crate::wait_queue::{End, Entry, Grant, Locked, Seat, WaitQueue, Waitable};
use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::marker::{PhantomData, PhantomPinned};
use std::pin::Pin;

/// A receiver has the value.
pub(super) const TAKEN: Grant = Grant(0);
/// The channel is closed; the value is where it was.
pub(super) const REFUSED: Grant = Grant(1);

/// A value that waits in its sender's future.
pub(super) struct Offer<T> {
    /// Taken under the lock of the queue while its sender is in it, by the sender otherwise.
    value: UnsafeCell<Option<T>>,
    _pinned: PhantomPinned,
}

// SAFETY: the value is reached under the lock or, when not queued, by its owner; it is moved, never shared.
unsafe impl<T: Send> Send for Offer<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Offer<T> {}

impl<T> Offer<T> {
    pub(super) fn new(value: T) -> Self {
        Offer { value: UnsafeCell::new(Some(value)), _pinned: PhantomPinned }
    }

    /// What a sender asks for: that this be taken.
    pub(super) fn address(self: Pin<&Self>) -> usize {
        std::ptr::from_ref(self.get_ref()).expose_provenance()
    }

    /// # Safety
    /// - The caller holds the lock of the queue in which the offer's sender is, or is that sender, and was refused.
    pub(super) unsafe fn take(&self) -> T {
        // SAFETY: the lock, or being the only one who can reach it, excludes any other access.
        let value = self.value.with_mut(|value| unsafe { (*value).take() });
        value.expect("whoever takes it also takes its sender out of the queue")
    }
}

pub(super) struct Offers<T> {
    senders: WaitQueue,
    /// Written under the lock of `senders`, read under that of the receivers.
    n_offers: AtomicUsize,
    /// Under the lock of `senders`.
    is_closed: AtomicBool,
    _offers: PhantomData<fn(T) -> T>,
}

impl<T> Offers<T> {
    pub(super) fn new() -> Self {
        Offers {
            senders: WaitQueue::new(),
            n_offers: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            _offers: PhantomData,
        }
    }

    /// Relaxed here and below: the locks order it, as the module's documentation says.
    fn count(&self, _lock: &Locked<'_>, change: isize) {
        let n = self.n_offers.load(Relaxed);
        self.n_offers.store(n.wrapping_add_signed(change), Relaxed);
    }
}

impl<T> Room<T> for Offers<T> {
    fn close(&self) {
        let mut list = self.senders.lock();
        self.is_closed.store(true, Relaxed);
        while !list.is_empty() {
            if list.is_full() {
                list.relieve();
                continue;
            }
            self.count(&list, -1);
            list.grant_front(REFUSED);
        }
    }

    /// Values in the buffer have no room that somebody could wait for.
    fn give_back(&self, _n: usize) {}

    fn take_offer(&self) -> Option<T> {
        let mut list = self.senders.lock();
        if self.is_closed.load(Relaxed) {
            return None; // Whoever is still queued is about to be refused.
        }
        let seat = list.seat(End::Front)?;
        let offer = std::ptr::with_exposed_provenance::<Offer<T>>(seat.asked);
        // SAFETY: a queued sender asks with the address of its offer, which is pinned and outlives its place in the
        // queue; `list` holds the lock of that queue.
        let value = unsafe { (*offer).take() };
        self.count(&list, -1);
        list.grant_front(TAKEN);
        Some(value)
    }

    fn has_offer(&self) -> bool {
        // Why closed: those who are queued still are about to be refused, and cannot be taken from.
        self.n_offers.load(Relaxed) != 0 && !self.is_closed.load(Relaxed)
    }
}

// SAFETY: `senders` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl<T> Waitable for Offers<T> {
    fn queue(&self) -> &WaitQueue {
        &self.senders
    }

    fn enter(&self, list: &mut Locked<'_>, _seat: Seat) -> Entry {
        if self.is_closed.load(Relaxed) {
            return Entry::Granted(REFUSED);
        }
        self.count(list, 1);
        Entry::Queue(End::Back, 0)
    }

    fn left(&self, list: &mut Locked<'_>) {
        self.count(list, -1);
    }

    /// The value is taken, or goes with its sender.
    fn forward(&self, _grant: Option<Grant>, _seat: Seat) {}
}
