//! The one lock of this crate, and the check that no foreign code runs under it.
//!
//! Foreign is what a user brings along: the clone, wake and drop of a waker, the drop and clone of a value, a closure.
//! Whatever runs it says so with [`foreign`], which fails in builds with debug assertions if the thread holds one of
//! these locks. An implicit drop passes unseen, unless it uses this crate: locks do not nest, which is checked as well, for
//! what a lock protects belongs to one primitive.

use filch_core::sys::sync;
use std::cell::Cell;
use std::ops::{Deref, DerefMut};

filch_core::const_thread_local! {
    static IS_HELD: Cell<bool> = Cell::new(false);
}

/// A lock around what is never foreign code's to see.
#[derive(Debug)]
pub(crate) struct Lock<T>(sync::Mutex<T>);

impl<T> Lock<T> {
    filch_core::const_new! {
        pub(crate) const fn new(value: T) -> Self {
            Lock(sync::Mutex::new(value))
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> Held<'_, T> {
        let mark = Mark::set(); // Before it blocks: a lock that is taken again under itself would not come back.
        Held { guard: self.0.lock(), _mark: mark }
    }
}

/// The right to a [`Lock`]'s value.
#[derive(Debug)]
#[must_use = "a lock that is freed at once protects nothing"]
pub(crate) struct Held<'a, T> {
    guard: sync::MutexGuard<'a, T>,
    _mark: Mark,
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// Says that this thread holds a lock.
#[derive(Debug)]
struct Mark;

impl Mark {
    #[inline]
    fn set() -> Self {
        if cfg!(debug_assertions) {
            let was_held = IS_HELD.with(|held| held.replace(true));
            assert!(!was_held, "a lock of filch-sync was taken under another one");
        }
        Mark
    }
}

impl Drop for Mark {
    #[inline]
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            IS_HELD.with(|held| held.set(false));
        }
    }
}

/// Runs `f`, which calls what a user brought along.
#[inline]
#[track_caller]
pub(crate) fn foreign<R>(f: impl FnOnce() -> R) -> R {
    if cfg!(debug_assertions) {
        assert!(
            !IS_HELD.with(Cell::get),
            "foreign code was about to run under a lock of filch-sync"
        );
    }
    f()
}

#[cfg(all(test, debug_assertions, not(any(filch_loom, filch_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn foreign_code_runs_where_no_lock_is_held() {
        let lock = Lock::new(1);
        assert_eq!(*lock.lock(), 1);
        assert_eq!(foreign(|| 2), 2);
    }

    #[test]
    #[should_panic(expected = "foreign code was about to run under a lock")]
    fn foreign_code_under_a_lock_is_refused() {
        let lock = Lock::new(());
        let _held = lock.lock();
        foreign(|| ());
    }

    #[test]
    #[should_panic(expected = "taken under another one")]
    fn a_lock_taken_again_under_itself_panics_and_does_not_hang() {
        let lock = Lock::new(());
        let _held = lock.lock();
        let _again = lock.lock();
    }

    #[test]
    #[should_panic(expected = "taken under another one")]
    fn locks_do_not_nest() {
        let locks = [Lock::new(()), Lock::new(())];
        let _held = locks[0].lock();
        let _second = locks[1].lock();
    }
}
