//! The ambient context: what the running thread knows about the runtime it works for.
//!
//! One thread-local of plain cells without a destructor, so that it can be read at any time, also while the thread ends.

use crate::const_thread_local;
use crate::coop::Budget;
use crate::runtime::{RuntimeRef, Shell};
use crate::scope::chain::Entered;
use crate::scope::{Scope, Surroundings};
use crate::task::{AbortHandle, Header, Id, Runnable};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A poll of a task on this thread's stack.
struct Polling {
    task: NonNull<Header>,
    /// The poll that this one is inside of.
    above: Option<NonNull<Polling>>,
}

struct Context {
    /// What the running poll may still spend.
    budget: Cell<Budget>,
    /// The runtime entered, and how deep.
    entered: Cell<Option<RuntimeRef>>,
    depth: Cell<usize>,
    /// The runtime this thread is a worker of, or null.
    worker_of: Cell<*const Shell>,
    worker: Cell<usize>,
    /// The poll in progress.
    polling: Cell<Option<NonNull<Polling>>>,
    /// What surrounds it, from the inside outwards.
    frame: Cell<Option<NonNull<Entered>>>,
    /// An urgent timer waits in this worker's buffer.
    flush: Cell<bool>,
    /// Names this thread; zero before it was asked for.
    number: Cell<usize>,
    ids: Cell<u64>,
    random: Cell<u64>,
    /// How many tasks have ended here.
    n_ended: Cell<u32>,
}

const_thread_local! {
    static CONTEXT: Context = Context {
        budget: Cell::new(Budget::UNLIMITED),
        entered: Cell::new(None),
        depth: Cell::new(0),
        worker_of: Cell::new(ptr::null()),
        worker: Cell::new(0),
        polling: Cell::new(None),
        frame: Cell::new(None),
        flush: Cell::new(false),
        number: Cell::new(0),
        ids: Cell::new(0),
        random: Cell::new(0),
        n_ended: Cell::new(0),
    };
}

static N_THREADS: AtomicUsize = AtomicUsize::new(0);
/// What `run` started, the latest last.
static DEFAULTS: Mutex<Vec<RuntimeRef>> = Mutex::new(Vec::new());
/// How the facade starts the lazy global runtime.
static GLOBAL: OnceLock<fn() -> RuntimeRef> = OnceLock::new();

/// What the running poll may still spend.
#[inline]
pub fn budget() -> Budget {
    CONTEXT.with(|context| context.budget.get())
}

/// Sets what the running poll may still spend.
#[inline]
pub fn set_budget(budget: Budget) {
    CONTEXT.with(|context| context.budget.set(budget));
}

/// The runtime this thread works for or has entered.
#[inline]
pub fn entered() -> Option<RuntimeRef> {
    CONTEXT.with(|context| context.entered.get())
}

#[track_caller]
pub(crate) fn current() -> RuntimeRef {
    try_current().unwrap_or_else(|| match GLOBAL.get() {
        Some(start) => start(),
        None => panic!(
            "there is no filch runtime on this thread and nothing that could start one; \
             enter a runtime first (Runtime::enter, Handle::enter) or depend on the crate `filch`"
        ),
    })
}

pub(crate) fn try_current() -> Option<RuntimeRef> {
    entered().or_else(process_default)
}

fn process_default() -> Option<RuntimeRef> {
    DEFAULTS.lock().unwrap_or_else(PoisonError::into_inner).last().copied()
}

/// Makes `runtime` what threads without a runtime find, until the guard is dropped.
pub fn set_process_default(runtime: RuntimeRef) -> DefaultGuard {
    DEFAULTS.lock().unwrap_or_else(PoisonError::into_inner).push(runtime);
    DefaultGuard(runtime)
}

/// Says how the lazy global runtime is started. The first call counts.
pub fn set_global(start: fn() -> RuntimeRef) {
    let _ = GLOBAL.set(start);
}

/// Ends what [`set_process_default`] began.
#[derive(Debug)]
#[must_use = "dropped at once, the runtime is not the default"]
pub struct DefaultGuard(RuntimeRef);

impl Drop for DefaultGuard {
    fn drop(&mut self) {
        let mut defaults = DEFAULTS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = defaults.iter().rposition(|runtime| *runtime == self.0) {
            defaults.remove(index);
        }
    }
}

/// Ends what [`RuntimeRef::enter`] began.
#[must_use = "dropped at once, the runtime is not entered"]
pub struct EnterGuard {
    before: Option<RuntimeRef>,
    depth: usize,
    /// A guard belongs to the thread that entered.
    thread: PhantomData<*const ()>,
}

pub(crate) fn enter(runtime: RuntimeRef) -> EnterGuard {
    CONTEXT.with(|context| {
        let depth = context.depth.get() + 1;
        context.depth.set(depth);
        EnterGuard { before: context.entered.replace(Some(runtime)), depth, thread: PhantomData }
    })
}

impl Drop for EnterGuard {
    fn drop(&mut self) {
        CONTEXT.with(|context| {
            let depth = context.depth.get();
            if depth != self.depth && !std::thread::panicking() {
                panic!(
                    "EnterGuard number {} was dropped while number {depth}, entered later, is still held; \
                     drop guards in the reverse order of their `enter` calls",
                    self.depth
                );
            }
            context.depth.set(self.depth - 1);
            context.entered.set(self.before);
        });
    }
}

impl fmt::Debug for EnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").field("depth", &self.depth).finish()
    }
}

/// Ends what [`RuntimeRef::enter_worker`] began.
#[derive(Debug)]
#[must_use = "dropped at once, the thread is no worker"]
pub struct WorkerGuard {
    before: (*const Shell, usize),
    _entered: EnterGuard,
}

pub(crate) fn enter_worker(runtime: RuntimeRef, index: usize) -> WorkerGuard {
    let entered = enter(runtime);
    CONTEXT.with(|context| WorkerGuard {
        before: (context.worker_of.replace(runtime.shell()), context.worker.replace(index)),
        _entered: entered,
    })
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        CONTEXT.with(|context| {
            context.worker_of.set(self.before.0);
            context.worker.set(self.before.1);
        });
    }
}

/// The index of this thread among the workers of the runtime it works for.
pub fn worker_index() -> Option<usize> {
    CONTEXT.with(|context| (!context.worker_of.get().is_null()).then(|| context.worker.get()))
}

#[inline]
pub(crate) fn is_worker_of(shell: &Shell) -> bool {
    CONTEXT.with(|context| ptr::eq(context.worker_of.get(), shell))
}

#[inline]
pub(crate) fn worker_of(shell: &Shell) -> Option<usize> {
    CONTEXT.with(|context| ptr::eq(context.worker_of.get(), shell).then(|| context.worker.get()))
}

/// Names this thread among all that asked.
#[inline]
pub fn thread_number() -> usize {
    CONTEXT.with(|context| {
        if context.number.get() == 0 {
            context.number.set(N_THREADS.fetch_add(1, Relaxed) + 1);
        }
        context.number.get()
    })
}

#[inline]
pub(crate) fn next_id() -> Id {
    CONTEXT.with(|context| Id::next(&context.ids))
}

/// Runs one poll of `task`, then brings an urgent timer it armed to the wheel.
#[inline]
pub(crate) fn with_task<R>(task: NonNull<Header>, poll: impl FnOnce() -> R) -> R {
    CONTEXT.with(|context| {
        let polling = Polling { task, above: context.polling.get() };
        context.polling.set(Some(NonNull::from(&polling)));
        // Why no guard: `poll` never unwinds; the task's panic is caught inside.
        let result = poll();
        context.polling.set(polling.above);
        if context.flush.replace(false) {
            flush(context);
        }
        result
    })
}

#[cold]
fn flush(context: &Context) {
    // SAFETY: null or a shell; shells are never freed.
    if let Some(shell) = unsafe { context.worker_of.get().as_ref() } {
        shell.flush_timers(context.worker.get());
    }
}

/// Asks that this worker's timers reach the wheel at the end of the poll.
#[inline]
pub(crate) fn request_flush() {
    CONTEXT.with(|context| {
        if context.polling.get().is_some() {
            context.flush.set(true);
        } else {
            flush(context);
        }
    });
}

/// A task has ended on this thread.
#[inline]
pub(crate) fn count_ended() {
    CONTEXT.with(|context| context.n_ended.set(context.n_ended.get().wrapping_add(1)));
}

/// How many tasks have ended on this thread, of any runtime. Wraps around.
#[inline]
pub fn n_ended() -> u32 {
    CONTEXT.with(|context| context.n_ended.get())
}

/// Which task is in a poll on this thread.
pub fn task_id() -> Option<Id> {
    // SAFETY: the task in a poll is alive, its runnable's holder is up this thread's stack.
    with_current(|task| unsafe { task.as_ref() }.id())
}

/// The name of the task in a poll on this thread.
pub fn task_name() -> Option<String> {
    // SAFETY: as in `task_id`.
    with_current(|task| unsafe { task.as_ref() }.name().map(str::to_owned)).flatten()
}

/// A handle to the task in a poll on this thread.
pub fn task() -> Option<AbortHandle> {
    // SAFETY: as in `task_id`.
    with_current(|task| unsafe { AbortHandle::of(task) })
}

/// Whether the task in a poll on this thread is dropped next, unless this poll is its last: it was aborted, or its runtime
/// ends. What it waits for may have been ended before it.
pub fn is_ending() -> bool {
    let is_ending = |task: NonNull<Header>| {
        // SAFETY: as in `task_id`.
        let header = unsafe { task.as_ref() };
        // Why a worker of its own runtime: elsewhere it is a blocking call or a drop, and what is awaited in there, by a
        // `block_on`, is not dropped.
        header.is_canceled() && is_worker_of(header.shell)
    };
    with_current(is_ending).unwrap_or(false)
}

fn with_current<R>(f: impl FnOnce(NonNull<Header>) -> R) -> Option<R> {
    polled_task().map(f)
}

/// The task in a poll on this thread.
#[inline]
pub(crate) fn polled_task() -> Option<NonNull<Header>> {
    // SAFETY: `with_task` keeps it on the stack for as long as it is set.
    CONTEXT.with(|context| context.polling.get()).map(|polling| unsafe { polling.as_ref() }.task)
}

/// The tasks in a poll on this thread, the innermost first. More than one when a task is dropped inside of another's poll.
pub fn polled_tasks() -> Vec<Id> {
    let mut next = CONTEXT.with(|context| context.polling.get());
    std::iter::from_fn(|| {
        // SAFETY: as in `polled_task`; each is further up the stack than the one before.
        let polling = unsafe { next?.as_ref() };
        next = polling.above;
        // SAFETY: as in `task_id`.
        Some(unsafe { polling.task.as_ref() }.id())
    })
    .collect()
}

/// What the task in a poll on this thread has inherited.
pub(crate) fn inherited() -> Surroundings {
    with_inherited(Surroundings::clone)
}

/// As [`inherited`], without a count.
#[inline]
pub(crate) fn with_inherited<R>(f: impl FnOnce(&Surroundings) -> R) -> R {
    match polled_task() {
        // SAFETY: as in `task_id`; the task in a poll has not completed, and does not before `f` returns.
        Some(task) => unsafe { Header::with_surroundings(task, f) },
        None => f(&Surroundings::EMPTY),
    }
}

/// Makes a scope known to the task in a poll on this thread, if there is one.
pub(crate) fn keep_in_task(scope: &Arc<dyn Scope>) {
    // SAFETY: as in `task_id`.
    with_current(|task| unsafe { task.as_ref() }.keep(scope));
}

#[inline]
pub(crate) fn entered_frame() -> Option<NonNull<Entered>> {
    CONTEXT.with(|context| context.frame.get())
}

#[inline]
pub(crate) fn replace_entered_frame(frame: Option<NonNull<Entered>>) -> Option<NonNull<Entered>> {
    CONTEXT.with(|context| context.frame.replace(frame))
}

/// Hands runnables to their schedulers; those of the runtime this thread works for as one batch.
pub(crate) fn schedule_batch(tasks: &mut dyn Iterator<Item = Runnable>) {
    let own = CONTEXT.with(|context| context.worker_of.get());
    let mut others = Vec::new();
    // SAFETY: not null means that this thread is a worker of that shell; shells are never freed.
    if let Some(shell) = unsafe { own.as_ref() } {
        let mut ours = tasks.filter_map(|task| {
            if ptr::eq(task.shell(), shell) {
                return Some(task);
            }
            others.push(task);
            None
        });
        shell.schedule_batch(&mut ours);
        ours.for_each(|task| task.schedule(crate::seam::Hint::Wake));
    }
    let rest = others.into_iter().chain(tasks);
    rest.for_each(|task| task.schedule(crate::seam::Hint::Wake));
}

/// A random number below `n`, from this thread's generator. Not for secrets.
///
/// # Panics
/// When `n` is zero.
pub fn random_below(n: u32) -> u32 {
    let random = next_random() >> 32;
    // Why: Lemire's multiplication instead of a division; the bias is below 2^-32 · n.
    assert_ne!(n, 0, "there is no number below zero to choose");
    ((random * u64::from(n)) >> 32) as u32
}

/// Seeds this thread's generator.
pub fn seed_random(seed: u64) {
    CONTEXT.with(|context| context.random.set(seed | 1));
}

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2014).
fn next_random() -> u64 {
    CONTEXT.with(|context| {
        let mut x = context.random.get();
        if x == 0 {
            x = (thread_number() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        }
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        context.random.set(x);
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    })
}
