//! One node of a tree of tokens, and the handles that keep it there.

use super::reason::Reason;
use super::tree::{self, Links, Tree};
use crate::latch::Latch;
use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::Arc;
use filch_core::sys::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::process::abort;
use std::ptr::{self, NonNull};

/// Half of what fits: threads that count past it at the same time all notice before it wraps.
const MAX_HANDLES: usize = isize::MAX as usize;

/// What all clones of a token share.
pub(super) struct Node {
    /// Zero: the node is about to leave its tree, or is a ghost in it.
    n_handles: AtomicUsize,
    /// Set under the tree's lock.
    pub(super) canceled: Latch<Reason>,
    pub(super) tree: Arc<Tree>,
    pub(super) links: UnsafeCell<Links>,
}

// SAFETY: the links are reached under the tree's lock, or by the one thread that took the node out to wake those who wait
// for it (see `tree`). So are the nodes that they point to.
unsafe impl Send for Node {}
// SAFETY: as above.
unsafe impl Sync for Node {}

impl Node {
    fn in_tree(tree: Arc<Tree>) -> Self {
        Node {
            n_handles: AtomicUsize::new(1),
            canceled: Latch::new(),
            tree,
            links: UnsafeCell::new(Links::default()),
        }
    }

    #[inline]
    pub(super) fn is_canceled(&self) -> bool {
        self.canceled.is_set()
    }

    /// Makes a handle of a ghost, which nobody else can: there is none to clone.
    ///
    /// # Safety
    /// The node is a ghost, just taken out of the tree, whose lock the caller holds.
    pub(super) unsafe fn handle_of_ghost(node: NonNull<Node>) -> Handle {
        // SAFETY: a ghost lives until somebody takes it out of the tree.
        unsafe { node.as_ref() }.n_handles.store(1, Relaxed); // Relaxed: nobody else looks at it.
        Handle(node)
    }
}

/// Keeps a node in its tree. The last one to be dropped takes it out.
pub(super) struct Handle(NonNull<Node>);

// SAFETY: a handle lends `&Node`, and the last one drops a `Node`, on any thread; `Node` is `Send` and `Sync`.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// The first handle of the only node of a tree.
    pub(super) fn of_new_tree() -> Self {
        Handle::of_new(Arc::new(Tree::new()))
    }

    /// The first handle of a node that is not linked to any other one of `tree`.
    pub(super) fn of_new(tree: Arc<Tree>) -> Self {
        Handle(NonNull::from(Box::leak(Box::new(Node::in_tree(tree)))))
    }

    /// Another handle, unless the last one is gone and its dropper waits for the lock.
    ///
    /// # Safety
    /// `node` is in a tree, whose lock the caller holds.
    pub(super) unsafe fn of_linked(node: NonNull<Node>) -> Option<Self> {
        // SAFETY: who drops the last handle takes the lock before it frees the node.
        let n_handles = &unsafe { node.as_ref() }.n_handles;
        // Relaxed: there is a handle, which keeps the node.
        let counted = n_handles.fetch_update(Relaxed, Relaxed, |n| (n != 0).then(|| n + 1));
        counted.is_ok().then(|| Handle(node)) // Why not `then_some`: it would make one, and drop it.
    }

    /// The node: good for a link, and for [`from_node`](Self::from_node).
    pub(super) fn node(&self) -> NonNull<Node> {
        self.0
    }

    /// The handle without its duty to be dropped.
    pub(super) fn into_node(self) -> NonNull<Node> {
        ManuallyDrop::new(self).0
    }

    /// # Safety
    /// The node comes from `into_node`, once for each call.
    pub(super) unsafe fn from_node(node: NonNull<Node>) -> Self {
        Handle(node)
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        let before = self.n_handles.fetch_add(1, Relaxed); // Relaxed: this handle keeps the node.
        if before > MAX_HANDLES {
            abort(); // Somebody forgets handles by the quintillion.
        }
        Handle(self.0)
    }
}

impl Deref for Handle {
    type Target = Node;

    #[inline]
    fn deref(&self) -> &Node {
        // SAFETY: a node lives as long as it has handles.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // ORDERING: [handle] Release: what was done by this handle comes before the node is freed; Acquire: for the last.
        let before = self.n_handles.fetch_sub(1, AcqRel);
        debug_assert_ne!(before, 0, "a handle that is dropped was counted");
        if before == 1 {
            // SAFETY: this was the last handle, and there will be no other one: handles come from handles, but for
            // `of_linked`, which makes none from zero.
            unsafe { tree::leave(self.0) };
        }
    }
}

/// A handle that is made when it is first asked for, so that a token needs no allocation to begin with.
pub(super) struct LazyHandle(AtomicPtr<Node>);

impl LazyHandle {
    filch_core::const_new! {
        pub(super) const fn new() -> Self {
            LazyHandle(AtomicPtr::new(ptr::null_mut()))
        }
    }

    /// The node, if anybody has asked for it.
    #[inline]
    pub(super) fn get(&self) -> Option<&Node> {
        // ORDERING: [lazy] who sees the pointer sees the node.
        let node = self.0.load(Acquire);
        // SAFETY: a pointer that is there is a handle of ours, and stays until we are dropped.
        unsafe { node.as_ref() }
    }

    #[inline]
    pub(super) fn get_or_make(&self) -> &Node {
        let node = self.lend().0;
        // SAFETY: as in `get`.
        unsafe { node.as_ref() }
    }

    /// Our handle, for as long as we are borrowed.
    #[inline]
    pub(super) fn lend(&self) -> ManuallyDrop<Handle> {
        // ORDERING: [lazy] as in `get`.
        let node = NonNull::new(self.0.load(Acquire)).unwrap_or_else(|| self.make());
        ManuallyDrop::new(Handle(node))
    }

    #[cold]
    fn make(&self) -> NonNull<Node> {
        let made = Handle::of_new_tree();
        let none = ptr::null_mut();
        // ORDERING: [lazy] Release publishes the node to `get`; Acquire as there, if another thread was first.
        match self.0.compare_exchange(none, made.node().as_ptr(), Release, Acquire) {
            Ok(_) => made.into_node(),
            Err(first) => NonNull::new(first).expect("it is not `none`"),
        }
    }
}

impl From<Handle> for LazyHandle {
    fn from(handle: Handle) -> Self {
        LazyHandle(AtomicPtr::new(handle.into_node().as_ptr()))
    }
}

impl Drop for LazyHandle {
    fn drop(&mut self) {
        // Relaxed: whoever has `&mut` has seen all that was done before.
        if let Some(node) = NonNull::new(self.0.load(Relaxed)) {
            drop(Handle(node));
        }
    }
}
