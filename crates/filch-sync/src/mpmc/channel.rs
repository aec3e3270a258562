//! What the ends of a channel share when there may be many of either kind, and the receivers' half of the protocol.
//!
//! Values wait in a buffer, under the lock of the queue in which receivers wait. Who sends tells one waiting receiver to
//! *look*, and no more: the value stays where it is until a receiver that runs takes it. So a receiver that is dropped
//! after it was told holds nothing but a hint, which it passes on.
//!
//! How senders wait is no matter of this module: channels differ in their [`Room`].
//!
//! **Invariants**, whenever the queue is unlocked: as long as receivers are queued, there are no more values than others
//! were told to look and have not yet. A channel that is closed stays so, lets nothing in, and queues nobody for long.

use super::count::Count;
use super::error::TrySendError;
use crate::lock::foreign;
use crate::notify::Notify;
use crate::wait_queue::{End, Entry, Grant, Locked, Seat, Status, WaitQueue, Waitable, Waiter};
use filch_core::coop;
use filch_core::sys::cell::UnsafeCell;
use std::collections::VecDeque;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Given to one that waits: a value may be there, or the channel is closed.
const LOOK: Grant = Grant(0);
/// For one that is about to wait: it need not, for a value is there or the channel is closed.
const THERE: Grant = Grant(1);

/// What senders need before their values may wait, and where those wait that have it not.
pub(crate) trait Room<T> {
    /// Refuses the senders that wait, and those that come.
    fn close(&self);

    /// `n` values left the buffer.
    fn give_back(&self, n: usize);

    /// Takes a value that waits with its sender.
    fn take_offer(&self) -> Option<T> {
        None
    }

    /// Whether a value waits with its sender. One that came before [`Channel::announce`] is seen under the lock.
    fn has_offer(&self) -> bool {
        false
    }
}

/// The most values for which room is kept that none needs. Why so many: a burst should not keep its memory for ever, and
/// this many are not worth a call of the allocator. More of them grow again at two moves each, at most.
const KEPT: usize = 1024;

struct State<T> {
    values: VecDeque<T>,
    is_closed: bool,
}

impl<T> State<T> {
    /// The buffer, if it is empty and large.
    fn take_emptied(&mut self) -> Option<VecDeque<T>> {
        let is_idle = self.values.is_empty() && self.values.capacity() > KEPT;
        is_idle.then(|| std::mem::take(&mut self.values))
    }
}

pub(crate) struct Channel<T, R> {
    receivers: WaitQueue,
    /// Under the lock of `receivers`.
    state: UnsafeCell<State<T>>,
    pub(crate) room: R,
    /// Wakes those who wait for the end.
    pub(super) ended: Notify,
    pub(crate) n_senders: Count,
    pub(crate) n_receivers: Count,
}

// SAFETY: the values are reached under a lock only and are moved, never shared: sending them is all that happens.
unsafe impl<T: Send, R: Send> Send for Channel<T, R> {}
// SAFETY: as above; all else is `Sync` if the room is.
unsafe impl<T: Send, R: Sync> Sync for Channel<T, R> {}

impl<T, R: Room<T>> Channel<T, R> {
    pub(super) fn new(room: R) -> Self {
        Channel {
            receivers: WaitQueue::new(),
            state: UnsafeCell::new(State { values: VecDeque::new(), is_closed: false }),
            room,
            ended: Notify::new(),
            n_senders: Count::one(),
            n_receivers: Count::one(),
        }
    }

    /// Calls `f`, which calls no foreign code, with what the lock protects.
    ///
    /// # Safety
    /// `_lock` is the lock of `self.receivers`, and `f` does not call this.
    unsafe fn state<X>(&self, _lock: &mut Locked<'_>, f: impl FnOnce(&mut State<T>) -> X) -> X {
        // SAFETY: the lock excludes any other access, for the state is reached here only; no nested call.
        self.state.with_mut(|state| f(unsafe { &mut *state }))
    }

    /// Locks, and calls `f`, which calls no foreign code. Tells a receiver to look if `f` asks for it.
    fn change<X>(&self, f: impl FnOnce(&mut State<T>) -> (bool, X)) -> X {
        let mut list = self.receivers.lock();
        // SAFETY: just locked; `f` comes from this file, and is free of such calls.
        let (has_more, answer) = unsafe { self.state(&mut list, f) };
        if has_more {
            list.grant_front(LOOK);
        }
        answer
    }

    /// Puts a value in. It has its room, which stays with it.
    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        self.change(|state| {
            if state.is_closed {
                return (false, Err(value));
            }
            state.values.push_back(value);
            (true, Ok(()))
        })
    }

    /// Puts a value in that has no room: it takes that of the oldest, which comes out. If no value is there, `exceed` is
    /// called.
    pub(crate) fn push_over(&self, value: T, exceed: impl FnOnce()) -> Result<Option<T>, T> {
        self.change(|state| {
            if state.is_closed {
                return (false, Err(value));
            }
            let oldest = state.values.pop_front();
            if oldest.is_none() {
                exceed();
            }
            state.values.push_back(value);
            (oldest.is_none(), Ok(oldest))
        })
    }

    /// Puts a value in if a receiver waits that nothing has woken.
    pub(crate) fn push_if_awaited(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut list = self.receivers.lock();
        let is_awaited = list.grant_front(LOOK);
        // SAFETY: just locked, and the closure calls nothing of this channel.
        unsafe {
            self.state(&mut list, |state| match is_awaited {
                _ if state.is_closed => Err(TrySendError::Closed(value)),
                true => {
                    state.values.push_back(value);
                    Ok(())
                }
                false => Err(TrySendError::Full(value)),
            })
        }
    }

    /// A value waits with its sender, which [`Room::has_offer`] says by now.
    pub(crate) fn announce(&self) {
        self.change(|_| (true, ()));
    }

    /// Half a push, for the model that rejects it.
    #[cfg(all(test, filch_loom))]
    pub(super) fn push_untold(&self, value: T) {
        self.change(|state| (false, state.values.push_back(value)));
    }

    /// Takes up to `limit` values, at least one. `None`: none yet. Zero: none will come.
    pub(super) fn take(&self, limit: usize, mut into: impl FnMut(T)) -> Option<usize> {
        let (mut n, is_closed, emptied) = self.change(|state| {
            let n = limit.min(state.values.len());
            for _ in 0..n {
                into(state.values.pop_front().expect("counted under this lock"));
            }
            (false, (n, state.is_closed, state.take_emptied()))
        });
        drop(emptied); // Unlocked.
        if n != 0 {
            self.room.give_back(n);
        }
        while n < limit {
            let Some(value) = self.room.take_offer() else { break };
            into(value);
            n += 1;
        }
        if n != 0 || is_closed { Some(n) } else { None }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.change(|state| (false, state.is_closed))
    }

    pub(crate) fn len(&self) -> usize {
        self.change(|state| (false, state.values.len()))
    }

    /// Lets nothing in any more, and wakes all. Those who are woken last are woken also if a waker panics before.
    pub(crate) fn close(&self) {
        let _then_all_others = Finally(|| self.ended.notify_waiters());
        let _then_receivers = Finally(|| self.end());
        self.room.close();
    }

    fn end(&self) {
        let mut list = self.receivers.lock();
        // SAFETY: just locked, and the closure calls nothing of this channel.
        unsafe { self.state(&mut list, |state| state.is_closed = true) };
        while list.grant_front(LOOK) {
            if list.is_full() {
                list.relieve();
            }
        }
    }

    /// The last receiver is gone, and the channel closed.
    pub(super) fn clear(&self) {
        let values = self.change(|state| (false, std::mem::take(&mut state.values)));
        if !values.is_empty() {
            self.room.give_back(values.len());
        }
        foreign(|| drop(values));
    }
}

// SAFETY: `receivers` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl<T, R: Room<T>> Waitable for Channel<T, R> {
    fn queue(&self) -> &WaitQueue {
        &self.receivers
    }

    fn is_final(&self, grant: Grant) -> bool {
        grant == THERE
    }

    fn enter(&self, list: &mut Locked<'_>, seat: Seat) -> Entry {
        // SAFETY: the caller locked `receivers`, and the closure calls nothing of this channel.
        let is_idle =
            unsafe { self.state(list, |state| state.values.is_empty() && !state.is_closed) };
        if !is_idle || self.room.has_offer() {
            return Entry::Granted(THERE);
        }
        // Who was told to look and found nothing is still the one who has waited longest.
        Entry::Queue(if seat.chance.is_some() { End::Front } else { End::Back }, 0)
    }

    fn left(&self, _list: &mut Locked<'_>) {}

    fn forward(&self, grant: Option<Grant>, _seat: Seat) {
        if grant.is_some() {
            self.change(|state| (!state.values.is_empty() || self.room.has_offer(), ()));
        }
    }
}

/// Waits until something can be taken, and takes up to `limit`. Zero: none will come.
pub(super) fn poll_take<T, R: Room<T>, P: Deref<Target = Channel<T, R>>>(
    waiter: Pin<&Waiter<P>>,
    cx: &mut Context<'_>,
    limit: usize,
    mut into: impl FnMut(T),
) -> Poll<usize> {
    let budget = ready!(coop::poll_proceed(cx));
    if waiter.status() == Status::Waiting {
        ready!(waiter.poll(Some(cx.waker()))); // Whoever is queued need not look: it would have been told.
    }
    loop {
        if let Some(n) = waiter.primitive().take(limit, &mut into) {
            if waiter.status() != Status::Idle {
                waiter.granted_to_idle();
            }
            budget.made_progress();
            return Poll::Ready(n);
        }
        ready!(waiter.poll(Some(cx.waker())));
    }
}

/// Calls a function on drop, also while unwinding.
pub(crate) struct Finally<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
