//! A waiter: one place in a primitive's queue, owned by a future.
//!
//! It is the only code that links and unlinks itself, and the only place where a grant is forwarded.

use super::list::{End, Grant, Node, Status};
use super::{Locked, WaitQueue};
use crate::lock::foreign;
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
/// - No method puts another `Locked` in the place of the one it was lent, or relieves that one.
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
    /// It need not wait: a final grant.
    Granted(Grant),
    /// It is queued at this end, with this note.
    Queue(End, usize),
}

/// A waker that is not in a node: to go in, or just taken out. Its drop is foreign code.
struct Spare(Option<Waker>);

impl Spare {
    fn none() -> Self {
        Spare(None)
    }
}

impl Drop for Spare {
    #[inline]
    fn drop(&mut self) {
        foreign(|| drop(self.0.take()));
    }
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
        self.settle(waker);
        // Why from the node: until here foreign code may have unwound, and what lies in the node is forwarded then.
        self.take_final_grant().map_or(Poll::Pending, Poll::Ready)
    }

    /// Sees to it that the waiter has a final grant, or a place in the queue and `waker` in it.
    fn settle(self: Pin<&Self>, waker: Option<&Waker>) {
        // Declared before the lock, thus dropped after it: dropping a waker runs foreign code.
        let (mut spare, mut former) = (Spare::none(), Spare::none());
        if self.node.status() != Status::Waiting {
            spare.0 = foreign(|| waker.cloned());
        }
        loop {
            let mut list = self.primitive.queue().lock();
            let is_settled = match self.node.status() {
                Status::Granted(grant) if self.primitive.is_final(grant) => true,
                Status::Waiting => self.stay(&mut list, waker, &mut spare, &mut former),
                Status::Idle | Status::Granted(_) => self.enter(&mut list, waker, &mut spare),
            };
            if is_settled {
                return;
            }
            drop(list);
            spare.0 = foreign(|| waker.cloned());
        }
    }

    /// Under the lock, not linked: takes a place, unless the primitive has what is wanted. `false` asks for a clone.
    fn enter(
        self: Pin<&Self>,
        list: &mut Locked<'_>,
        waker: Option<&Waker>,
        spare: &mut Spare,
    ) -> bool {
        if waker.is_some() != spare.0.is_some() {
            return false;
        }
        let chance = match self.node.status() {
            Status::Granted(grant) => Some(grant),
            _ => None,
        };
        let seat = self.seat(list, chance);
        match self.primitive.enter(list, seat) {
            Entry::Granted(grant) => {
                debug_assert!(self.primitive.is_final(grant), "it would wait for ever");
                self.node.unlinked_to_granted(grant);
            }
            // SAFETY: `list` holds the lock of the primitive's one queue; the node is not linked. It is pinned, so it
            // does not move, and `drop` unlinks it before it is freed.
            Entry::Queue(end, key) => unsafe {
                self.node.set_key(key);
                self.node.swap_waker(&mut spare.0);
                list.list_mut().push(&self.get_ref().node, end);
            },
        }
        true
    }

    /// Under the lock, linked: leaves if it is served, else sees to it that `waker` is woken. `false` asks for a clone.
    fn stay(
        &self,
        list: &mut Locked<'_>,
        waker: Option<&Waker>,
        spare: &mut Spare,
        former: &mut Spare,
    ) -> bool {
        let seat = self.seat(list, None);
        if let Some(grant) = self.primitive.revisit(seat) {
            former.0 = self.leave(list);
            self.node.unlinked_to_granted(grant);
            return true;
        }
        let Some(waker) = waker else { return true };
        // SAFETY: `list` holds the lock of the primitive's one queue.
        unsafe {
            if !self.node.will_wake(waker) {
                if spare.0.is_none() {
                    return false;
                }
                self.node.swap_waker(&mut spare.0);
            }
        }
        true
    }

    /// Under the lock, linked: unlinks and tells the primitive. The waker is the caller's to drop, unlocked.
    fn leave(&self, list: &mut Locked<'_>) -> Option<Waker> {
        // SAFETY: `list` holds the lock of the primitive's one queue, in which a waiting node is linked.
        let waker = unsafe { list.list_mut().remove(&self.node) };
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
        let mut former = Spare::none(); // Declared before the lock, thus dropped after it.
        let mut grant = self.take_grant();
        if grant.is_none() {
            let mut list = self.primitive.queue().lock();
            grant = self.take_grant();
            if grant.is_none() {
                former.0 = self.leave(&mut list);
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
