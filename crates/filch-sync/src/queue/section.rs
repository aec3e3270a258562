//! A section that one thread at a time is in, and in which foreign code may run: it is no [`Lock`].
//!
//! Threads that find it taken block. A task never waits to get in, and none is in across an `await`: so nobody can be let
//! in who is not about to run, and whoever is in comes out without anybody else's doing. A thread that is in and comes
//! again, out of the foreign code, would wait for itself; it is told so.

use crate::lock::Lock;
use crate::mutex::{Mutex, MutexGuard};
use filch_core::sys::thread::{Thread, current};
use std::ops::{Deref, DerefMut};

#[derive(Debug)]
pub(super) struct Section<S> {
    state: Mutex<S>,
    /// Who is in, as far as foreign code runs there.
    thread: Lock<Option<Thread>>,
}

impl<S> Section<S> {
    pub(super) fn new(state: S) -> Self {
        Section { state: Mutex::new(state), thread: Lock::new(None) }
    }

    /// Waits until nobody else is in. `is_foreign` says that foreign code will run.
    #[track_caller]
    pub(super) fn enter(&self, is_foreign: bool) -> Inside<'_, S> {
        let state = match self.state.try_lock() {
            Ok(state) => state,
            Err(_) => {
                assert!(
                    !self.is_inside(),
                    "comparing two values of a PriorityQueue called a method of the same queue, which would wait for \
                     itself: let `Ord::cmp` look at nothing but its values"
                );
                self.state.blocking_lock()
            }
        };
        let inside = Inside { section: self, is_foreign, state };
        if is_foreign {
            self.note(Some(current()));
        }
        inside
    }

    /// Whether this very thread is in.
    fn is_inside(&self) -> bool {
        let thread = current().id();
        self.thread.lock().as_ref().is_some_and(|inside| inside.id() == thread)
    }

    fn note(&self, thread: Option<Thread>) {
        let former = std::mem::replace(&mut *self.thread.lock(), thread);
        drop(former); // Unlocked.
    }
}

/// The right to be in a [`Section`].
#[must_use = "a section that is left at once protects nothing"]
pub(super) struct Inside<'a, S> {
    section: &'a Section<S>,
    is_foreign: bool,
    state: MutexGuard<'a, S>,
}

impl<S> Deref for Inside<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.state
    }
}

impl<S> DerefMut for Inside<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.state
    }
}

impl<S> Drop for Inside<'_, S> {
    fn drop(&mut self) {
        if self.is_foreign {
            self.section.note(None);
        }
    }
}
