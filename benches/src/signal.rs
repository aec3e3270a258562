//! A waker cell that belongs to no runtime: one side sets it, the other awaits it, any number of times.
//!
//! It is what tasks of a workload wake each other with, so that only the runtimes differ.
//! It serves one waiting task and one setter at a time; setting it twice before it is awaited counts once.
//!
//! Invariant: the waker slot belongs to the waiter in [`EMPTY`] and [`SET`], and to the setter in [`TAKING`];
//! in [`WAITING`] whoever leaves that state by compare-exchange gets it.

use std::cell::UnsafeCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::task::{Context, Poll, Waker};

const EMPTY: u8 = 0;
const WAITING: u8 = 1;
const TAKING: u8 = 2;
const SET: u8 = 3;

/// The cell.
#[derive(Default)]
pub(crate) struct Signal {
    state: AtomicU8,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: the state machine above gives the slot to one side at a time, with an acquire on entry and a release
// on exit; a `Waker` may move between threads.
unsafe impl Sync for Signal {}

impl Signal {
    /// Sets the cell and wakes its waiter. One thread at a time.
    #[inline]
    pub(crate) fn set(&self) {
        // ORDERING: [signal] AcqRel. Acquires the waker that `poll` stored; later states release what we did.
        match self.state.compare_exchange(WAITING, TAKING, AcqRel, Acquire) {
            Ok(_) => {
                // SAFETY: `TAKING` makes the slot ours until the swap below.
                let waker = unsafe { (*self.waker.get()).take() };
                // ORDERING: [signal] Release. Hands the slot and the setter's writes to the waiter.
                self.state.store(SET, Release);
                waker.expect("a waiter stores its waker before it waits").wake();
            }
            // ORDERING: [signal] AcqRel, as above: the waiter may have begun to wait in between.
            Err(EMPTY) => {
                if self.state.compare_exchange(EMPTY, SET, AcqRel, Acquire).is_err() {
                    self.set();
                }
            }
            Err(_) => {}
        }
    }

    /// Waits until the cell is set, and empties it.
    #[inline]
    pub(crate) fn wait(&self) -> Wait<'_> {
        Wait(self)
    }
}

/// The future of [`Signal::wait`].
pub(crate) struct Wait<'a>(&'a Signal);

impl Future for Wait<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let state = &self.0.state;
        // ORDERING: [signal] AcqRel. A waiter polled again takes its slot back before it touches it.
        let _ = state.compare_exchange(WAITING, EMPTY, AcqRel, Acquire);
        // ORDERING: [signal] Acquire. Sees the setter's writes and the emptied slot.
        match state.load(Acquire) {
            SET => {}
            TAKING => return Poll::Pending, // Its waker is about to be woken.
            _ => {
                // SAFETY: in `EMPTY` the slot is the waiter's, and a setter only leaves `EMPTY` for `SET`.
                unsafe { *self.0.waker.get() = Some(cx.waker().clone()) };
                // ORDERING: [signal] AcqRel. Releases the waker to the setter.
                if state.compare_exchange(EMPTY, WAITING, AcqRel, Acquire).is_ok() {
                    return Poll::Pending;
                }
            }
        }
        // ORDERING: [signal] Release. Setters that see the empty cell see everything before it.
        state.store(EMPTY, Release);
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::Signal;

    #[test]
    fn a_signal_set_first_is_seen_by_a_later_wait() {
        let signal = Signal::default();
        signal.set();
        signal.set();
        smol::block_on(signal.wait());
    }

    #[test]
    fn two_threads_hand_a_token_back_and_forth() {
        let (ping, pong) = (&Signal::default(), &Signal::default());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                smol::block_on(async {
                    for _ in 0..20_000 {
                        ping.wait().await;
                        pong.set();
                    }
                });
            });
            smol::block_on(async {
                for _ in 0..20_000 {
                    ping.set();
                    pong.wait().await;
                }
            });
        });
    }
}
