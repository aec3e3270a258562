//! All live tasks of a runtime: for its end, for listing and for leak checks.
//!
//! Each worker inserts into a list of its own; threads that are no workers use the lists in turn. A list holds no
//! references: a live task is never freed, and it leaves its list before it stops being live.

use super::id::Id;
use super::join::AbortHandle;
use super::raw::Header;
use super::runnable::Runnable;
use super::state::Woken;
use crate::runtime::{Root, Unfinished};
use crate::sys::IN_MODEL;
use crate::sys::sync::{Mutex, MutexGuard};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

/// How many lists there are.
// Why: a power of two above the workers of common machines; with more, two workers share a lock.
const N_SHARDS: usize = if IN_MODEL { 1 } else { 32 };

/// A task's neighbors in a list. Only under the lock of that list.
#[derive(Debug, Default)]
pub(super) struct Links {
    previous: Option<NonNull<Header>>,
    next: Option<NonNull<Header>>,
}

/// How a task stands to its list: flags. Only under the lock of that list.
// Why a byte, and not in `Links`: here it lies in the padding behind the header's `Shard`, which makes a small task 128
// bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing(u8);

impl Standing {
    const LINKED: u8 = 1;
    /// The list counts this task as live. Not so for one that came when the runtime was ending.
    const COUNTED: u8 = 2;
    /// It is about to complete.
    const GONE: u8 = 4;
    /// The end has asked it to end, and waits for that.
    const SWEPT: u8 = 8;

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

/// Which list a task is in. Chosen before the task is shared, constant from then on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shard(u8);

impl Shard {
    /// In no list: a blocking call.
    pub(super) const NONE: Shard = Shard(u8::MAX);

    /// Any list, the next one for the next task.
    pub(super) fn in_turn(id: Id) -> Shard {
        Shard((id.as_u64() % N_SHARDS as u64) as u8)
    }

    /// The list of a worker.
    pub(super) fn of(worker: usize) -> Shard {
        Shard((worker % N_SHARDS) as u8)
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
    gate: Gate,
}

/// Which tasks a list accepts.
#[derive(Default)]
enum Gate {
    /// All.
    #[default]
    Open,
    /// Those that have a grace. Each task that was swept is counted by the root.
    Swept(Arc<Root>),
    /// None.
    Closed,
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

    /// Inserts a task, unless it was claimed and is gone already. `false`: the runtime is ending.
    #[must_use]
    pub(super) fn insert(&self, task: NonNull<Header>) -> bool {
        let Some(mut list) = self.lock_list_of(task) else { return true };
        if with_standing(task, |standing| standing.has(Standing::GONE)) {
            return true;
        }
        if !matches!(list.gate, Gate::Open) && !list.accepts_late(task) {
            return false;
        }
        let head = list.head;
        with_links(task, |links| *links = Links { previous: None, next: head });
        with_standing(task, |standing| *standing = Standing(Standing::LINKED | Standing::COUNTED));
        if let Some(head) = head {
            with_links(head, |links| links.previous = Some(task));
        }
        list.head = Some(task);
        list.n_live += 1;
        true
    }

    /// Takes a task out that is about to complete. The answer waits for its end.
    #[must_use]
    pub(super) fn remove(&self, task: NonNull<Header>) -> Option<Arc<Root>> {
        let mut list = self.lock_list_of(task)?;
        list.unlink(task);
        let standing = with_standing(task, |standing| {
            standing.0 |= Standing::GONE;
            *standing
        });
        list.n_live -= usize::from(standing.has(Standing::COUNTED));
        if standing.has(Standing::SWEPT) { list.root() } else { None }
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
        let mut lists = self.lock_all();
        for list in &mut lists {
            list.gate = Gate::Closed; // What was swept and is still there is not waited for any more.
            list.tasks().for_each(mark);
        }
        drop(lists);
        for shard in &self.shards {
            while let Some(task) = pop(shard) {
                task.wake(sink);
            }
        }
    }

    /// Refuses further tasks that have no grace, and asks those there are to end; `root` counts them until they have.
    /// Runnables this makes are handed to `sink`.
    pub(crate) fn sweep(&self, root: &Arc<Root>, sink: &mut dyn FnMut(Runnable)) {
        let mut lists = self.lock_all();
        let swept: Vec<_> = lists.iter_mut().flat_map(|list| list.sweep(root)).collect();
        drop(lists);
        swept.into_iter().for_each(|task| task.wake(sink));
    }

    /// All lists at once, for an end that marks every task before it wakes one.
    // Why: a worker that meets a task's mark drops it, and who awaits that one must not be polled again: it would take the
    // end of the runtime for a failure. Nobody else holds two of these locks.
    fn lock_all(&self) -> Vec<MutexGuard<'_, List>> {
        self.shards.iter().map(|shard| shard.lock()).collect()
    }

    /// Waits for an end of the runtime that is marking its tasks. Before a task that is marked is dropped, which others see.
    pub(super) fn await_marks(&self, task: NonNull<Header>) {
        drop(self.lock_list_of(task));
    }

    /// The tasks that a swept runtime waits for.
    pub(crate) fn unfinished(&self) -> Vec<Unfinished> {
        self.shards.iter().flat_map(|shard| shard.lock().unfinished()).collect()
    }

    /// A handle to every live task.
    pub(crate) fn all(&self) -> Vec<AbortHandle> {
        let mut tasks = Vec::new();
        for shard in &self.shards {
            // SAFETY: linked, so live and thereby not freed while the list is locked.
            tasks.extend(shard.lock().tasks().map(|task| unsafe { AbortHandle::of(task) }));
        }
        tasks
    }

    /// A handle to every live task that the end of the runtime would cancel at once.
    pub(crate) fn all_without_grace(&self) -> Vec<AbortHandle> {
        let mut tasks = Vec::new();
        for shard in &self.shards {
            let list = shard.lock();
            // SAFETY: linked and locked.
            let without = list.tasks().filter(|task| unsafe { !task.as_ref().has_grace() });
            // SAFETY: linked, so live and thereby not freed while the list is locked.
            tasks.extend(without.map(|task| unsafe { AbortHandle::of(task) }));
        }
        tasks
    }
}

/// A reference to a task that the end of its runtime has found in a list.
struct Found {
    task: NonNull<Header>,
    /// Keeps the task's memory.
    _reference: AbortHandle,
}

impl Found {
    /// # Safety
    /// - The task is alive.
    unsafe fn new(task: NonNull<Header>) -> Self {
        // SAFETY: by the contract.
        Found { task, _reference: unsafe { AbortHandle::of(task) } }
    }

    /// After [`mark`].
    fn wake(self, sink: &mut dyn FnMut(Runnable)) {
        // SAFETY: alive, we own a reference.
        let header = unsafe { self.task.as_ref() };
        if header.state.wake_by_ref() == Woken::Runnable {
            // SAFETY: the state says that the runnable is ours.
            sink(unsafe { Runnable::from_raw(self.task) });
        }
    }
}

/// Has the next poll of a task end it. The caller holds the lock of the task's list.
fn mark(task: NonNull<Header>) {
    // SAFETY: linked and locked, so alive.
    unsafe { task.as_ref() }.state.cancel();
}

fn pop(shard: &Mutex<List>) -> Option<Found> {
    let mut list = shard.lock();
    let task = list.head?;
    list.unlink(task);
    // SAFETY: it was linked, so it is live and not freed while the list is locked.
    Some(unsafe { Found::new(task) })
}

impl List {
    /// The linked tasks, which stay so while this is used: the list is locked.
    fn tasks(&self) -> impl Iterator<Item = NonNull<Header>> {
        std::iter::successors(self.head, |task| with_links(*task, |links| links.next))
    }

    /// Whether a task that is not gone may come although the end has begun.
    #[cold]
    fn accepts_late(&self, task: NonNull<Header>) -> bool {
        // SAFETY: alive and locked; who completes it takes the lock before it writes the surroundings.
        matches!(self.gate, Gate::Swept(_)) && unsafe { task.as_ref().has_grace() }
    }

    /// Marks those without a grace.
    fn sweep(&mut self, root: &Arc<Root>) -> Vec<Found> {
        self.gate = Gate::Swept(Arc::clone(root));
        // SAFETY: linked and locked.
        let swept = self.tasks().filter(|task| unsafe { !task.as_ref().has_grace() });
        swept
            .map(|task| {
                with_standing(task, |standing| standing.0 |= Standing::SWEPT);
                root.wait_for(1);
                mark(task);
                // SAFETY: linked, so live and thereby not freed while the list is locked.
                unsafe { Found::new(task) }
            })
            .collect()
    }

    fn root(&self) -> Option<Arc<Root>> {
        match &self.gate {
            Gate::Swept(root) => Some(Arc::clone(root)),
            Gate::Open | Gate::Closed => None,
        }
    }

    fn unfinished(&self) -> Vec<Unfinished> {
        let unfinished = self.tasks().filter_map(|task| {
            let is_swept = with_standing(task, |standing| standing.has(Standing::SWEPT));
            // SAFETY: linked and locked.
            let (header, is_adopted) = unsafe { (task.as_ref(), task.as_ref().is_adopted()) };
            let name = header.name().map(str::to_owned);
            let Header { id, spawned_at, .. } = *header;
            (is_swept || is_adopted).then_some(Unfinished { id, name, spawned_at, is_adopted })
        });
        unfinished.collect()
    }

    fn unlink(&mut self, task: NonNull<Header>) {
        let was_linked = with_standing(task, |standing| {
            let before = *standing;
            standing.0 &= !Standing::LINKED;
            before.has(Standing::LINKED)
        });
        if !was_linked {
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
