//! The links between tokens, and the one lock of their tree.
//!
//! It wakes those who wait for canceled nodes, and runs no other foreign code. Everything that moves links is here.
//!
//! **Invariants**, whenever the lock is free: a linked node is alive and not canceled; it has handles, or its dropper is
//! about to take the lock, or it is a ghost, and then it has at least two children.

use super::node::{Handle, Node};
use super::reason::Reason;
use crate::lock::{Held, Lock};
use std::ptr::NonNull;

pub(super) struct Tree(Lock<()>);

/// Reached under the tree's lock.
#[derive(Default)]
pub(super) struct Links {
    parent: Option<NonNull<Node>>,
    first_child: Option<NonNull<Node>>,
    previous: Option<NonNull<Node>>,
    /// The next child of the same parent; of a node that was taken out to be woken, the next one in that list, which
    /// belongs to one thread and needs no lock.
    next: Option<NonNull<Node>>,
    /// The last handle is gone, and the node holds its children together.
    is_ghost: bool,
}

impl Tree {
    pub(super) fn new() -> Self {
        Tree(Lock::new(()))
    }

    fn lock(&self) -> Locked<'_> {
        Locked(self.0.lock())
    }
}

/// Makes a child of `parent`; a canceled parent has none, and gets another handle.
pub(super) fn child_of(parent: &Handle) -> Handle {
    if parent.is_canceled() {
        return parent.clone();
    }
    let child = Handle::of_new(parent.tree.clone());
    let mut tree = parent.tree.lock();
    if parent.is_canceled() {
        drop(tree); // Before the child is dropped, which takes the lock.
        return parent.clone();
    }
    // SAFETY: both are alive and of this tree; the child is not linked.
    unsafe { tree.link(parent.node(), child.node()) };
    child
}

/// What [`child_of`] would be without its second look.
#[cfg(all(test, filch_loom))]
pub(super) fn linked_unseen(parent: &Handle) -> Handle {
    let child = Handle::of_new(parent.tree.clone());
    // SAFETY: both are alive and of this tree; the child is not linked.
    unsafe { parent.tree.lock().link(parent.node(), child.node()) };
    child
}

/// The nodes below `top`, and how many of them are ghosts.
#[cfg(all(test, not(any(filch_loom, filch_shuttle))))]
pub(super) fn count_below(top: &Handle) -> (usize, usize) {
    let mut tree = top.tree.lock();
    let (mut nodes, mut ghosts) = (0, 0);
    let mut todo = vec![top.node()];
    while let Some(node) = todo.pop() {
        // SAFETY: the top is alive and of this tree; linked nodes are.
        unsafe {
            let mut child = tree.links(node, |links| links.first_child);
            while let Some(node) = child {
                nodes += 1;
                ghosts += usize::from(tree.links(node, |links| links.is_ghost));
                todo.push(node);
                child = tree.links(node, |links| links.next);
            }
        }
    }
    (nodes, ghosts)
}

/// Cancels `top` and all its descendants, and wakes those who wait for them. Too late if it is canceled already.
pub(super) fn cancel(top: &Handle, reason: Reason) {
    if top.is_canceled() {
        return;
    }
    let (ghost, canceled) = {
        let mut tree = top.tree.lock();
        if top.is_canceled() {
            return;
        }
        // SAFETY: the node is alive, of this tree, and not canceled; then it has no parent.
        unsafe {
            let ghost = tree.take_out(top.node());
            (ghost, tree.cancel_down_from(top.node(), &reason))
        }
    };
    drop(ghost);
    canceled.wake_all();
}

/// Takes a node without handles out of its tree and frees it, unless its children need it as a ghost.
///
/// # Safety
/// The node has no handle, and will have none but from `Node::handle_of_ghost`; it is used no more.
pub(super) unsafe fn leave(node: NonNull<Node>) {
    let _kept;
    let _ghost = {
        // SAFETY: the node is alive: nobody else frees it while it is not a ghost.
        let node_ref = unsafe { node.as_ref() };
        let mut tree = node_ref.tree.lock();
        // SAFETY: the node is alive and of this tree.
        unsafe {
            if tree.has_two_children(node) {
                tree.links(node, |links| links.is_ghost = true);
                _kept = node_ref.tree.clone(); // A ghost may be freed by others, and its tree, before we have unlocked.
                return;
            }
            tree.take_out_of_between(node)
        }
    };
    // SAFETY: it came from a box, nothing points to it any more, and the caller had the last right to it.
    drop(unsafe { Box::from_raw(node.as_ptr()) });
}

/// The right to the links of all nodes of one tree.
///
/// # Safety
/// The nodes given to its methods are alive and of this tree, as are all that are linked.
struct Locked<'t>(#[expect(dead_code, reason = "held, not looked at")] Held<'t, ()>);

impl Locked<'_> {
    unsafe fn links<R>(&mut self, node: NonNull<Node>, f: impl FnOnce(&mut Links) -> R) -> R {
        // SAFETY: the node is alive; its lock is held, and `&mut self` keeps `f` from reaching links a second time.
        unsafe { node.as_ref() }.links.with_mut(|links| f(unsafe { &mut *links }))
    }

    /// Makes `child`, which is not linked, the first child of `parent`.
    unsafe fn link(&mut self, parent: NonNull<Node>, child: NonNull<Node>) {
        // SAFETY: the caller's promise; linked nodes are alive.
        unsafe {
            let next = self.links(parent, |links| links.first_child.replace(child));
            self.links(child, |links| (links.parent, links.next) = (Some(parent), next));
            if let Some(next) = next {
                self.links(next, |links| links.previous = Some(child));
            }
        }
    }

    /// Takes `node` away from its parent, if it has one, which is returned. Its children stay with it.
    unsafe fn unlink(&mut self, node: NonNull<Node>) -> Option<NonNull<Node>> {
        // SAFETY: the caller's promise; linked nodes are alive.
        unsafe {
            let (parent, previous, next) = self.links(node, |links| {
                (links.parent.take(), links.previous.take(), links.next.take())
            });
            if let Some(next) = next {
                self.links(next, |links| links.previous = previous);
            }
            if let Some(previous) = previous {
                self.links(previous, |links| links.next = next);
            } else if let Some(parent) = parent {
                self.links(parent, |links| links.first_child = next);
            }
            parent
        }
    }

    unsafe fn has_two_children(&mut self, node: NonNull<Node>) -> bool {
        // SAFETY: the caller's promise; linked nodes are alive.
        unsafe {
            let first = self.links(node, |links| links.first_child);
            first.is_some_and(|first| self.links(first, |links| links.next.is_some()))
        }
    }

    /// Takes `node` away from its parent. If that is a ghost which is needed no more, it is taken out as well, and the
    /// handle returned is the right to free it, without the lock.
    unsafe fn take_out(&mut self, node: NonNull<Node>) -> Option<Handle> {
        // SAFETY: the caller's promise; linked nodes are alive. A ghost that is taken out is linked nowhere.
        unsafe {
            let parent = self.unlink(node)?;
            if !self.links(parent, |links| links.is_ghost) || self.has_two_children(parent) {
                return None;
            }
            self.take_out_of_between(parent);
            Some(Node::handle_of_ghost(parent))
        }
    }

    /// As [`take_out`](Self::take_out), for a node with one child at most, which takes its place.
    unsafe fn take_out_of_between(&mut self, node: NonNull<Node>) -> Option<Handle> {
        // SAFETY: the caller's promise; linked nodes are alive.
        unsafe {
            let Some(child) = self.links(node, |links| links.first_child) else {
                return self.take_out(node);
            };
            self.unlink(child);
            if let Some(parent) = self.unlink(node) {
                self.link(parent, child); // It has as many children as before.
            }
            None
        }
    }

    /// Cancels `top`, which has no parent, and all below it, each before its parent.
    unsafe fn cancel_down_from(&mut self, top: NonNull<Node>, reason: &Reason) -> Canceled {
        let mut canceled = Canceled { first: None };
        let mut at = Some(top);
        while let Some(mut node) = at {
            // SAFETY: the caller's promise; linked nodes are alive, and stay so until their droppers get the lock.
            unsafe {
                while let Some(child) = self.links(node, |links| links.first_child) {
                    node = child;
                }
                at = self.unlink(node);
                if let Some(handle) = self.set(node, reason) {
                    self.links(node, |links| links.next = canceled.first);
                    canceled.first = Some(handle.into_node());
                }
            }
        }
        canceled
    }

    /// Marks a node that is not linked as canceled. Gives a handle if somebody must be woken, or the node freed.
    unsafe fn set(&mut self, node: NonNull<Node>, reason: &Reason) -> Option<Handle> {
        // SAFETY: the caller's promise: alive; under the lock; a node that was linked is not canceled.
        unsafe {
            let is_ghost = self.links(node, |links| links.is_ghost);
            let has_waiters = node.as_ref().canceled.set(reason.clone());
            if is_ghost {
                Some(Node::handle_of_ghost(node))
            } else if has_waiters {
                Handle::of_linked(node)
            } else {
                None
            }
        }
    }
}

/// Canceled nodes for which somebody waits, linked by `next`, each with a handle.
#[must_use = "those who wait for these nodes were not woken yet"]
struct Canceled {
    first: Option<NonNull<Node>>,
}

impl Canceled {
    /// Wakes all, also if a waker panics: the first panic goes on when the last one is woken.
    fn wake_all(mut self) {
        self.wake();
    }

    fn wake(&mut self) {
        while let Some(handle) = self.pop() {
            handle.canceled.wake();
        }
    }

    fn pop(&mut self) -> Option<Handle> {
        let node = self.first?;
        // SAFETY: the list has a handle of the node. It was taken out of the tree and is canceled, so nobody but this list
        // uses its links: who makes a child or cancels looks at the latch first, and nobody leaves before the last handle.
        let (handle, next) = unsafe {
            (Handle::from_node(node), node.as_ref().links.with_mut(|links| (*links).next.take()))
        };
        self.first = next;
        Some(handle)
    }
}

impl Drop for Canceled {
    fn drop(&mut self) {
        self.wake(); // Something is left only if a waker panicked; further panics end in the wake queue then.
    }
}
