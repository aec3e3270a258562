//! A wake-up for one or for all who wait, which is kept if nobody does.
//!
//! It carries no value and no count: two `notify_one` without a waiter are one.
//!
//! One word holds the kept wake-up, whether anybody waits, and the number of `notify_waiters` so far, the *generation*. A
//! [`Notified`] remembers the generation in which it was made: when the word's is another one, it is ready, queued or
//! not. So `notify_waiters` takes effect at one instant for all, although it wakes them in batches.
//!
//! **Invariants**, whenever the queue is unlocked: `WAITERS` is set exactly when the queue is not empty; `KEPT` and a
//! waiter of the present generation exclude each other; waiters of earlier generations stand before all others.

#[cfg(all(test, filch_loom))]
mod loom_tests;
mod notified;

use crate::wait_queue::{End, Entry, Grant, Locked, Seat, WaitQueue, Waitable};
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

pub use notified::{Notified, OwnedNotified};

const KEPT: usize = 1;
const WAITERS: usize = 2;
const GENERATION: usize = 4;

/// Woken by `notify_one`: the next in line is woken if this one is gone.
const ONE: Grant = Grant(0);
/// Woken by `notify_last`: the last in line is woken if this one is gone.
const LAST: Grant = Grant(1);
/// Woken by `notify_waiters`: so was everybody else.
const ALL: Grant = Grant(2);

/// Wakes one waiting task, or all of them.
///
/// [`notify_one`](Self::notify_one) without a waiter is kept for the next one, so that a wake-up between a look at some
/// condition and the wait for it is not lost. [`notify_waiters`](Self::notify_waiters) is not kept: it reaches each
/// [`Notified`] that was *made* before, whether it was polled or not.
///
/// # Examples
///
/// ```
/// use filch_sync::Notify;
///
/// static READY: Notify = Notify::new();
///
/// # futures_lite::future::block_on(async {
/// READY.notify_one();
/// READY.notified().await;
/// # });
/// ```
#[derive(Debug)]
pub struct Notify {
    state: AtomicUsize,
    queue: WaitQueue,
}

impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

impl Notify {
    filch_core::const_new! {
        /// Makes one that keeps no wake-up.
        pub const fn new() -> Self {
            Notify { state: AtomicUsize::new(0), queue: WaitQueue::new() }
        }
    }

    filch_core::const_new! {
        /// As [`new`](Self::new), by the name that other libraries use in statics.
        pub const fn const_new() -> Self {
            Notify::new()
        }
    }

    /// Waits for a wake-up. It counts as made for [`notify_waiters`](Self::notify_waiters) at once, and for
    /// [`notify_one`](Self::notify_one) when it is polled or [enabled](Notified::enable).
    ///
    /// # Cancel safety
    /// A dropped call gives the wake-up it received to the next waiter; the place in the queue is lost.
    ///
    /// # Examples
    ///
    /// To wait for a condition that others change and then notify of, make the future before the look:
    ///
    /// ```
    /// use filch_sync::Notify;
    /// use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    ///
    /// static IS_DONE: AtomicBool = AtomicBool::new(false);
    /// static CHANGED: Notify = Notify::new();
    ///
    /// let thread = std::thread::spawn(|| {
    ///     IS_DONE.store(true, SeqCst);
    ///     CHANGED.notify_waiters();
    /// });
    /// # futures_lite::future::block_on(async {
    /// loop {
    ///     let changed = CHANGED.notified();
    ///     if IS_DONE.load(SeqCst) {
    ///         break;
    ///     }
    ///     changed.await;
    /// }
    /// # });
    /// # thread.join().unwrap();
    /// ```
    #[inline]
    pub fn notified(&self) -> Notified<'_> {
        Notified::new(self)
    }

    /// As [`notified`](Self::notified), for a future that keeps the `Notify` alive and has no lifetime.
    ///
    /// # Cancel safety
    /// A dropped call gives the wake-up it received to the next waiter; the place in the queue is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Notify;
    /// use std::sync::Arc;
    ///
    /// let notify = Arc::new(Notify::new());
    /// let notified = notify.clone().notified_owned();
    /// std::thread::spawn(move || notify.notify_waiters());
    /// futures_lite::future::block_on(notified);
    /// ```
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        OwnedNotified::new(self)
    }

    /// Wakes the one who has waited longest, or keeps the wake-up for the next who comes.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Notify;
    ///
    /// # futures_lite::future::block_on(async {
    /// let notify = Notify::new();
    /// notify.notify_one();
    /// notify.notify_one(); // One is kept already.
    /// notify.notified().await;
    /// assert!(futures_lite::future::poll_once(notify.notified()).await.is_none());
    /// # });
    /// ```
    #[inline]
    pub fn notify_one(&self) {
        self.notify(End::Front, ONE);
    }

    /// Wakes the one who came last, or keeps the wake-up for the next who comes.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Notify;
    /// use futures_lite::future::{block_on, poll_once};
    /// use std::pin::pin;
    ///
    /// # block_on(async {
    /// let notify = Notify::new();
    /// let (mut first, mut last) = (pin!(notify.notified()), pin!(notify.notified()));
    /// first.as_mut().enable();
    /// last.as_mut().enable();
    /// notify.notify_last();
    /// assert!(poll_once(first).await.is_none());
    /// last.await;
    /// # });
    /// ```
    pub fn notify_last(&self) {
        self.notify(End::Back, LAST);
    }

    /// Wakes all who wait, and makes every [`Notified`] ready that exists at this moment. Nothing is kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::Notify;
    ///
    /// # futures_lite::future::block_on(async {
    /// let notify = Notify::new();
    /// let made_before = notify.notified();
    /// notify.notify_waiters();
    /// made_before.await;
    /// assert!(futures_lite::future::poll_once(notify.notified()).await.is_none());
    /// # });
    /// ```
    pub fn notify_waiters(&self) {
        let mut state = self.state.load(Relaxed);
        while state & WAITERS == 0 {
            // ORDERING: [notify] publishes what was done before the wake-up.
            match self.state.compare_exchange_weak(
                state,
                state.wrapping_add(GENERATION),
                Release,
                Relaxed,
            ) {
                Ok(_) => return,
                Err(actual) => state = actual,
            }
        }
        let mut list = self.queue.lock();
        self.state.fetch_add(GENERATION, Release); // ORDERING: [notify] as above.
        self.wake_earlier(&mut list);
        self.note_waiters(&list);
    }

    #[inline]
    fn notify(&self, end: End, grant: Grant) {
        if !self.keep() {
            self.notify_waiter(end, grant);
        }
    }

    /// Keeps the wake-up, if nobody waits.
    #[inline]
    fn keep(&self) -> bool {
        let mut state = self.state.load(Relaxed);
        while state & WAITERS == 0 {
            // ORDERING: [notify] publishes what was done before the wake-up. Written also when it is set already, or
            // else whoever takes it would not see what this caller did.
            match self.state.compare_exchange_weak(state, state | KEPT, Release, Relaxed) {
                Ok(_) => return true,
                Err(actual) => state = actual,
            }
        }
        false
    }

    #[cold]
    fn notify_waiter(&self, end: End, grant: Grant) {
        let mut list = self.queue.lock();
        // Those are ready; the wake-up belongs to one who is not.
        self.wake_earlier(&mut list);
        while list.is_full() {
            list.relieve();
            self.wake_earlier(&mut list);
        }
        let found = match end {
            End::Front => list.grant_front(grant),
            End::Back => list.grant_back(grant),
        };
        self.note_waiters(&list);
        if !found {
            let kept = self.keep();
            debug_assert!(kept, "nobody can start to wait under the lock");
        }
    }

    /// Grants all who were queued in an earlier generation.
    fn wake_earlier(&self, list: &mut Locked<'_>) {
        while let Some(seat) = list.seat(End::Front) {
            if seat.asked == self.generation() {
                break;
            }
            if list.is_full() {
                list.relieve();
            } else {
                list.grant_front(ALL);
            }
        }
    }

    /// Under the queue's lock: clears `WAITERS` if nobody waits.
    fn note_waiters(&self, list: &Locked<'_>) {
        if list.is_empty() {
            self.state.fetch_and(!WAITERS, Relaxed); // Relaxed: whoever sees it takes nothing by it.
        }
    }

    /// The part of the word that each `notify_waiters` changes.
    #[inline]
    fn generation(&self) -> usize {
        // ORDERING: [notify] who sees a later generation sees what was done before that `notify_waiters`.
        generation(self.state.load(Acquire))
    }

    /// Without the lock: what a waiter of this generation can have at once.
    #[inline]
    fn take(&self, asked: usize) -> Option<Grant> {
        let mut state = self.state.load(Acquire); // ORDERING: [notify] as in `generation`.
        loop {
            if generation(state) != asked {
                return Some(ALL);
            }
            if state & KEPT == 0 {
                return None;
            }
            // ORDERING: [notify] who takes a wake-up sees what was done before it; on failure as in `generation`.
            match self.state.compare_exchange_weak(state, state & !KEPT, Acquire, Acquire) {
                Ok(_) => return Some(ONE),
                Err(actual) => state = actual,
            }
        }
    }
}

#[inline]
fn generation(state: usize) -> usize {
    state & !(KEPT | WAITERS)
}

impl Default for Notify {
    fn default() -> Self {
        Notify::new()
    }
}

// SAFETY: `queue` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl Waitable for Notify {
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn enter(&self, _list: &mut Locked<'_>, seat: Seat) -> Entry {
        loop {
            if let Some(grant) = self.take(seat.asked) {
                return Entry::Granted(grant);
            }
            // The word in which there is nothing to take.
            let nothing = seat.asked | (self.state.load(Relaxed) & WAITERS);
            if self.state.compare_exchange(nothing, nothing | WAITERS, Relaxed, Relaxed).is_ok() {
                return Entry::Queue(End::Back, 0);
            }
        }
    }

    fn revisit(&self, seat: Seat) -> Option<Grant> {
        (self.generation() != seat.asked).then_some(ALL)
    }

    fn left(&self, list: &mut Locked<'_>) {
        self.note_waiters(list);
    }

    fn forward(&self, grant: Option<Grant>, _seat: Seat) {
        match grant {
            Some(ONE) => self.notify_one(),
            Some(LAST) => self.notify_last(),
            Some(_) | None => {}
        }
    }
}
