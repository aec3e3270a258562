//! Children over borrowed data, from synchronous code: [`scope_blocking`].
//!
//! It is `std::thread::scope` with tasks in place of threads. A thread that waits cannot be canceled, so its children may
//! borrow what it borrows, and run in parallel (design 0017).
//!
//! Each child is a task of the runtime. It has a *slot* for its output, and the scope's *roll* lists every slot that may
//! hold one. So what a handle does or fails to do decides nothing: at the end the scope itself drops what nobody took.
//!
//! **Invariant:** when the scope returns or unwinds, every child's future is dropped, and so is every output. Everything
//! unsafe here rests on it.

mod child;
mod roll;

use child::Child;
use filch_core::RuntimeRef;
use filch_core::context;
use filch_core::coop;
use filch_core::task::Spawn;
use roll::{Roll, Slot, Untaken};
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Where children over borrowed data are spawned. From [`scope_blocking`].
pub struct BlockingScope<'scope, 'env: 'scope> {
    roll: Arc<Roll>,
    runtime: RuntimeRef,
    // Why invariant, both: else `'scope` could shrink to a part of the closure, and children borrow from that.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// Calls `body`, which may spawn children that borrow from around the call, and blocks the thread until all have ended.
///
/// Children are tasks of the current runtime and run on its workers, in parallel. They may spawn further ones, through
/// the same reference. A child has ended when its future is dropped, and its output too unless somebody took that. Outputs
/// that nobody took are dropped in the order in which their children were spawned.
///
/// There is no way to end the children early: a scope that has to be canceled is a `TaskGroup`, whose children own their
/// data. While the runtime's clock is paused, a thread that waits here inside a blocking call or a `block_on` keeps the
/// time from jumping.
///
/// # Panics
/// - On a worker, and inside a `block_on` of a current-thread runtime: it would block the thread that must run children.
/// - When `body` panics; the children run to their end first.
/// - At its end, when a child panicked, or was canceled with its runtime, and nobody [joined](ScopedHandle::join) it.
/// - When no runtime is found and none can be started, because the crate `filch` is not linked.
///
/// # Examples
/// A child cannot borrow what ends before the scope:
///
/// ```compile_fail,E0373
/// # use filch_task::scope_blocking;
/// scope_blocking(|s| {
///     let local = String::from("of the closure");
///     s.spawn(async { local.len() });
/// });
/// ```
/// ```compile_fail,E0597
/// # use filch_task::scope_blocking;
/// scope_blocking(|s| {
///     let local = String::from("of the closure");
///     let borrowed = &local;
///     s.spawn(async move { borrowed.len() });
/// });
/// ```
///
/// Neither a handle nor the scope leaves the closure:
///
/// ```compile_fail
/// # use filch_task::scope_blocking;
/// let handle = scope_blocking(|s| s.spawn(async {}));
/// ```
/// ```compile_fail,E0521
/// # use filch_task::scope_blocking;
/// let mut handle = None;
/// scope_blocking(|s| handle = Some(s.spawn(async {})));
/// ```
/// ```compile_fail,E0521
/// # use filch_task::scope_blocking;
/// scope_blocking(|s| {
///     std::thread::spawn(move || s.spawn(async {}));
/// });
/// ```
#[track_caller]
pub fn scope_blocking<'env, F, R>(body: F) -> R
where
    F: for<'scope> FnOnce(&'scope BlockingScope<'scope, 'env>) -> R,
{
    check_may_block(
        "scope_blocking",
        "use `local_scope` or a `TaskGroup` there, or call it inside `to_thread`",
    );
    let scope = BlockingScope {
        roll: Roll::here(),
        runtime: RuntimeRef::current(),
        scope: PhantomData,
        env: PhantomData,
    };
    let result = {
        let _end = End(&scope.roll); // Also when `body` panics.
        body(&scope)
    };
    if let Some(failure) = scope.roll.take_failure() {
        panic!("{failure}");
    }
    result
}

/// Waits, when it is dropped, until no child and no output is left.
struct End<'a>(&'a Roll);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.settle();
    }
}

impl<'scope, 'env> BlockingScope<'scope, 'env> {
    /// Starts a child, on any worker of the runtime that was current when the scope began.
    ///
    /// It runs whether or not the handle is kept. When the runtime has ended it is dropped at once, and the handle says so.
    /// It inherits the context values and deadlines of the code that calls.
    #[track_caller]
    pub fn spawn<F>(&'scope self, future: F) -> ScopedHandle<'scope, F::Output>
    where
        F: Future + Send + 'scope,
        F::Output: Send + 'scope,
    {
        let spawn = Spawn::on(self.runtime);
        let slot = Slot::open(&self.roll, |slot| {
            let slot: Arc<dyn Untaken + 'scope> = slot;
            // SAFETY: only the lifetime differs, that of an output which may lie in the slot. The roll calls the slot
            // for the last time in `settle`, which ends before `scope_blocking` does, so within `'scope`, and which leaves
            // no slot in the roll. An output that lies in a slot has the slot in the roll, so `settle` drops it; what
            // is left of a slot elsewhere (a forgotten handle, a task's memory) holds none.
            unsafe { mem::transmute::<Arc<dyn Untaken + 'scope>, Arc<dyn Untaken>>(slot) }
        });
        let child = Child::new(future, Arc::clone(&slot));
        let child: Pin<Box<dyn Future<Output = ()> + Send + 'scope>> = Box::pin(child);
        // SAFETY: only the lifetime differs, that of what the future borrows.
        // - `Child` drops the user's future and moves its output into the slot, or drops that as well, before it tells
        //   the roll that it has ended; whatever drops it does the same. After that it touches nothing of `'scope`.
        // - Before that, `'scope` lasts: it counts in the roll since `Slot::open`, `scope_blocking` ends only after
        //   `settle`, also by a panic, and `settle` ends only when none is counted.
        // - Its output is `()`, and a waker reaches the task's memory but not the future; so nothing else is erased.
        // - It is `Send`, as the runtime demands.
        let child: Pin<Box<dyn Future<Output = ()> + Send>> = unsafe { mem::transmute(child) };
        drop(spawn.spawn(child)); // Detached: the slot tells all.
        ScopedHandle { slot, scope: PhantomData }
    }
}

impl fmt::Debug for BlockingScope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingScope")
            .field("n_running", &self.roll.n_running())
            .finish_non_exhaustive()
    }
}

/// Owns the right to a child's output. Dropped, it lets the child go on; the scope still waits for that.
///
/// A synchronous caller [joins](Self::join) it, another child awaits it: both get the output, or what the child panicked
/// with.
///
/// # Cancel safety
/// Awaiting by reference may be dropped and begun again; no output is lost.
///
/// # Panics
/// Polled again after it gave the output.
pub struct ScopedHandle<'scope, T> {
    slot: Arc<Slot<T>>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedHandle<'_, T> {
    /// Blocks the thread until the child has ended, and gives its output.
    ///
    /// # Errors
    /// What the child panicked with; a text when it was canceled, because its runtime ended.
    ///
    /// # Panics
    /// On a worker, where the child may wait for this very thread. A child awaits the handle of another.
    #[track_caller]
    pub fn join(self) -> Result<T, Box<dyn Any + Send + 'static>> {
        check_may_block("ScopedHandle::join", "`.await` the handle there");
        self.slot.wait()
    }

    /// Whether the child has ended.
    pub fn is_finished(&self) -> bool {
        self.slot.is_filled()
    }
}

impl<T> Future for ScopedHandle<'_, T> {
    type Output = Result<T, Box<dyn Any + Send + 'static>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let unit = ready!(coop::poll_proceed(cx));
        let outcome = ready!(self.slot.poll(cx.waker()));
        unit.made_progress();
        Poll::Ready(outcome)
    }
}

impl<T> Drop for ScopedHandle<'_, T> {
    fn drop(&mut self) {
        self.slot.clear();
    }
}

impl<T> fmt::Debug for ScopedHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedHandle")
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// Refuses to block a thread that runs tasks.
#[track_caller]
fn check_may_block(what: &str, instead: &str) {
    assert!(
        context::worker_index().is_none(),
        "{what} was called inside a task or a block_on of the current-thread runtime, where it would block the thread \
         that must run the children; {instead}"
    );
}
