//! A waiter: one place in a primitive's queue, owned by a future.
//!
//! It is the only code that links and unlinks itself, and the only place where a grant is forwarded.

use super::list::{End, Grant, Node, Status};
use super::{Locked, WaitQueue};
use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Poll, Waker};

/// A primitive whose futures wait in a [`WaitQueue`].
///
/// The methods that get a `&mut Locked` run under the lock of [`queue`](Self::queue): they call no foreign code.
///
/// # Safety
/// - `queue` gives the same queue as long as the primitive lives.
/// - No method puts another `Locked` in the place of the one it was lent.
pub(crate) unsafe trait Waitable {
    /// The queue of this primitive.
    fn queue(&self) -> &WaitQueue;

    /// Whether a waiter with this grant has what it wanted. With any other grant it enters again.
    fn is_final(&self, grant: Grant) -> bool {
        let _ = grant;
        true
    }

    /// Under the lock, for a waiter that is about to wait: gives it what it asks, or says where to queue it.
    fn enter(&self, list: &mut Locked<'_>, seat: Seat) -> Entry;

    /// Under the lock, for a waiter that is polled in the queue: what it got without being taken out, if anything.
    fn revisit(&self, seat: Seat) -> Option<Grant> {
        let _ = seat;
        None
    }

    /// Under the lock, after a waiter left the queue on its own.
    fn left(&self, list: &mut Locked<'_>);

    /// Passes on what a waiter was given and did not live to take. `None`: it was dropped in the queue.
    fn forward(&self, grant: Option<Grant>, seat: Seat);
}

/// What a primitive knows about one waiter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    /// What the waiter asked for when it was made.
    pub(crate) asked: usize,
    /// What the primitive noted about it when it was queued last.
    pub(crate) key: usize,
    /// The grant with which it comes back, if that was not final.
    pub(crate) chance: Option<Grant>,
}

/// The answer to a waiter that is about to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry {
    /// It need not wait.
    Granted(Grant),
    /// It is queued at this end, with this note.
    Queue(End, usize),
}

/// One place in the queue of a primitive. Polled like a future, dropped at any time.
pub(crate) struct Waiter<P: Deref<Target: Waitable>> {
    primitive: P,
    node: Node,
}

impl<P: Deref<Target: Waitable>> Waiter<P> {
    #[inline]
    pub(crate) fn new(primitive: P, asked: usize) -> Self {
        Waiter { primitive, node: Node::new(asked) }
    }

    pub(crate) fn primitive(&self) -> &P::Target {
        &self.primitive
    }

    pub(crate) fn asked(&self) -> usize {
        self.node.asked
    }

    #[inline]
    pub(crate) fn status(&self) -> Status {
        self.node.status()
    }

    /// The owner used its grant, and needs no other.
    pub(crate) fn granted_to_idle(&self) {
        self.node.granted_to_idle();
    }

    /// Waits until something final is granted. Without a waker the waiter keeps the place it takes, and is not woken.
    pub(crate) fn poll(self: Pin<&Self>, waker: Option<&Waker>) -> Poll<Grant> {
        match self.take_final_grant() {
            Some(grant) => Poll::Ready(grant),
            None => self.poll_locked(waker),
        }
    }

    fn take_final_grant(&self) -> Option<Grant> {
        match self.node.status() {
            Status::Granted(grant) if self.primitive.is_final(grant) => {
                self.node.granted_to_idle();
                Some(grant)
            }
            _ => None,
        }
    }

    #[cold]
    fn poll_locked(self: Pin<&Self>, waker: Option<&Waker>) -> Poll<Grant> {
        // Declared before the lock, thus dropped after it: dropping a waker runs foreign code.
        let mut spare = match self.node.status() {
            Status::Waiting => None,
            _ => waker.cloned(),
        };
        loop {
            let mut list = self.primitive.queue().lock();
            if let Some(grant) = self.take_final_grant() {
                return Poll::Ready(grant);
            }
            let answer = match self.node.status() {
                Status::Waiting => self.stay(&mut list, waker, &mut spare),
                _ if waker.is_some() != spare.is_some() => None,
                _ => Some(self.enter(&mut list, &mut spare)),
            };
            if let Some(answer) = answer {
                return answer;
            }
            drop(list);
            spare = waker.cloned();
        }
    }

    /// Under the lock, not linked: takes a place, unless the primitive has what is wanted.
    fn enter(self: Pin<&Self>, list: &mut Locked<'_>, spare: &mut Option<Waker>) -> Poll<Grant> {
        let chance = match self.node.status() {
            Status::Granted(grant) => Some(grant),
            _ => None,
        };
        let entry = {
            let seat = self.seat(list, chance);
            self.primitive.enter(list, seat)
        };
        if chance.is_some() {
            self.node.granted_to_idle();
        }
        match entry {
            Entry::Granted(grant) => Poll::Ready(grant),
            Entry::Queue(end, key) => {
                // SAFETY: `list` holds the lock of the primitive's one queue; the node is not linked. It is pinned, so
                // it does not move, and `drop` unlinks it before it is freed.
                unsafe {
                    self.node.set_key(key);
                    self.node.swap_waker(spare);
                    list.list.push(&self.get_ref().node, end);
                }
                Poll::Pending
            }
        }
    }

    /// Under the lock, linked: leaves if it is served, else sees to it that `waker` is woken. `None` asks for a clone.
    fn stay(
        &self,
        list: &mut Locked<'_>,
        waker: Option<&Waker>,
        spare: &mut Option<Waker>,
    ) -> Option<Poll<Grant>> {
        if let Some(grant) = self.primitive.revisit(self.seat(list, None)) {
            *spare = self.leave(list);
            return Some(Poll::Ready(grant));
        }
        let Some(waker) = waker else { return Some(Poll::Pending) };
        // SAFETY: `list` holds the lock of the primitive's one queue.
        unsafe {
            if !self.node.will_wake(waker) {
                spare.as_ref()?;
                self.node.swap_waker(spare);
            }
        }
        Some(Poll::Pending)
    }

    /// Under the lock, linked: unlinks and tells the primitive. The waker is the caller's to drop, unlocked.
    fn leave(&self, list: &mut Locked<'_>) -> Option<Waker> {
        // SAFETY: `list` holds the lock of the primitive's one queue, in which a waiting node is linked.
        let waker = unsafe { list.list.remove(&self.node) };
        self.primitive.left(list);
        waker
    }

    fn seat(&self, _lock: &Locked<'_>, chance: Option<Grant>) -> Seat {
        // SAFETY: `_lock` holds the lock of the primitive's one queue.
        let key = unsafe { self.node.key() };
        Seat { asked: self.node.asked, key, chance }
    }

    #[cold]
    fn cancel(&self) {
        let mut _waker = None; // Declared before the lock, thus dropped after it.
        let mut grant = self.take_grant();
        if grant.is_none() {
            let mut list = self.primitive.queue().lock();
            grant = self.take_grant();
            if grant.is_none() {
                _waker = self.leave(&mut list);
            }
        }
        // SAFETY: the node is not linked any more, and it is ours.
        let key = unsafe { self.node.key() };
        self.primitive.forward(grant, Seat { asked: self.node.asked, key, chance: None });
    }

    fn take_grant(&self) -> Option<Grant> {
        match self.node.status() {
            Status::Granted(grant) => {
                self.node.granted_to_idle();
                Some(grant)
            }
            _ => None,
        }
    }
}

impl<P: Deref<Target: Waitable>> Drop for Waiter<P> {
    #[inline]
    fn drop(&mut self) {
        if self.node.status() != Status::Idle {
            self.cancel();
        }
    }
}

impl<P: Deref<Target: Waitable>> fmt::Debug for Waiter<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").field("status", &self.node.status()).finish_non_exhaustive()
    }
}
