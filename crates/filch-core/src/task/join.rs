//! The right to a task's output, and handles that cancel.

use super::cancel::Cancel;
use super::error::JoinError;
use super::id::Id;
use super::raw::Header;
use super::runnable::{Runnable, end_canceled};
use super::state::{JoinWaker, Woken};
use crate::coop;
use crate::runtime::RuntimeRef;
use crate::scope::{Reason, Request, Urgency};
use crate::seam::Hint;
use crate::timer::TimerCell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

/// Owns the right to await a task's output. Dropped, it detaches: the task goes on.
///
/// # Cancel safety
/// Awaiting by reference may be dropped and begun again; no output is lost.
///
/// # Panics
/// Polled again after it gave the output.
pub struct JoinHandle<T> {
    task: NonNull<Header>,
    output: PhantomData<T>,
}

// SAFETY: the handle may drop or give out a `T` on its own thread; nothing else of it is tied to a thread.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: by reference nothing of type `T` can be reached.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    /// - The caller gives the task's join interest and one reference; its output is a `T`.
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        JoinHandle { task, output: PhantomData }
    }

    /// Asks the task to end: at its next turn its future is dropped and the handle answers an error for which
    /// [`JoinError::is_cancelled`] holds. A task that is complete stays as it is. A blocking call that runs cannot be
    /// aborted.
    pub fn abort(&self) {
        // SAFETY: the handle owns a reference.
        unsafe { abort(self.task) };
    }

    /// Asks the task to end and, awaited, tells how it did: done, canceled with a reason, or panicked. By then its future
    /// is dropped.
    ///
    /// The request may carry a [reason](Cancel::reason) and give the task [some time](Cancel::grace) to bring itself to an
    /// end. It is made when the answer is first polled or dropped: bound to a name, it acts where that goes out of scope or
    /// is awaited.
    ///
    /// # Cancel safety
    /// As [`Cancel`].
    pub fn cancel(self) -> Cancel<T> {
        Cancel::new(self)
    }

    /// A handle that can abort the task, without the right to its output.
    pub fn abort_handle(&self) -> AbortHandle {
        self.header().state.add_ref();
        AbortHandle(self.task)
    }

    /// Whether the output is there, or was.
    pub fn is_finished(&self) -> bool {
        !self.header().state.load().is_live()
    }

    /// Which task this is.
    pub fn id(&self) -> Id {
        self.header().id
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.header().name()
    }

    /// Where the task was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.header().spawned_at
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle owns a reference.
        unsafe { self.task.as_ref() }
    }

    /// Looks at the output and leaves it there. `None`: there is none yet, or none any more.
    #[doc(hidden)]
    pub fn peek<R>(&mut self, look: impl FnOnce(&Result<T, JoinError>) -> R) -> Option<R> {
        if self.header().state.load().is_live() {
            return None;
        }
        // SAFETY: we are the join handle of a complete task of output `T`.
        let output = unsafe { Header::output::<T>(self.task) }?;
        // SAFETY: the output is the join handle's, which is borrowed alone: nobody takes it meanwhile.
        Some(look(unsafe { output.as_ref() }))
    }

    /// Leaves `waker` to be woken at completion. `true`: the task is complete. For sets of handles.
    #[doc(hidden)]
    pub fn register(&mut self, waker: &Waker) -> bool {
        let header = self.header();
        let state = header.state.load();
        if !state.is_live() {
            return true;
        }
        if state.has_join_waker() && header.state.unset_join_waker() == JoinWaker::Complete {
            return true;
        }
        // SAFETY: `JOIN_WAKER` is unset and we are the join handle.
        let old = unsafe { header.replace_join_waker(None) };
        let waker = old.filter(|old| old.will_wake(waker)).unwrap_or_else(|| waker.clone());
        // SAFETY: as above.
        let none = unsafe { header.replace_join_waker(Some(waker)) };
        debug_assert!(none.is_none());
        if header.state.set_join_waker() == JoinWaker::Complete {
            // SAFETY: the flag is unset, so the completer has not touched the waker and will not.
            drop(unsafe { header.replace_join_waker(None) });
            return true;
        }
        false
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let unit = ready!(coop::poll_proceed(cx));
        if !self.register(cx.waker()) {
            return Poll::Pending;
        }
        unit.made_progress();
        // SAFETY: we are the join handle of a complete task of output `T`.
        let output = unsafe { Header::take_output(self.task) };
        Poll::Ready(
            output.expect(
                "this JoinHandle was polled again after it gave its output; await a task once",
            ),
        )
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // SAFETY: the handle owns a reference until the end of this function.
        let header = unsafe { self.task.as_ref() };
        if header.state.try_drop_join_handle() {
            return;
        }
        let before = header.state.drop_join_interest();
        let waker = if before.is_live() {
            // SAFETY: `JOIN_WAKER` is unset and stays so: the waker is ours.
            unsafe { header.replace_join_waker(None) }
        } else {
            // SAFETY: the output of a complete task is its join handle's.
            unsafe { Header::drop_output(self.task) };
            None
        };
        // SAFETY: the handle's reference.
        unsafe { Header::drop_ref(self.task) };
        drop(waker); // Last: a foreign waker's drop may panic.
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// Can abort a task. Holds neither its output nor its future alive.
pub struct AbortHandle(NonNull<Header>);

// SAFETY: aborting only changes the state and schedules.
unsafe impl Send for AbortHandle {}
// SAFETY: as above.
unsafe impl Sync for AbortHandle {}
impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    /// As [`JoinHandle::abort`].
    pub fn abort(&self) {
        // SAFETY: the handle owns a reference.
        unsafe { abort(self.0) };
    }

    /// Asks the task to end. [`Urgency::Notice`] only tells it, and the scopes opened inside of it; [`Urgency::Now`] aborts
    /// it. Of several requests, the first one's reason counts.
    pub fn cancel(&self, reason: &Reason, urgency: Urgency) {
        if self.is_finished() {
            return; // Without an allocation.
        }
        let Some(cold) = self.header().use_cold() else { return };
        match urgency {
            Urgency::Notice => cold.notify(reason),
            Urgency::Now => {
                cold.request().make(reason, Urgency::Now);
                self.abort();
            }
        }
    }

    /// What the task itself was asked for.
    #[doc(hidden)]
    pub fn request(&self) -> &Request {
        self.header().request()
    }

    /// Whether the task itself was asked to end, in words: an [abort](Self::abort) says nothing.
    #[doc(hidden)]
    pub fn is_asked_to_end(&self) -> bool {
        self.header().cold().is_some_and(|cold| cold.request().is_made())
    }

    pub(super) fn set_force(&self, force: &Arc<TimerCell>) -> bool {
        self.header().use_cold().is_some_and(|cold| cold.set_force(force))
    }

    pub(super) fn runtime(&self) -> RuntimeRef {
        self.header().shell.present()
    }

    /// Whether the task is complete.
    pub fn is_finished(&self) -> bool {
        !self.header().state.load().is_live()
    }

    /// Which task this is.
    pub fn id(&self) -> Id {
        self.header().id
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.header().name()
    }

    /// Where the task was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.header().spawned_at
    }

    /// Which task spawned it, or was in a poll on the thread that did. `None` when it was spawned outside of tasks.
    ///
    /// It is told from the 40 low bits of the parent's id, so it is wrong when more than 2^39 tasks were spawned between
    /// the two.
    pub fn parent(&self) -> Option<Id> {
        self.header().parent()
    }

    /// Whether the task is in a poll or waits for its turn.
    #[doc(hidden)]
    pub fn is_runnable(&self) -> bool {
        let state = self.header().state.load();
        state.is_live() && state.is_runnable()
    }

    /// Has the task polled once more.
    #[doc(hidden)]
    pub fn wake(&self) {
        if self.header().state.wake_by_ref() == Woken::Runnable {
            // SAFETY: the state says that the runnable is ours.
            unsafe { Runnable::from_raw(self.0) }.schedule(Hint::Wake);
        }
    }

    /// Drops the future here and now, unless it is in a poll, is not claimable or must be dropped on another thread.
    /// `true`: the task is complete.
    #[doc(hidden)]
    pub fn claim(&self) -> bool {
        let header = self.header();
        let may_drop = !header.state.load().is_local() || header.shell.is_home();
        if may_drop && header.state.claim() {
            // SAFETY: claimed; the future is `Send`, or this is its home.
            unsafe { end_canceled(self.0, true) };
            return true;
        }
        !header.state.load().is_live()
    }

    /// # Safety
    /// - The task is alive.
    pub(crate) unsafe fn of(task: NonNull<Header>) -> Self {
        // SAFETY: alive, by the contract; the answer owns the reference taken here.
        unsafe { task.as_ref() }.state.add_ref();
        AbortHandle(task)
    }

    pub(super) fn header(&self) -> &Header {
        // SAFETY: the handle owns a reference.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        self.header().state.add_ref();
        AbortHandle(self.0)
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        // SAFETY: the handle's reference.
        unsafe { Header::drop_ref(self.0) };
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &self.id())
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// # Safety
/// - The caller owns a reference.
unsafe fn abort(task: NonNull<Header>) {
    // SAFETY: alive, by the contract.
    let header = unsafe { task.as_ref() };
    header.state.cancel();
    if header.state.wake_by_ref() == Woken::Runnable {
        // SAFETY: the state says that the runnable is ours.
        unsafe { Runnable::from_raw(task) }.schedule(Hint::Wake);
    }
}
