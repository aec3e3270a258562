//! What is left of a runtime when it ends: the place its tasks and sources point to, recycled and never freed.
//!
//! A shell holds the parts of at most one runtime at a time. Threads that the runtime joins before its end (its
//! workers) use the parts freely; every other thread takes an [`Access`], which the end waits for. So a waker called on
//! a foreign thread never meets a scheduler that is being dropped.
//!
//! The protocol of access and end is Dekker's: the visitor counts itself in, then looks whether the runtime is closed;
//! the closer marks it closed, then looks at the counts. `[access]` names the two fences (design 0002).

use super::RuntimeRef;
use super::fork::Origin;
use super::parts::Parts;
use super::root::Root;
use crate::context;
use crate::io::IoSlots;
use crate::seam::Hint;
use crate::sys::cell::UnsafeCell;
use crate::sys::sync::Mutex;
use crate::sys::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::sys::sync::atomic::{AtomicU64, AtomicUsize, fence};
use crate::sys::{IN_MODEL, hint, thread};
use crate::task::{AbortHandle, Registry, Runnable};
use crate::wake_batch::WakeBatch;
use crossbeam_utils::CachePadded;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;

/// Over how many counters visitors are spread.
const N_STRIPES: usize = if IN_MODEL { 1 } else { 8 };

/// The lowest bit of a shell's state: no runtime accepts visitors.
const CLOSED: u64 = 1;

/// What a task points to: the place where it finds its runtime, also when that has ended.
pub struct Shell {
    /// Twice the number of runtimes that lived here, and [`CLOSED`]. Written by `open` and `close`.
    state: CachePadded<AtomicU64>,
    /// Visitors inside, per stripe.
    visitors: [CachePadded<AtomicUsize>; N_STRIPES],
    /// Written while closed and without visitors; read by workers and visitors.
    parts: UnsafeCell<Option<Parts>>,
    registry: Registry,
    slots: IoSlots,
    /// The token of the thread on which local tasks live, or zero.
    home: AtomicU64,
    /// Runnables that came after the end began, and local tasks found on a foreign thread.
    strays: Mutex<Vec<Runnable>>,
    /// Of the runtime that lives here, or lived here last.
    root: Mutex<Arc<Root>>,
    /// Where that was opened.
    origin: Origin,
}

// SAFETY: `parts` is written only by `open` and `close`, which exclude readers; see the module page.
unsafe impl Sync for Shell {}
// SAFETY: the parts are `Send`.
unsafe impl Send for Shell {}

static POOL: std::sync::Mutex<Vec<&'static Shell>> = std::sync::Mutex::new(Vec::new());

/// The right to use a runtime's parts. The runtime does not end while it is held, so hold it briefly.
pub struct Access {
    shell: &'static Shell,
    /// The stripe this visitor is counted in; `None` on a worker of the runtime.
    stripe: Option<usize>,
    /// A worker's access is good on its own thread only.
    thread: PhantomData<*const ()>,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Shell {
            state: CachePadded::new(AtomicU64::new(CLOSED)),
            visitors: std::array::from_fn(|_| CachePadded::new(AtomicUsize::new(0))),
            parts: UnsafeCell::new(None),
            registry: Registry::new(),
            slots: IoSlots::new(),
            home: AtomicU64::new(0),
            strays: Mutex::new(Vec::new()),
            root: Mutex::default(),
            origin: Origin::default(),
        }
    }

    /// A shell without a runtime, from the pool if there is one.
    pub(super) fn take() -> &'static Shell {
        let pooled = POOL.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        pooled.unwrap_or_else(|| Box::leak(Box::new(Shell::new())))
    }

    /// Puts a closed shell into the pool.
    pub(super) fn recycle(&'static self) {
        POOL.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(self);
    }

    /// Lets a runtime move in. Answers its epoch.
    pub(crate) fn open(&self, parts: Parts) -> u64 {
        self.registry.reopen();
        // Why: what a claimer completed may have come after the last look of `cancel_all`. Nothing of it is live.
        drop(self.take_strays());
        // SAFETY: closed, and `close` waited for the last visitor.
        self.parts.with_mut(|slot| unsafe { *slot = Some(parts) });
        let epoch = (self.state.load(Relaxed) & !CLOSED) + 2;
        *self.root.lock() = Arc::new(Root::new(epoch));
        self.origin.set_here();
        // ORDERING: [shell-open] Release publishes the parts to visitors.
        self.state.store(epoch, Release);
        epoch
    }

    /// Lets nobody in any more and waits until the last visitor has left. Workers go on.
    pub(crate) fn close(&self) {
        self.state.store(self.state.load(Relaxed) | CLOSED, Relaxed);
        // ORDERING: [access] pairs with the fence in `enter`: who does not see `CLOSED` is seen here.
        fence(SeqCst);
        for count in &self.visitors {
            let mut n_looks = 0_u32;
            // ORDERING: [access-leave] Acquire: what the visitor did is over.
            while count.load(Acquire) != 0 {
                n_looks += 1;
                // Why: a visit is a few instructions, unless its thread lost its processor.
                if n_looks < 64 { hint::spin_loop() } else { thread::yield_now() }
            }
        }
    }

    /// Takes the parts out. After [`close`](Self::close), when no worker runs and no task is live.
    pub(crate) fn take_parts(&self) -> Option<Parts> {
        debug_assert_ne!(self.state.load(Relaxed) & CLOSED, 0);
        self.home.store(0, Relaxed);
        // SAFETY: closed, without visitors or workers.
        self.parts.with_mut(|slot| unsafe { (*slot).take() })
    }

    /// Visits the runtime of `epoch`, unless it has ended.
    #[inline]
    pub(crate) fn access(&'static self, epoch: u64) -> Option<Access> {
        if context::is_worker_of(self) {
            // Why: a name of an earlier runtime must not lead to the one that lives here at present.
            let is_present = self.state.load(Relaxed) & !CLOSED == epoch;
            return (is_present && !self.is_inherited()).then(|| Access::new(self, None));
        }
        self.enter(Some(epoch))
    }

    fn enter(&'static self, epoch: Option<u64>) -> Option<Access> {
        let stripe = context::thread_number() % N_STRIPES;
        self.visitors[stripe].fetch_add(1, Relaxed);
        let access = Access::new(self, Some(stripe));
        // ORDERING: [access] pairs with the fence in `close`.
        fence(SeqCst);
        // ORDERING: [shell-open] Acquire pairs with `open`.
        let state = self.state.load(Acquire);
        let open = state & CLOSED == 0 && epoch.is_none_or(|epoch| epoch == state);
        (open && !self.is_inherited()).then_some(access)
    }

    /// Whether the runtime that lives here was opened by a process that this one was forked from.
    #[inline]
    pub(super) fn is_inherited(&self) -> bool {
        !self.origin.is_here()
    }

    /// Whether the runtime of `epoch` has ended or is ending.
    pub(crate) fn has_ended(&self, epoch: u64) -> bool {
        self.state.load(Relaxed) != epoch
    }

    /// The runtime that lives here at present.
    pub(crate) fn present(&'static self) -> RuntimeRef {
        RuntimeRef::new(self, self.state.load(Relaxed) & !CLOSED)
    }

    /// Hands a task to the scheduler, or puts it aside for the end that has begun.
    #[inline]
    pub(crate) fn schedule(&'static self, task: Runnable, hint: Hint) {
        if context::is_worker_of(self) {
            // SAFETY: a worker: the parts stay until it is joined.
            unsafe { self.parts() }.scheduler.schedule(task, hint);
            return;
        }
        match self.enter(None) {
            Some(parts) => parts.scheduler.schedule(task, hint),
            // Why: not dropped here: dropping a future may wake another, and so on, down the stack.
            None => self.strays.lock().push(task),
        }
    }

    /// Hands several tasks of this shell to the scheduler. Workers of it only.
    pub(crate) fn schedule_batch(&'static self, tasks: &mut dyn Iterator<Item = Runnable>) {
        debug_assert!(context::is_worker_of(self));
        // SAFETY: a worker: the parts stay until it is joined.
        unsafe { self.parts() }.scheduler.schedule_batch(tasks);
    }

    /// Brings the timers of this thread, a worker, to the wheel.
    pub(crate) fn flush_timers(&self, worker: usize) {
        debug_assert!(context::is_worker_of(self));
        // SAFETY: a worker: the parts stay until it is joined.
        unsafe { self.parts() }.park.flush_timers(worker);
    }

    /// Makes this thread the home of local tasks.
    pub(crate) fn set_home(&self, token: u64) {
        self.home.store(token, Relaxed);
    }

    /// Whether local tasks may be touched on this thread.
    pub(crate) fn is_home(&self) -> bool {
        self.home.load(Relaxed) == context::thread_number() as u64 + 1
    }

    /// Keeps a local task that was found on a foreign thread until its home fetches it.
    pub(crate) fn send_home(&'static self, task: Runnable) {
        self.strays.lock().push(task);
        if let Some(parts) = self.enter(None) {
            parts.park.unpark();
        }
    }

    /// What was sent home, and what came after the end began.
    pub(crate) fn take_strays(&self) -> Vec<Runnable> {
        std::mem::take(&mut *self.strays.lock())
    }

    /// What the runtime of `epoch` answers for, unless another one has moved in.
    pub(super) fn root_of(&self, epoch: u64) -> Option<Arc<Root>> {
        Some(Arc::clone(&self.root.lock())).filter(|root| root.epoch == epoch)
    }

    /// What the runtime answers for whose task or call is in a poll on this thread.
    pub(crate) fn root_here(&self) -> Option<Arc<Root>> {
        // Why asked for: a call may end after its runtime, when another one lives here.
        let here = context::entered().filter(|runtime| ptr::eq(runtime.shell(), self));
        let epoch = here.map_or_else(|| self.state.load(Relaxed) & !CLOSED, RuntimeRef::epoch);
        self.root_of(epoch)
    }

    /// Refuses tasks that have no grace, and ends those there are: here and now, if nobody else is about to poll them.
    /// What is left is counted by `root`. The runtime goes on.
    pub(crate) fn sweep(&self, root: &Arc<Root>) {
        let mut runnables = Vec::new();
        self.registry.sweep(root, &mut |runnable| runnables.push(runnable));
        drop(runnables);
    }

    /// Ends every live task and waits until all are gone. After the workers have ended.
    pub(crate) fn cancel_all(&self) {
        let mut runnables = Vec::new();
        self.registry.close(&mut |runnable| runnables.push(runnable));
        drop(runnables);
        let mut n_looks = 0_u32;
        while self.registry.n_live() != 0 {
            let strays = self.take_strays();
            if strays.is_empty() {
                n_looks += 1;
                // Why: what is missing is on its way here on a thread that is between a wake and `strays`.
                if n_looks < 64 { hint::spin_loop() } else { thread::yield_now() }
            }
            drop(strays);
        }
    }

    /// Ends every registration of a source.
    pub(super) fn retire_slots(&self, wakes: &mut WakeBatch) {
        self.slots.retire_all(wakes);
    }

    /// A handle to every live task.
    pub(crate) fn tasks(&self) -> Vec<AbortHandle> {
        self.registry.all()
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn slots(&self) -> &IoSlots {
        &self.slots
    }

    /// # Safety
    /// - The caller is a worker of the runtime or holds an access.
    unsafe fn parts(&self) -> &Parts {
        // SAFETY: by the contract nobody writes; the pointer is valid for as long as the shell, which is for ever.
        let parts = self.parts.with(|parts| unsafe { &*parts });
        parts.as_ref().expect("an open shell has parts")
    }
}

impl Access {
    fn new(shell: &'static Shell, stripe: Option<usize>) -> Self {
        Access { shell, stripe, thread: PhantomData }
    }
}

impl Deref for Access {
    type Target = Parts;

    #[inline]
    fn deref(&self) -> &Parts {
        // Why: an access hidden in a thread-local may outlive the worker.
        assert!(
            self.stripe.is_some() || context::is_worker_of(self.shell),
            "an Access was kept after its thread stopped being a worker; take one for each use"
        );
        // SAFETY: counted as a visitor, or on a thread that is a worker.
        unsafe { self.shell.parts() }
    }
}

impl Drop for Access {
    #[inline]
    fn drop(&mut self) {
        if let Some(stripe) = self.stripe {
            // ORDERING: [access-leave] Release: what was done inside comes before the end.
            self.shell.visitors[stripe].fetch_sub(1, Release);
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("shell", self.shell).finish()
    }
}

impl fmt::Debug for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Relaxed);
        f.debug_struct("Shell")
            .field("epoch", &(state / 2))
            .field("closed", &(state & CLOSED != 0))
            .finish()
    }
}

#[cfg(all(test, filch_loom))]
#[path = "loom_tests.rs"]
mod loom_tests;
