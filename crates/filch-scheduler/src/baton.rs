//! Who drives a current-thread scheduler: one thread at a time. The others wait for their turn and are woken for it.

use filch_core::sys::sync::Mutex;
use std::fmt;
use std::mem;
use std::task::{Context, Poll, Waker};

/// The right to drive.
#[derive(Default)]
pub(crate) struct Baton(Mutex<State>);

#[derive(Default)]
struct State {
    is_held: bool,
    /// Threads that wait for the baton; all are woken when it is free, the first one gets it.
    // Why all: one that is woken may find its own future done and leave without taking the baton.
    waiting: Vec<Waker>,
}

/// A thread's place among those that wait for the baton; given up when this is dropped.
pub(crate) struct Waiting<'a> {
    baton: &'a Baton,
    waker: Option<Waker>,
}

/// Holds the baton until it is dropped.
#[must_use = "dropped at once, somebody else drives"]
pub(crate) struct Driving<'a>(&'a Baton);

impl Baton {
    pub(crate) fn try_take(&self) -> Option<Driving<'_>> {
        let is_held = mem::replace(&mut self.0.lock().is_held, true);
        (!is_held).then(|| Driving(self))
    }

    /// A place among those that wait. It is taken by the first poll.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        Waiting { baton: self, waker: None }
    }
}

impl<'a> Waiting<'a> {
    /// As `try_take`, and sees to it that the caller is woken when the baton is free again.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Driving<'a>> {
        let waker = cx.waker().clone();
        let mut state = self.baton.0.lock();
        if !mem::replace(&mut state.is_held, true) {
            return Poll::Ready(Driving(self.baton));
        }
        if !state.waiting.iter().any(|waiting| waiting.will_wake(&waker)) {
            state.waiting.push(waker.clone());
        }
        drop(state);
        self.waker = Some(waker);
        Poll::Pending
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(waker) = self.waker.take() else { return };
        let mut state = self.baton.0.lock();
        let place = state.waiting.iter().position(|waiting| waiting.will_wake(&waker));
        let left = place.map(|place| state.waiting.swap_remove(place));
        drop(state);
        drop(left); // Unlocked: a waker's drop may be foreign code.
    }
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.0.0.lock();
            state.is_held = false;
            mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for Baton {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Baton").field("is_held", &self.0.lock().is_held).finish()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_baton_is_held_by_one_at_a_time() {
        let baton = Baton::default();
        let mut cx = Context::from_waker(Waker::noop());
        let driving = baton.try_take().expect("it is free");
        assert!(baton.try_take().is_none());
        let mut waiting = baton.wait();
        assert!(waiting.poll(&mut cx).is_pending());
        drop(driving);
        assert!(waiting.poll(&mut cx).is_ready());
        assert!(baton.try_take().is_some(), "what `poll` gave was dropped");
    }

    #[test]
    fn who_leaves_without_the_baton_leaves_nothing_behind() {
        let baton = Baton::default();
        let mut cx = Context::from_waker(Waker::noop());
        let driving = baton.try_take().expect("it is free");
        for _ in 0..3 {
            let mut waiting = baton.wait();
            assert!(waiting.poll(&mut cx).is_pending());
            assert!(waiting.poll(&mut cx).is_pending());
            assert_eq!(baton.0.lock().waiting.len(), 1);
            drop(waiting);
            assert!(baton.0.lock().waiting.is_empty());
        }
        drop(driving);
        assert!(baton.try_take().is_some());
    }
}
