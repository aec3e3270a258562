//! Which members of a set are complete: keys, in the order of completion.
//!
//! Each key has one waker, which serves one task after another. A key may be reported that nobody waits for any more (a
//! member that was detached while it completed); who takes keys looks at the member itself.
//! No waker is called, cloned or dropped under the lock.

use filch_core::sys::sync::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// The keys of complete members, and who waits for one.
#[derive(Default)]
pub(super) struct ReadyList(Mutex<State>);

#[derive(Default)]
struct State {
    keys: VecDeque<usize>,
    waiter: Option<Waker>,
}

impl ReadyList {
    /// The waker of the member `key`.
    pub(super) fn waker(list: &Arc<Self>, key: usize) -> Waker {
        Waker::from(Arc::new(Member { list: Arc::clone(list), key }))
    }

    /// Swaps all keys into `batch`, which is empty.
    pub(super) fn take(&self, batch: &mut VecDeque<usize>) {
        debug_assert!(batch.is_empty());
        std::mem::swap(&mut self.0.lock().keys, batch);
    }

    /// Leaves `waker` to be woken by the next key. `false`: there is a key already.
    pub(super) fn wait(&self, waker: &Waker) -> bool {
        {
            let state = self.0.lock();
            if !state.keys.is_empty() {
                return false;
            }
            if state.waiter.as_ref().is_some_and(|waiter| waiter.will_wake(waker)) {
                return true;
            }
        }
        let waker = waker.clone();
        let (waits, _unlocked) = {
            let mut state = self.0.lock();
            (state.keys.is_empty(), state.waiter.replace(waker))
        };
        waits
    }

    fn report(&self, key: usize) {
        let waiter = {
            let mut state = self.0.lock();
            state.keys.push_back(key);
            state.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

struct Member {
    list: Arc<ReadyList>,
    key: usize,
}

impl Wake for Member {
    fn wake(self: Arc<Self>) {
        self.list.report(self.key);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.list.report(self.key);
    }
}
