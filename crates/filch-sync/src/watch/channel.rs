//! What the ends of a channel share: the value, its version, and who waits for what.
//!
//! The value is in one place, under a lock that is held for a few instructions:
//!
//! | place | who may touch the value | who changes that | by |
//! |---|---|---|---|
//! | here | all who took a share of it read it | a sender | `send`: another value is here |
//! | | | a sender | `take` → away |
//! | away | the sender, once it is the only owner | the sender | `put_back` → here |
//! | | | the last [`Ref`], if the sender waits for it | `deliver` → delivered |
//! | delivered | nobody | the sender that waits for it | `take` → away |
//!
//! Who needs the value here, and finds it away, blocks its thread: that is until a function of the user ends, or those
//! who hold a [`Ref`] let go.

use super::share::{Share, Sole};
use crate::blocking::block_on;
use crate::lock::{Lock, foreign};
use crate::notify::Notify;
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::ops::Deref;

/// Set when the last sender is gone.
const CLOSED: usize = 1;
/// One version.
const STEP: usize = 2;

pub(super) struct Channel<T> {
    /// The version of the value, and `CLOSED`. The version is written under the lock.
    pub(super) state: AtomicUsize,
    slot: Lock<Slot<T>>,
    /// Tells receivers of versions, and of the end.
    pub(super) changed: Notify,
    /// Tells threads that the value is in another place.
    moved: Notify,
    pub(super) n_senders: AtomicUsize,
    pub(super) n_receivers: AtomicUsize,
    /// Tells senders that there is no receiver.
    pub(super) deserted: Notify,
}

struct Slot<T> {
    value: Place<T>,
    /// Some thread waits for `moved`.
    is_awaited: bool,
}

enum Place<T> {
    Here(Share<T>),
    Away,
    Delivered(Sole<T>),
}

impl<T> Place<T> {
    /// Takes out what `is_it` says yes to.
    fn take_if(&mut self, is_it: impl FnOnce(&Self) -> bool) -> Option<Self> {
        is_it(self).then(|| mem::replace(self, Place::Away))
    }
}

/// The present value and its version.
struct Borrowed<T> {
    share: Share<T>,
    version: usize,
}

impl<T> Channel<T> {
    pub(super) fn new(init: T) -> Self {
        let value = Place::Here(Sole::new(init).share());
        Channel {
            state: AtomicUsize::new(0),
            slot: Lock::new(Slot { value, is_awaited: false }),
            changed: Notify::new(),
            moved: Notify::new(),
            n_senders: AtomicUsize::new(1),
            n_receivers: AtomicUsize::new(1),
            deserted: Notify::new(),
        }
    }

    /// Calls `act` with the slot until it gives something, and blocks the thread between.
    fn with_slot<R>(&self, mut act: impl FnMut(&mut Slot<T>) -> Option<R>) -> R {
        loop {
            let moved = {
                let mut slot = self.slot.lock();
                if let Some(result) = act(&mut slot) {
                    return result;
                }
                slot.is_awaited = true;
                self.moved.notified()
            };
            block_on(moved);
        }
    }

    /// Puts the value into another place, and lets those look who wait for it.
    fn move_to(&self, place: Place<T>, is_changed: bool) {
        let is_awaited = {
            let mut slot = self.slot.lock();
            debug_assert!(matches!(slot.value, Place::Away), "it is moved by the one who has it");
            slot.value = place;
            if is_changed {
                self.add_version();
            }
            mem::take(&mut slot.is_awaited)
        };
        if is_awaited {
            self.moved.notify_waiters();
        }
    }

    /// Under the lock, while there is a sender: nobody else writes the word.
    fn add_version(&self) {
        let state = self.state.load(Relaxed);
        // ORDERING: [version] Release: who sees the version sees what was done before it was sent.
        self.state.store(state.wrapping_add(STEP), Release);
    }
}

/// What senders do.
impl<T> Channel<T> {
    /// Puts `value` in the place of the present one.
    pub(super) fn send(&self, value: T) {
        let mut value = Some(value);
        let former = self.with_slot(|slot| {
            let Place::Here(share) = &mut slot.value else { return None };
            let value = value.take().expect("it is taken once");
            let former = match share.get_mut() {
                Some(present) => (Some(mem::replace(present, value)), None),
                None => (None, Some(mem::replace(share, Sole::new(value).share()))),
            };
            self.add_version();
            Some(former)
        });
        self.changed.notify_waiters();
        foreign(|| drop(former));
    }

    /// Lets `modify` change the value in its place. Its answer says whether to tell the receivers.
    pub(super) fn modify(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let mut taken = Taken { channel: self, value: Some(self.take()), is_changed: false };
        let value = taken.value.as_mut().expect("set above").value();
        taken.is_changed = foreign(|| modify(value));
        let is_changed = taken.is_changed;
        drop(taken);
        if is_changed {
            self.changed.notify_waiters();
        }
        is_changed
    }

    /// Takes the value away from here.
    fn take(&self) -> Sole<T> {
        let here = self.with_slot(|slot| slot.value.take_if(|it| matches!(it, Place::Here(_))));
        let Place::Here(share) = here else { unreachable!("it is here, by the line above") };
        share.await_sole().unwrap_or_else(|| self.await_delivery())
    }

    #[cold]
    fn await_delivery(&self) -> Sole<T> {
        let delivered =
            self.with_slot(|slot| slot.value.take_if(|it| matches!(it, Place::Delivered(_))));
        let Place::Delivered(value) = delivered else { unreachable!("by the line above") };
        value
    }

    /// The last sender is gone.
    pub(super) fn close(&self) {
        // ORDERING: [version] Release: who sees the end sees what was done before it.
        self.state.fetch_or(CLOSED, Release);
        self.changed.notify_waiters();
    }
}

/// What all do.
impl<T> Channel<T> {
    fn share(&self) -> Borrowed<T> {
        self.with_slot(|slot| match &slot.value {
            // Relaxed: the version is written under the lock.
            Place::Here(share) => {
                Some(Borrowed { share: share.clone(), version: version(self.state.load(Relaxed)) })
            }
            Place::Away | Place::Delivered(_) => None,
        })
    }

    /// Lends the value to one who has seen it.
    pub(super) fn borrow(&self) -> Ref<'_, T> {
        Ref::new(self, self.share().share, false)
    }

    /// Lends the value to one who has seen `seen`, and says which version it lends.
    pub(super) fn borrow_since(&self, seen: usize) -> (Ref<'_, T>, usize) {
        let Borrowed { share, version } = self.share();
        (Ref::new(self, share, version != seen), version)
    }

    /// The version of the present value, and whether the last sender is gone.
    pub(super) fn version(&self) -> (usize, bool) {
        let state = self.state.load(Acquire); // ORDERING: [version] see `add_version` and `close`.
        (version(state), state & CLOSED != 0)
    }
}

/// A version other than `version`, and than those that come.
pub(super) fn version_before(version: usize) -> usize {
    version.wrapping_sub(STEP)
}

fn version(state: usize) -> usize {
    state & !CLOSED
}

/// The value, while it is changed. It is put back also when the change panics.
struct Taken<'a, T> {
    channel: &'a Channel<T>,
    value: Option<Sole<T>>,
    is_changed: bool,
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.channel.move_to(Place::Here(value.share()), self.is_changed);
        }
    }
}

/// A share in the value of a channel. From [`Receiver::borrow`](super::Receiver::borrow) and others.
///
/// It keeps the value that it was made for, whatever is sent meanwhile; but while it exists, [`Sender::send_modify`],
/// [`Sender::send_if_modified`] and [`Sender::send_replace`] block their threads, and then whoever borrows waits for them:
/// a thread that holds one and borrows another may wait for itself. That it cannot be sent to another thread keeps it from
/// being held across an `await` in a task that can:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>() {}
/// assert_send::<filch_sync::watch::Ref<'_, i32>>();
/// ```
///
/// # Examples
///
/// ```
/// use filch_sync::watch;
///
/// let (sender, receiver) = watch::channel(vec![1]);
/// let before = receiver.borrow();
/// sender.send(vec![1, 2]).unwrap();
/// assert_eq!(*before, [1]);
/// assert_eq!(receiver.borrow().len(), 2);
/// ```
///
/// [`Sender::send_modify`]: super::Sender::send_modify
/// [`Sender::send_if_modified`]: super::Sender::send_if_modified
/// [`Sender::send_replace`]: super::Sender::send_replace
#[must_use = "a value that is given back at once was not looked at"]
#[clippy::has_significant_drop]
pub struct Ref<'a, T> {
    channel: &'a Channel<T>,
    /// `None` only when it is being dropped.
    share: Option<Share<T>>,
    has_changed: bool,
    /// Not `Send`.
    _stays: PhantomData<*const ()>,
}

// SAFETY: a shared `Ref` gives access to the value for reading, and that is all.
unsafe impl<T: Send + Sync> Sync for Ref<'_, T> {}

impl<'a, T> Ref<'a, T> {
    fn new(channel: &'a Channel<T>, share: Share<T>, has_changed: bool) -> Self {
        Ref { channel, share: Some(share), has_changed, _stays: PhantomData }
    }

    /// Whether the value was changed since the receiver saw it last. For a [`Ref`] from a sender: `false`.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert!(receiver.borrow_and_update().has_changed());
    /// assert!(!receiver.borrow_and_update().has_changed());
    /// ```
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.share.as_ref().expect("it is there until the drop")
    }
}

impl<T> Drop for Ref<'_, T> {
    fn drop(&mut self) {
        match self.share.take().and_then(Share::let_go) {
            Some(value) if value.is_awaited() => {
                self.channel.move_to(Place::Delivered(value), false)
            }
            Some(value) => foreign(|| drop(value)), // Another value was sent.
            None => {}
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref")
            .field("value", &**self)
            .field("has_changed", &self.has_changed)
            .finish()
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, is_closed) = self.version();
        f.debug_struct("Channel")
            .field("version", &(version / STEP))
            .field("is_closed", &is_closed)
            .field("n_receivers", &self.n_receivers)
            .finish_non_exhaustive()
    }
}
