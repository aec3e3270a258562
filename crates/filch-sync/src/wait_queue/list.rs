//! The intrusive list under the queue: nodes that live inside the waiting futures.
//!
//! It does not lock and does not wake: the queue's lock protects every access to a list and to the links of its nodes.
//!
//! **Invariant:** a node whose status is `WAITING` is linked, and a linked node is alive and does not move.

use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::atomic::{AtomicU8, Ordering::*};
use std::marker::PhantomPinned;
use std::ptr::NonNull;
use std::task::Waker;

const IDLE: u8 = 0;
const WAITING: u8 = 1;
/// A grant `g` is stored as `FIRST_GRANT + g`.
const FIRST_GRANT: u8 = 2;

/// What a waiter was given. Its meaning belongs to the primitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant(pub(crate) u8);

/// Where a waiter is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not in the queue, nothing granted.
    Idle,
    /// In the queue.
    Waiting,
    /// Taken out of the queue by somebody else, with this.
    Granted(Grant),
}

/// One place in a list.
#[derive(Debug)]
pub(crate) struct Node {
    /// What the waiter asked for when it was made. Never written again.
    pub(crate) asked: usize,
    /// Written under the lock; the owner also reads it, and writes `IDLE` over a grant, without.
    status: AtomicU8,
    /// Read and written under the lock while waiting, by the owner alone otherwise.
    links: UnsafeCell<Links>,
    _pinned: PhantomPinned,
}

#[derive(Debug)]
struct Links {
    previous: Option<NonNull<Node>>,
    next: Option<NonNull<Node>>,
    waker: Option<Waker>,
    /// What the primitive needs to know about a queued waiter.
    key: usize,
}

// SAFETY: the links are reached only under the queue's lock or, when not linked, by the owner; a `Waker` is `Send`.
unsafe impl Send for Node {}
// SAFETY: as above: a shared `&Node` gives access to the atomic status, and to the links only under the rules above.
unsafe impl Sync for Node {}

impl Node {
    filch_core::const_new! {
        pub(crate) const fn new(asked: usize) -> Self {
            Node {
                asked,
                status: AtomicU8::new(IDLE),
                links: UnsafeCell::new(Links { previous: None, next: None, waker: None, key: 0 }),
                _pinned: PhantomPinned,
            }
        }
    }

    pub(crate) fn status(&self) -> Status {
        // ORDERING: [grant] pairs with `List::grant`: who sees the grant also sees what was done before it.
        match self.status.load(Acquire) {
            IDLE => Status::Idle,
            WAITING => Status::Waiting,
            granted => Status::Granted(Grant(granted - FIRST_GRANT)),
        }
    }

    /// The owner has taken note of its grant.
    pub(crate) fn granted_to_idle(&self) {
        debug_assert!(
            matches!(self.status(), Status::Granted(_)),
            "only a granted waiter has something to note"
        );
        self.status.store(IDLE, Relaxed); // Relaxed: nobody but the owner looks at a node that is not linked.
    }

    /// The owner, which is not linked, was given this without waiting for it any longer.
    pub(crate) fn unlinked_to_granted(&self, grant: Grant) {
        debug_assert_ne!(self.status(), Status::Waiting, "a linked waiter is granted by the list");
        self.status.store(FIRST_GRANT + grant.0, Relaxed); // Relaxed: as above.
    }

    /// Calls `f` with the links.
    ///
    /// # Safety
    /// - The caller holds the lock of the queue, or it owns the node and the node is not linked.
    /// - `f` does not call this for the same node.
    unsafe fn with_links<R>(&self, f: impl FnOnce(&mut Links) -> R) -> R {
        // SAFETY: the lock, or being the owner of what nobody else can reach, excludes any other access; no nested call.
        self.links.with_mut(|links| f(unsafe { &mut *links }))
    }

    /// # Safety
    /// As for `with_links`.
    pub(crate) unsafe fn key(&self) -> usize {
        // SAFETY: the caller's promise; the closure makes no call.
        unsafe { self.with_links(|links| links.key) }
    }

    /// # Safety
    /// As for `with_links`.
    pub(crate) unsafe fn set_key(&self, key: usize) {
        // SAFETY: the caller's promise; the closure makes no call.
        unsafe { self.with_links(|links| links.key = key) }
    }

    /// Whether the queued waker wakes the same task as `waker`.
    ///
    /// # Safety
    /// As for `with_links`.
    pub(crate) unsafe fn will_wake(&self, waker: &Waker) -> bool {
        // SAFETY: the caller's promise; `will_wake` compares two pointers and runs no foreign code.
        unsafe {
            self.with_links(|links| {
                links.waker.as_ref().is_some_and(|queued| queued.will_wake(waker))
            })
        }
    }

    /// Puts `waker` in and the former one out.
    ///
    /// # Safety
    /// As for `with_links`.
    pub(crate) unsafe fn swap_waker(&self, waker: &mut Option<Waker>) {
        // SAFETY: the caller's promise; `swap` runs no foreign code.
        unsafe { self.with_links(|links| std::mem::swap(&mut links.waker, waker)) }
    }
}

/// At which end of the list a waiter enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It goes before all others: it has waited before and was bypassed, or holds what the others wait for.
    Front,
    /// It comes last.
    Back,
}

/// A doubly linked list of nodes.
#[derive(Debug)]
pub(crate) struct List {
    front: Option<NonNull<Node>>,
    back: Option<NonNull<Node>>,
}

// SAFETY: the nodes behind the pointers are `Send` and `Sync`, and reached under the lock around the list only.
unsafe impl Send for List {}

impl List {
    pub(crate) const fn new() -> Self {
        List { front: None, back: None }
    }

    /// The node at `end`. It is alive as long as the lock is held.
    pub(crate) fn at(&self, end: End) -> Option<&Node> {
        let node = match end {
            End::Front => self.front,
            End::Back => self.back,
        };
        // SAFETY: a linked node is alive, and unlinking it takes `&mut self`.
        node.map(|node| unsafe { &*node.as_ptr() })
    }

    /// Links `node` at `end`.
    ///
    /// # Safety
    /// - The caller holds the lock of this list's queue.
    /// - The node is not linked, and its owner unlinks it from this list before it is moved or freed.
    pub(crate) unsafe fn push(&mut self, node: &Node, end: End) {
        let this = NonNull::from(node);
        let (previous, next) = match end {
            End::Front => (None, self.front),
            End::Back => (self.back, None),
        };
        // SAFETY: under the lock; `node` is not linked, hence none of the two others.
        unsafe {
            node.with_links(|links| (links.previous, links.next) = (previous, next));
            self.set_next(previous, Some(this));
            self.set_previous(next, Some(this));
        }
        node.status.store(WAITING, Relaxed); // Relaxed: others look at it under the lock only.
    }

    /// Unlinks `node`, whose owner leaves, and gives its waker back.
    ///
    /// # Safety
    /// - The caller holds the lock of this list's queue.
    /// - The node is linked in this list.
    pub(crate) unsafe fn remove(&mut self, node: &Node) -> Option<Waker> {
        // SAFETY: the caller's promise.
        let waker = unsafe { self.unlink(node) };
        node.status.store(IDLE, Relaxed);
        waker
    }

    /// Unlinks the node at `end` and marks it as granted. Gives its waker, and whether there was a node at all.
    ///
    /// # Safety
    /// The caller holds the lock of this list's queue.
    pub(crate) unsafe fn grant(&mut self, end: End, grant: Grant) -> (bool, Option<Waker>) {
        let Some(node) = (match end {
            End::Front => self.front,
            End::Back => self.back,
        }) else {
            return (false, None);
        };
        // SAFETY: a linked node is alive; under the lock; it is linked in this list.
        unsafe {
            let node = node.as_ref();
            let waker = self.unlink(node);
            // ORDERING: [grant] pairs with `Node::status`. It is the last touch of the node: its owner may free it.
            node.status.store(FIRST_GRANT + grant.0, Release);
            (true, waker)
        }
    }

    /// # Safety
    /// As for `remove`.
    unsafe fn unlink(&mut self, node: &Node) -> Option<Waker> {
        // SAFETY: under the lock, and the node is linked here, so its neighbors are alive and linked here too. The three
        // are different nodes, and one access ends before the next one begins.
        unsafe {
            let (previous, next, waker) = node
                .with_links(|links| (links.previous.take(), links.next.take(), links.waker.take()));
            self.set_next(previous, next);
            self.set_previous(next, previous);
            waker
        }
    }

    /// # Safety
    /// Under the lock; `node`, if any, is linked in this list.
    unsafe fn set_next(&mut self, node: Option<NonNull<Node>>, next: Option<NonNull<Node>>) {
        match node {
            // SAFETY: the caller's promise; linked nodes are alive.
            Some(node) => unsafe { node.as_ref().with_links(|links| links.next = next) },
            None => self.front = next,
        }
    }

    /// # Safety
    /// Under the lock; `node`, if any, is linked in this list.
    unsafe fn set_previous(
        &mut self,
        node: Option<NonNull<Node>>,
        previous: Option<NonNull<Node>>,
    ) {
        match node {
            // SAFETY: the caller's promise; linked nodes are alive.
            Some(node) => unsafe { node.as_ref().with_links(|links| links.previous = previous) },
            None => self.back = previous,
        }
    }
}
