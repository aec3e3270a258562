//! Whom to wake, collected while locks are held and woken after they are released.

use crate::context;
use crate::io::{IoSlots, Ready, SlotKey};
use crate::prefetch::prefetch;
use crate::task::{Runnable, waker};
use crate::unwind::contain;
use std::fmt;
use std::task::Waker;

/// A collection of wakers. Dropped without [`wake_all`](Self::wake_all), it wakes them still.
#[derive(Default)]
pub struct WakeBatch {
    slots: Option<&'static IoSlots>,
    wakers: Vec<Waker>,
    n_events: usize,
}

impl WakeBatch {
    /// An empty batch for a turn of the driver that watches the sources of `slots`.
    pub fn for_slots(slots: &'static IoSlots) -> Self {
        WakeBatch { slots: Some(slots), wakers: Vec::new(), n_events: 0 }
    }

    /// Adds one waker. It is not woken yet.
    #[inline]
    pub fn push(&mut self, waker: Waker) {
        self.wakers.push(waker);
    }

    /// Adds several wakers.
    pub fn extend(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.wakers.extend(wakers);
    }

    /// Says that events of these keys are about to be delivered, so that their slots come from memory side by side and
    /// not one after the other. Changes nothing else.
    pub fn prefetch(&self, keys: impl IntoIterator<Item = SlotKey>) {
        let Some(slots) = self.slots else { return };
        for slot in keys.into_iter().filter_map(|key| slots.existing(key.index())) {
            prefetch(slot);
        }
    }

    /// Reports readiness of the source registered under `key`. An event of an ended registration, or under a key that
    /// was never given out, is dropped.
    ///
    /// # Panics
    /// When the batch was not made by [`for_slots`](Self::for_slots).
    pub fn deliver(&mut self, key: SlotKey, ready: Ready) {
        let slots =
            self.slots.expect("a driver reports events into a batch made by WakeBatch::for_slots");
        self.n_events += 1;
        if let Some(slot) = slots.existing(key.index()) {
            slot.deliver(key.generation(), ready, self);
        }
    }

    /// How many wakers are collected.
    pub fn len(&self) -> usize {
        self.wakers.len()
    }

    /// Whether there is nobody to wake.
    pub fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }

    /// How many events were delivered since the last [`wake_all`](Self::wake_all).
    pub fn n_events(&self) -> usize {
        self.n_events
    }

    /// Wakes everybody and leaves the batch empty. Tasks of the runtime this thread works for reach their scheduler
    /// as one batch. A waker that panics does not stop the others.
    pub fn wake_all(&mut self) {
        self.n_events = 0;
        if self.wakers.is_empty() {
            return;
        }
        let mut foreign = Vec::new();
        {
            let mut tasks =
                self.wakers.drain(..).filter_map(|waker| match waker::into_runnable(waker) {
                    Ok(runnable) => runnable.inspect(Runnable::prefetch),
                    Err(waker) => {
                        foreign.push(waker);
                        None
                    }
                });
            context::schedule_batch(&mut tasks);
        }
        for waker in foreign {
            // Why: a foreign waker is user code; its panic is its own business, the rest must still be woken.
            contain(|| waker.wake());
        }
    }
}

impl Drop for WakeBatch {
    fn drop(&mut self) {
        self.wake_all();
    }
}

impl fmt::Debug for WakeBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeBatch").field("len", &self.len()).finish()
    }
}
