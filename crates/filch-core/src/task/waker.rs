//! A task's waker: one thin pointer and one table for all types, so that a filch waker can be told from a foreign one.

use super::raw::Header;
use super::runnable::Runnable;
use super::state::Woken;
use crate::seam::Hint;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::task::{RawWaker, RawWakerVTable, Waker};

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker that owns no reference, for the length of a poll.
pub(super) struct Borrowed(ManuallyDrop<Waker>);

impl Deref for Borrowed {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.0
    }
}

/// # Safety
/// - The task is alive for as long as the answer is used.
#[inline]
pub(super) unsafe fn borrowed(task: NonNull<Header>) -> Borrowed {
    // SAFETY: the table's functions expect a task; that no reference is given up is what `ManuallyDrop` is for.
    Borrowed(ManuallyDrop::new(unsafe { Waker::from_raw(raw_waker(task)) }))
}

/// The task a waker wakes, if it is a filch task.
#[inline]
pub(crate) fn task_of(waker: &Waker) -> Option<NonNull<()>> {
    ptr::eq(waker.vtable(), &VTABLE).then(|| NonNull::new(waker.data().cast_mut())).flatten()
}

/// The waker of a task, from a pointer of [`task_of`] whose waker was forgotten.
///
/// # Safety
/// - The pointer carries the reference of a forgotten waker, which goes to the answer.
pub(crate) unsafe fn from_task(task: NonNull<()>) -> Waker {
    // SAFETY: the pointer came from a waker of this table and carries its reference.
    unsafe { Waker::from_raw(raw_waker(task.cast())) }
}

/// Wakes a filch task without scheduling it: the caller does that. A foreign waker is handed back.
pub(crate) fn into_runnable(waker: Waker) -> Result<Option<Runnable>, Waker> {
    let Some(task) = task_of(&waker) else { return Err(waker) };
    std::mem::forget(waker);
    // SAFETY: the forgotten waker's reference is ours.
    Ok(unsafe { wake_owned(task.cast()) })
}

fn raw_waker(task: NonNull<Header>) -> RawWaker {
    RawWaker::new(task.as_ptr().cast_const().cast(), &VTABLE)
}

/// # Safety
/// - The caller owns a reference and gives it up.
unsafe fn wake_owned(task: NonNull<Header>) -> Option<Runnable> {
    // SAFETY: alive, the caller owns a reference.
    match unsafe { task.as_ref() }.state.wake_by_value() {
        // SAFETY: the state says that the runnable is the caller's.
        Woken::Runnable => Some(unsafe { Runnable::from_raw(task) }),
        Woken::Nothing => None,
        Woken::Free => {
            // SAFETY: the state says so.
            unsafe { Header::free(task) };
            None
        }
    }
}

fn header(data: *const ()) -> NonNull<Header> {
    NonNull::new(data.cast_mut()).expect("a waker's data is a task").cast()
}

unsafe fn clone(data: *const ()) -> RawWaker {
    let task = header(data);
    // SAFETY: alive, the waker that is cloned owns a reference or is borrowed from one who does.
    unsafe { task.as_ref() }.state.add_ref();
    raw_waker(task)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: a waker that is woken by value gives its reference up.
    if let Some(runnable) = unsafe { wake_owned(header(data)) } {
        runnable.schedule(Hint::Wake);
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    let task = header(data);
    // SAFETY: alive, the waker owns a reference or is borrowed from one who does.
    if unsafe { task.as_ref() }.state.wake_by_ref() == Woken::Runnable {
        // SAFETY: the state says that the runnable is ours.
        unsafe { Runnable::from_raw(task) }.schedule(Hint::Wake);
    }
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: a dropped waker gives its reference up.
    unsafe { Header::drop_ref(header(data)) };
}
