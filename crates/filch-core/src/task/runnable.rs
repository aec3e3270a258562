//! The right to poll a task once: what schedulers move.

use super::id::Id;
use super::raw::Header;
use super::state::{State, Suspended};
use crate::context;
use crate::runtime::RuntimeRef;
use crate::seam::Hint;
use std::fmt;
use std::mem;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::Poll;

/// The right to poll a task once. There is at most one per task. Dropped, it cancels the task.
#[must_use = "a runnable that is dropped cancels its task"]
pub struct Runnable(NonNull<Header>);

// SAFETY: a task is `Send`, or local; a local one goes home before its future is touched.
unsafe impl Send for Runnable {}
// SAFETY: nothing is done to the future by reference.
unsafe impl Sync for Runnable {}

impl Runnable {
    /// # Safety
    /// - The caller holds the runnable of this task and gives it up.
    #[inline]
    pub(crate) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        Runnable(task)
    }

    pub(super) fn task(&self) -> NonNull<Header> {
        self.0
    }

    /// Says that the task is polled soon, after others: its memory is fetched meanwhile.
    #[inline]
    pub(crate) fn prefetch(&self) {
        // SAFETY: the runnable keeps the task alive.
        unsafe { self.0.as_ref() }.prefetch();
    }

    /// As a pointer, for a queue. [`from_ptr`](Self::from_ptr) brings it back; losing it leaks the task.
    #[inline]
    pub fn into_ptr(self) -> NonNull<()> {
        let task = self.0;
        mem::forget(self);
        task.cast()
    }

    /// From a pointer of [`into_ptr`](Self::into_ptr).
    ///
    /// # Safety
    /// - The pointer came from `into_ptr` and is used once.
    #[inline]
    pub unsafe fn from_ptr(pointer: NonNull<()>) -> Self {
        Runnable(pointer.cast())
    }

    /// Polls the task once. `Some`: it was woken meanwhile and wants to run again, after others ([`Hint::Yield`]).
    ///
    /// A panic of the task is caught and comes out of its join handle.
    #[inline]
    pub fn run(self) -> Option<Runnable> {
        let task = self.0;
        // SAFETY: the runnable keeps the task alive.
        let header = unsafe { task.as_ref() };
        let seen = header.state.load();
        // Why: before `start_poll`, which marks a claimable task as running.
        if seen.is_local() && !header.shell.is_home() {
            header.shell.send_home(self);
            return None;
        }
        let seen = header.state.start_poll(seen);
        if State::was_claimed(seen) {
            self.discard();
            return None;
        }
        mem::forget(self);
        if seen.is_canceled() {
            // SAFETY: we hold the runnable of a live task and give it up.
            unsafe { end_canceled(task, false) };
            return None;
        }
        // SAFETY: we hold the runnable.
        let poll = context::with_task(task, || unsafe { Header::poll(task) });
        match poll {
            Poll::Ready(()) => {
                // SAFETY: the output is stored; the runnable is given up.
                unsafe { Header::complete(task, false) };
                None
            }
            Poll::Pending if header.state.suspend(seen) == Suspended::Woken => Some(Runnable(task)),
            Poll::Pending => None,
        }
    }

    /// Hands the task to its runtime's scheduler. When the runtime is ending, the task is canceled.
    #[inline]
    pub fn schedule(self, hint: Hint) {
        // SAFETY: the runnable keeps the task alive.
        let shell = unsafe { self.0.as_ref() }.shell;
        shell.schedule(self, hint);
    }

    /// Which task this is.
    pub fn id(&self) -> Id {
        self.header().id
    }

    /// The task's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.header().name()
    }

    /// Where the task was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.header().spawned_at
    }

    /// The runtime the task belongs to.
    pub fn runtime(&self) -> RuntimeRef {
        self.header().shell.present()
    }

    pub(crate) fn shell(&self) -> &'static crate::runtime::Shell {
        self.header().shell
    }

    fn header(&self) -> &Header {
        // SAFETY: the runnable keeps the task alive.
        unsafe { self.0.as_ref() }
    }

    fn discard(self) {
        let task = self.0;
        mem::forget(self);
        // SAFETY: alive until the runnable's hold is given up, which is here.
        if unsafe { task.as_ref() }.state.discard() {
            // SAFETY: the state says so.
            unsafe { Header::free(task) };
        }
    }
}

/// Drops a live task's future and completes it as canceled.
///
/// # Safety
/// - The caller holds the runnable or has claimed the task, and gives that up. The future may be dropped on this thread.
pub(super) unsafe fn end_canceled(task: NonNull<Header>, claimed: bool) {
    // SAFETY: alive, by the contract.
    unsafe { task.as_ref() }.shell.registry().await_marks(task);
    // SAFETY: by the contract.
    context::with_task(task, || unsafe { Header::cancel(task) });
    // SAFETY: `cancel` stored the output.
    unsafe { Header::complete(task, claimed) };
}

impl Drop for Runnable {
    fn drop(&mut self) {
        let task = self.0;
        // SAFETY: the runnable keeps the task alive.
        let header = unsafe { task.as_ref() };
        let seen = header.state.load();
        if seen.is_local() && !header.shell.is_home() {
            header.shell.send_home(Runnable(task));
        } else if State::was_claimed(header.state.start_poll(seen)) {
            Runnable(task).discard();
        } else {
            // SAFETY: we hold the runnable of a live task and give it up.
            unsafe { end_canceled(task, false) };
        }
    }
}

impl fmt::Debug for Runnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runnable")
            .field("id", &self.id())
            .field("spawned_at", &self.spawned_at())
            .finish()
    }
}
