//! All live tasks of a runtime: for its end, for listing and for leak checks.
//!
//! Each worker inserts into a list of its own; threads that are no workers use the lists in turn. A list holds no
//! references: a live task is never freed, and it leaves its list before it stops being live.

use super::id::Id;
use super::join::AbortHandle;
use super::raw::Header;
use super::runnable::Runnable;
use super::state::Woken;
use crate::sys::IN_MODEL;
use crate::sys::sync::{Mutex, MutexGuard};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::ptr::NonNull;

/// How many lists there are.
// Why: a power of two above the workers of common machines; with more, two workers share a lock.
const N_SHARDS: usize = if IN_MODEL { 1 } else { 32 };

/// A task's neighbors in a list. Only under the lock of that list.
#[derive(Debug, Default)]
pub(super) struct Links {
    previous: Option<NonNull<Header>>,
    next: Option<NonNull<Header>>,
}

/// How a task stands to its list. Only under the lock of that list.
// Why not in `Links`: here it lies in the padding behind the header's `Shard`, which makes a small task 128 bytes.
#[derive(Debug, Default)]
pub(super) struct Standing {
    linked: bool,
    /// The list counts this task as live. Not so for one that came when the runtime was ending.
    counted: bool,
}

/// Which list a task is in. Chosen before the task is shared, constant from then on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shard(u16);

impl Shard {
    /// In no list: a blocking call.
    pub(super) const NONE: Shard = Shard(u16::MAX);

    /// Any list, the next one for the next task.
    pub(super) fn in_turn(id: Id) -> Shard {
        Shard((id.as_u64() % N_SHARDS as u64) as u16)
    }

    /// The list of a worker.
    pub(super) fn of(worker: usize) -> Shard {
        Shard((worker % N_SHARDS) as u16)
    }
}

/// The live tasks of one runtime.
pub(crate) struct Registry {
    shards: [CachePadded<Mutex<List>>; N_SHARDS],
}

#[derive(Default)]
struct List {
    head: Option<NonNull<Header>>,
    /// How many tasks of this list are live, those included that the end of the runtime has unlinked.
    n_live: usize,
    closed: bool,
}

// SAFETY: the pointers are to live tasks and followed only under the list's lock.
unsafe impl Send for List {}

impl Registry {
    pub(crate) fn new() -> Self {
        Registry { shards: std::array::from_fn(|_| CachePadded::new(Mutex::new(List::default()))) }
    }

    /// Accepts tasks again after [`close`](Self::close); the former runtime's are all gone.
    pub(crate) fn reopen(&self) {
        for shard in &self.shards {
            *shard.lock() = List::default();
        }
    }

    /// Inserts a task that nobody else knows yet. `false`: the runtime is ending.
    #[must_use]
    pub(super) fn insert(&self, task: NonNull<Header>) -> bool {
        let Some(mut list) = self.lock_list_of(task) else { return true };
        if list.closed {
            return false;
        }
        let head = list.head;
        with_links(task, |links| *links = Links { previous: None, next: head });
        with_standing(task, |standing| *standing = Standing { linked: true, counted: true });
        if let Some(head) = head {
            with_links(head, |links| links.previous = Some(task));
        }
        list.head = Some(task);
        list.n_live += 1;
        true
    }

    /// Takes a task out that is about to complete.
    pub(super) fn remove(&self, task: NonNull<Header>) {
        if let Some(mut list) = self.lock_list_of(task) {
            list.unlink(task);
            list.n_live -= usize::from(with_standing(task, |standing| standing.counted));
        }
    }

    fn lock_list_of(&self, task: NonNull<Header>) -> Option<MutexGuard<'_, List>> {
        // SAFETY: the caller knows the task to be alive.
        let Shard(index) = unsafe { task.as_ref() }.shard;
        Some(self.shards.get(usize::from(index))?.lock())
    }

    /// How many tasks are live.
    pub(crate) fn n_live(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().n_live).sum()
    }

    /// Refuses further tasks and asks every live one to end. Runnables this makes are handed to `sink`.
    pub(crate) fn close(&self, sink: &mut dyn FnMut(Runnable)) {
        for shard in &self.shards {
            shard.lock().closed = true;
            while let Some(task) = pop(shard) {
                task.cancel(sink);
            }
        }
    }

    /// A handle to every live task.
    pub(crate) fn all(&self) -> Vec<AbortHandle> {
        let mut tasks = Vec::new();
        for shard in &self.shards {
            let list = shard.lock();
            let mut next = list.head;
            while let Some(task) = next {
                // SAFETY: linked, so live and thereby not freed while the list is locked.
                unsafe { task.as_ref() }.state.add_ref();
                // SAFETY: the reference taken above.
                tasks.push(unsafe { AbortHandle::from_raw(task) });
                next = with_links(task, |links| links.next);
            }
        }
        tasks
    }
}

/// A reference to a task that the end of its runtime has unlinked.
struct Unlinked {
    task: NonNull<Header>,
    /// Keeps the task's memory.
    _reference: AbortHandle,
}

impl Unlinked {
    fn cancel(self, sink: &mut dyn FnMut(Runnable)) {
        // SAFETY: alive, we own a reference.
        let header = unsafe { self.task.as_ref() };
        header.state.cancel();
        if header.state.wake_by_ref() == Woken::Runnable {
            // SAFETY: the state says that the runnable is ours.
            sink(unsafe { Runnable::from_raw(self.task) });
        }
    }
}

fn pop(shard: &Mutex<List>) -> Option<Unlinked> {
    let mut list = shard.lock();
    let task = list.head?;
    list.unlink(task);
    // SAFETY: it was linked, so it is live and not freed while the list is locked.
    unsafe { task.as_ref() }.state.add_ref();
    // SAFETY: the reference taken above.
    Some(Unlinked { task, _reference: unsafe { AbortHandle::from_raw(task) } })
}

impl List {
    fn unlink(&mut self, task: NonNull<Header>) {
        if !with_standing(task, |standing| std::mem::take(&mut standing.linked)) {
            return;
        }
        let Links { previous, next } = with_links(task, std::mem::take);
        match previous {
            Some(previous) => with_links(previous, |links| links.next = next),
            None => self.head = next,
        }
        if let Some(next) = next {
            with_links(next, |links| links.previous = previous);
        }
    }
}

/// The caller holds the lock of the task's list.
fn with_links<R>(task: NonNull<Header>, f: impl FnOnce(&mut Links) -> R) -> R {
    // SAFETY: every caller holds the lock of the list, which is what the links are under, and the task is live.
    unsafe { task.as_ref() }.links.with_mut(|links| f(unsafe { &mut *links }))
}

/// The caller holds the lock of the task's list.
fn with_standing<R>(task: NonNull<Header>, f: impl FnOnce(&mut Standing) -> R) -> R {
    // SAFETY: as in `with_links`.
    unsafe { task.as_ref() }.standing.with_mut(|standing| f(unsafe { &mut *standing }))
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("n_live", &self.n_live()).finish()
    }
}
