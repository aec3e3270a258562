//! Futures that keep a diary, and a hand to poll with.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// What happened, in order. Clones write to the same pages.
#[derive(Clone, Default)]
pub(crate) struct Diary(Rc<RefCell<Vec<String>>>);

impl Diary {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    /// Everything noted since the last look.
    pub(crate) fn read(&self) -> Vec<String> {
        self.0.take()
    }

    /// A future that is pending for `pending` polls, then ready, and panics when polled once more.
    pub(crate) fn probe(&self, name: &'static str, pending: usize) -> Probe {
        Probe { diary: self.clone(), name, pending, completed: false }
    }
}

pub(crate) struct Probe {
    diary: Diary,
    name: &'static str,
    pending: usize,
    completed: bool,
}

impl Future for Probe {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'static str> {
        assert!(!self.completed, "{} was polled after it had completed", self.name);
        self.diary.note(format!("poll {}", self.name));
        if self.pending > 0 {
            self.pending -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.completed = true;
        Poll::Ready(self.name)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.diary.note(format!("drop {}", self.name));
    }
}

/// Polls `future` once, with a waker that does nothing.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls `future` until it is ready. Only for futures which wait for nothing but polls.
pub(crate) fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..10_000 {
        if let Poll::Ready(output) = poll_once(future.as_mut()) {
            return output;
        }
    }
    panic!("the future is still pending after 10,000 polls");
}
