//! **Property:** a waiter that is granted something has it, or somebody else has; nobody waits for what is there.
//!
//! Checked on the smallest primitive, a box of tokens, so that a fault of the queue is not hidden by a clever user.

use super::*;
use crate::model::{Arc, assert_rejected, block_on, check, poll, thread};
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use std::pin::Pin;
use std::task::{Context, Poll};

const WAITERS: usize = 1;
const TOKEN: usize = 2;
const TAKEN: Grant = Grant(0);

/// `FORWARDS` is what the broken variant forgets to do.
struct Tokens<const FORWARDS: bool> {
    state: AtomicUsize,
    queue: WaitQueue,
}

impl<const FORWARDS: bool> Tokens<FORWARDS> {
    fn new() -> Self {
        Tokens { state: AtomicUsize::new(0), queue: WaitQueue::new() }
    }

    fn put(&self) {
        let free = self.state.load(Relaxed);
        if free & WAITERS == 0
            && self.state.compare_exchange(free, free + TOKEN, Release, Relaxed).is_ok()
        {
            return;
        }
        let mut list = self.queue.lock();
        let granted = list.grant_front(TAKEN);
        self.note_waiters(&list);
        if !granted {
            self.state.fetch_add(TOKEN, Release);
        }
    }

    fn note_waiters(&self, list: &Locked<'_>) {
        if list.is_empty() {
            self.state.fetch_and(!WAITERS, Relaxed);
        }
    }

    fn take(&self) -> Take<'_, FORWARDS> {
        Take(Waiter::new(self, 0))
    }
}

// SAFETY: `queue` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl<const FORWARDS: bool> Waitable for Tokens<FORWARDS> {
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn enter(&self, _list: &mut Locked<'_>, _seat: Seat) -> Entry {
        let mut state = self.state.load(Relaxed);
        loop {
            let next = if state >= TOKEN { state - TOKEN } else { state | WAITERS };
            match self.state.compare_exchange(state, next, Acquire, Relaxed) {
                Ok(_) if state >= TOKEN => return Entry::Granted(TAKEN),
                Ok(_) => return Entry::Queue(End::Back, 0),
                Err(actual) => state = actual,
            }
        }
    }

    fn left(&self, list: &mut Locked<'_>) {
        self.note_waiters(list);
    }

    fn forward(&self, grant: Option<Grant>, _seat: Seat) {
        if FORWARDS && grant.is_some() {
            self.put();
        }
    }
}

struct Take<'a, const FORWARDS: bool>(Waiter<&'a Tokens<FORWARDS>>);

impl<const FORWARDS: bool> Future for Take<'_, FORWARDS> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the waiter is pinned with its future, which gives out no `&mut` to it.
        let waiter = unsafe { self.map_unchecked_mut(|take| &mut take.0) };
        waiter.as_ref().poll(Some(cx.waker())).map(|_taken| ())
    }
}

#[test]
fn a_token_put_while_somebody_starts_to_wait_is_taken() {
    check(|| {
        let tokens = Arc::new(Tokens::<true>::new());
        let waiter = thread::spawn({
            let tokens = tokens.clone();
            move || block_on(tokens.take())
        });
        tokens.put();
        waiter.join().expect("the waiter does not panic");
    });
}

#[test]
fn two_waiters_and_two_tokens_meet() {
    check(|| {
        let tokens = Arc::new(Tokens::<true>::new());
        let waiter = thread::spawn({
            let tokens = tokens.clone();
            move || block_on(tokens.take())
        });
        let putter = thread::spawn({
            let tokens = tokens.clone();
            move || {
                tokens.put();
                tokens.put();
            }
        });
        block_on(tokens.take());
        waiter.join().expect("the waiter does not panic");
        putter.join().expect("the putter does not panic");
        assert_eq!(tokens.state.load(Relaxed), 0);
    });
}

/// One waiter leaves while a token is put; another one wants it.
fn a_waiter_leaves<const FORWARDS: bool>() {
    let tokens = Arc::new(Tokens::<FORWARDS>::new());
    let leaving = thread::spawn({
        let tokens = tokens.clone();
        move || {
            let mut take = Box::pin(tokens.take());
            let taken = poll(take.as_mut()).is_ready();
            drop(take);
            if taken {
                tokens.put();
            }
        }
    });
    let putter = thread::spawn({
        let tokens = tokens.clone();
        move || tokens.put()
    });
    block_on(tokens.take());
    leaving.join().expect("the leaving waiter does not panic");
    putter.join().expect("the putter does not panic");
    assert_eq!(tokens.state.load(Relaxed), 0);
}

#[test]
fn a_dropped_waiter_forwards_its_grant() {
    check(a_waiter_leaves::<true>);
}

#[test]
#[ignore = "fails: run by the test below"]
fn broken_a_dropped_waiter_keeps_its_grant() {
    check(a_waiter_leaves::<false>);
}

#[test]
fn a_queue_that_does_not_forward_is_rejected() {
    assert_rejected("wait_queue::loom_tests::broken_a_dropped_waiter_keeps_its_grant");
}

#[test]
fn a_waker_may_be_changed_while_a_token_is_put() {
    check(|| {
        let tokens = Arc::new(Tokens::<true>::new());
        let putter = thread::spawn({
            let tokens = tokens.clone();
            move || tokens.put()
        });
        let mut take = Box::pin(tokens.take());
        // With a waker that does nothing first, then with one that unparks this thread.
        if poll(take.as_mut()).is_pending() {
            block_on(take);
        }
        putter.join().expect("the putter does not panic");
    });
}
