#![doc = include_str!("README.md")]

mod batch;
mod list;
#[cfg(all(test, filch_loom))]
mod loom_tests;
#[cfg(all(test, not(any(filch_loom, filch_shuttle))))]
mod tests;
mod waiter;

use crate::lock::{Held, Lock};
use batch::WakeBatch;
use list::List;

pub(crate) use list::{End, Grant, Status};
pub(crate) use waiter::{Entry, Seat, Waitable, Waiter};

/// The queue of one primitive.
#[derive(Debug)]
pub(crate) struct WaitQueue {
    list: Lock<List>,
}

impl WaitQueue {
    filch_core::const_new! {
        pub(crate) const fn new() -> Self {
            WaitQueue { list: Lock::new(List::new()) }
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked { list: Some(self.list.lock()), wakes: WakeBatch::new(), queue: self }
    }
}

const IT_IS_LOCKED: &str = "the queue is locked whenever its user is at work";

/// A locked queue. Its drop unlocks, *then* wakes those who were granted something: the order of the fields matters.
#[derive(Debug)]
#[must_use = "a queue that is unlocked at once protects nothing"]
pub(crate) struct Locked<'q> {
    /// `None` only while `relieve` wakes.
    list: Option<Held<'q, List>>,
    wakes: WakeBatch,
    queue: &'q WaitQueue,
}

impl Locked<'_> {
    #[inline]
    fn list(&self) -> &List {
        self.list.as_ref().expect(IT_IS_LOCKED)
    }

    #[inline]
    fn list_mut(&mut self) -> &mut List {
        self.list.as_mut().expect(IT_IS_LOCKED)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list().at(End::Front).is_none()
    }

    /// What is known about the waiter at `end`.
    pub(crate) fn seat(&self, end: End) -> Option<Seat> {
        let node = self.list().at(end)?;
        // SAFETY: the lock is held.
        let key = unsafe { node.key() };
        Some(Seat { asked: node.asked, key, chance: None })
    }

    /// Changes the note about the first waiter, if there is one.
    pub(crate) fn set_front_key(&mut self, key: usize) {
        if let Some(node) = self.list().at(End::Front) {
            // SAFETY: the lock is held.
            unsafe { node.set_key(key) };
        }
    }

    /// Takes the first waiter out of the queue, with `grant`. Says whether there was one.
    pub(crate) fn grant_front(&mut self, grant: Grant) -> bool {
        self.grant(End::Front, grant)
    }

    /// Takes the last waiter out of the queue, with `grant`. Says whether there was one.
    pub(crate) fn grant_back(&mut self, grant: Grant) -> bool {
        self.grant(End::Back, grant)
    }

    fn grant(&mut self, end: End, grant: Grant) -> bool {
        // SAFETY: the lock is held.
        let (found, waker) = unsafe { self.list_mut().grant(end, grant) };
        if let Some(waker) = waker {
            self.wakes.push(waker);
        }
        found
    }

    /// Whether [`relieve`](Self::relieve) must be called before the next grant.
    pub(crate) fn is_full(&self) -> bool {
        self.wakes.is_full()
    }

    /// Unlocks, wakes those who were granted something, and locks again: anything may have changed between.
    pub(crate) fn relieve(&mut self) {
        self.list = None;
        self.wakes.wake_all();
        self.list = Some(self.queue.list.lock());
    }
}
