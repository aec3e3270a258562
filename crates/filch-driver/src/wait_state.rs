//! Whether somebody waits in a turn, so that an unpark costs a system call only when it must.
//!
//! Makes no system call: it tells the driver when to ring the bell that ends a wait.
//!
//! States: `AWAKE` → `WAITING` (a turn is about to wait) → `AWAKE`; an unpark sets `NOTIFIED` in any state, and only the
//! one that found `WAITING` rings. The next turn that would wait finds `NOTIFIED` and only looks instead.
//! A turn that does not wait leaves `NOTIFIED` in place, so a turn between an unpark and the wait it is meant for takes
//! nothing away from it.
//!
//! The race: an unpark and a turn that begins to wait. Both exchange one word, so either the unpark comes first and the
//! turn finds `NOTIFIED`, or the turn comes first and the unpark rings. The bell keeps its ring until a wait collects it,
//! so it may be rung before the wait begins. A ring that is late costs one empty turn.

use filch_core::seam::Limit;
use filch_core::sys::sync::atomic::AtomicU8;
use filch_core::sys::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

const AWAKE: u8 = 0;
const WAITING: u8 = 1;
const NOTIFIED: u8 = 2;

/// One word, written by the thread that turns and by all that unpark it.
#[derive(Debug)]
pub(crate) struct WaitState(AtomicU8);

impl WaitState {
    pub(crate) fn new() -> Self {
        WaitState(AtomicU8::new(AWAKE))
    }

    /// Runs `wait` with `limit`, or with [`Limit::Zero`] if somebody unparked before.
    pub(crate) fn wait_with<R>(&self, limit: Limit, wait: impl FnOnce(Limit) -> R) -> R {
        if limit == Limit::Zero {
            return wait(limit);
        }
        let limit = if self.awake_to_waiting() { limit } else { Limit::Zero };
        let result = wait(limit);
        // ORDERING: [unpark] Acquire takes over what the unparking thread did before it unparked.
        self.0.swap(AWAKE, Acquire);
        result
    }

    /// False if somebody unparked before.
    fn awake_to_waiting(&self) -> bool {
        // ORDERING: [unpark] failing means `NOTIFIED`; its Acquire is the one of the swap that ends the turn.
        self.0.compare_exchange(AWAKE, WAITING, Relaxed, Relaxed).is_ok()
    }

    /// Ends the current or the next wait. True if the caller must ring.
    #[must_use = "a wait that is not rung may last for ever"]
    pub(crate) fn notify(&self) -> bool {
        // ORDERING: [unpark] Release pairs with the swap that ends the turn. Acquire keeps the chain through a
        // notification that is overwritten by the next.
        self.0.swap(NOTIFIED, AcqRel) == WAITING
    }
}

#[cfg(all(test, filch_loom))]
mod loom_tests;

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_an_unpark_that_meets_a_wait_rings() {
        let state = WaitState::new();
        state.wait_with(Limit::Forever, |limit| {
            assert_eq!(limit, Limit::Forever);
            assert!(state.notify());
            assert!(!state.notify());
        });
        assert!(!state.notify());
    }

    #[test]
    fn an_unpark_before_the_wait_outlives_a_look() {
        let state = WaitState::new();
        assert!(!state.notify());
        state.wait_with(Limit::Zero, |_| ());
        state.wait_with(Limit::Forever, |limit| assert_eq!(limit, Limit::Zero));
        state.wait_with(Limit::Forever, |limit| assert_eq!(limit, Limit::Forever));
    }
}
