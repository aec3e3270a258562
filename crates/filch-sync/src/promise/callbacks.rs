//! The functions to call when a promise is done.
//!
//! They are foreign code: they are taken out of the lock, and then called.

use super::error::PromiseError;
use crate::lock::foreign;
use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub(super) type Callback<T> = Box<dyn FnOnce(&Result<T, PromiseError>) + Send>;

/// Those that are waiting to be called, the oldest first.
pub(super) struct Callbacks<T> {
    waiting: Vec<(u64, Callback<T>)>,
    next_number: u64,
}

impl<T> Callbacks<T> {
    pub(super) const fn new() -> Self {
        Callbacks { waiting: Vec::new(), next_number: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A number that no callback of this promise had before.
    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    pub(super) fn add(&mut self, number: u64, callback: Callback<T>) {
        self.waiting.push((number, callback));
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Callback<T>> {
        let index = self.waiting.iter().position(|(waiting, _)| *waiting == number)?;
        Some(self.waiting.remove(index).1)
    }

    /// Takes all of them, to be called with `outcome`.
    pub(super) fn take<'a>(&mut self, outcome: &'a Result<T, PromiseError>) -> Calls<'a, T> {
        Calls { waiting: mem::take(&mut self.waiting), outcome, panic: None }
    }
}

/// Calls to be made, without a lock. Its drop makes them, so that a waker that panics meanwhile does not prevent them.
#[must_use = "dropped under a lock, it would run foreign code there"]
pub(super) struct Calls<'a, T> {
    waiting: Vec<(u64, Callback<T>)>,
    outcome: &'a Result<T, PromiseError>,
    /// The first panic of a callback, to go on when all have been called.
    panic: Option<Box<dyn Any + Send>>,
}

impl<T> Drop for Calls<'_, T> {
    fn drop(&mut self) {
        for (_, callback) in mem::take(&mut self.waiting) {
            let call = AssertUnwindSafe(|| foreign(|| callback(self.outcome)));
            match catch_unwind(call) {
                Err(panic) if self.panic.is_none() => self.panic = Some(panic),
                Err(panic) => drop_quietly(panic),
                Ok(()) => {}
            }
        }
        match self.panic.take() {
            Some(panic) if std::thread::panicking() => drop_quietly(panic),
            Some(panic) => resume_unwind(panic),
            None => {}
        }
    }
}

/// A payload's drop is foreign code as well, and may panic in its turn: that one is leaked.
fn drop_quietly(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(again);
    }
}
