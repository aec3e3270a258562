//! What is ready, in the order in which it became so: handed from tasks that end to the one that waits.
//!
//! No waker is called, cloned or dropped under the lock, and no value is dropped there.

use filch_core::sys::sync::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// Values on their way to whoever waits for one.
pub(crate) struct ReadyList<T>(Mutex<State<T>>);

struct State<T> {
    values: VecDeque<T>,
    waiter: Option<Waker>,
}

impl<T> ReadyList<T> {
    /// Swaps all values into `batch`, which is empty.
    pub(crate) fn take(&self, batch: &mut VecDeque<T>) {
        debug_assert!(batch.is_empty());
        std::mem::swap(&mut self.0.lock().values, batch);
    }

    /// Leaves `waker` to be woken by the next value. `false`: there is one already.
    pub(crate) fn wait(&self, waker: &Waker) -> bool {
        {
            let state = self.0.lock();
            if !state.values.is_empty() {
                return false;
            }
            if state.waiter.as_ref().is_some_and(|waiter| waiter.will_wake(waker)) {
                return true;
            }
        }
        let waker = waker.clone();
        let (waits, _unlocked) = {
            let mut state = self.0.lock();
            (state.values.is_empty(), state.waiter.replace(waker))
        };
        waits
    }

    /// Adds a value and wakes who waits.
    pub(crate) fn report(&self, value: T) {
        let waiter = {
            let mut state = self.0.lock();
            state.values.push_back(value);
            state.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl ReadyList<usize> {
    /// A waker that reports `key`.
    pub(crate) fn waker(list: &Arc<Self>, key: usize) -> Waker {
        Waker::from(Arc::new(Keyed { list: Arc::clone(list), key }))
    }
}

struct Keyed {
    list: Arc<ReadyList<usize>>,
    key: usize,
}

impl Wake for Keyed {
    fn wake(self: Arc<Self>) {
        self.list.report(self.key);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.list.report(self.key);
    }
}

impl<T> Default for ReadyList<T> {
    fn default() -> Self {
        ReadyList(Mutex::new(State { values: VecDeque::new(), waiter: None }))
    }
}
