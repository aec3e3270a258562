//! The threads for which a virtual clock stands still: those in `block_on` that poll their future or were asked to.

use crate::sys::sync::atomic::AtomicUsize;
use crate::sys::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sys::thread::yield_now;

/// Set while the clock jumps.
const JUMP: usize = 1 << (usize::BITS - 1);

/// How many of them there are.
#[derive(Debug, Default)]
pub struct Roots {
    state: AtomicUsize,
}

impl Roots {
    /// One more. Waits for the end of a jump, so that none happens from here until [`leave`](Self::leave).
    #[inline]
    pub fn enter(&self) {
        // ORDERING: [roots] Acquire: the time that was jumped to, from whoever ended the jump.
        if self.state.fetch_add(1, Acquire) & JUMP != 0 {
            self.wait_for_jump();
        }
    }

    #[cold]
    fn wait_for_jump(&self) {
        // ORDERING: [roots] Acquire as in `enter`.
        while self.state.load(Acquire) & JUMP != 0 {
            yield_now(); // It is a store, unless its thread was stopped there.
        }
    }

    /// One less.
    #[inline]
    pub fn leave(&self) {
        self.state.fetch_sub(1, Release); // ORDERING: [roots] who sees it gone sees what its poll did.
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.state.load(Acquire) == 0 // ORDERING: [roots] pairs with `leave`.
    }

    /// Calls `jump` while there is none, and lets none in meanwhile. `None`: there is one, or another jump, and it was
    /// not called.
    ///
    /// `jump` must not [`enter`](Self::enter), nor wake who would: it would wait for itself.
    pub fn while_empty<R>(&self, jump: impl FnOnce() -> R) -> Option<R> {
        /// Lets them in, also when `jump` panics.
        struct LetIn<'a>(&'a AtomicUsize);
        impl Drop for LetIn<'_> {
            fn drop(&mut self) {
                self.0.fetch_and(!JUMP, Release); // ORDERING: [roots] publishes the time.
            }
        }
        // ORDERING: [roots] Acquire pairs with `leave`.
        self.state.compare_exchange(0, JUMP, Acquire, Relaxed).ok()?;
        let _let_in = LetIn(&self.state);
        Some(jump())
    }
}

#[cfg(all(test, filch_loom))]
mod loom_tests {
    use super::*;
    use crate::sys::sync::atomic::AtomicU32;
    use crate::sys::thread;
    use crate::testing::model::{assert_rejected, check};
    use std::sync::Arc;

    /// A clock that jumps once beside a root that reads it twice.
    fn a_jump_meets_a_root(jump: fn(&Roots, &AtomicU32)) {
        check(3, move || {
            let (roots, time) = (Arc::new(Roots::default()), Arc::new(AtomicU32::new(0)));
            let root = thread::spawn({
                let (roots, time) = (roots.clone(), time.clone());
                move || {
                    roots.enter();
                    let begin = time.load(Relaxed);
                    assert_eq!(time.load(Relaxed), begin, "time jumped");
                    roots.leave();
                }
            });
            jump(&roots, &time);
            root.join().expect("the root ends");
            assert!(roots.is_empty());
        });
    }

    #[test]
    fn a_jump_lets_no_root_in() {
        a_jump_meets_a_root(|roots, time| {
            roots.while_empty(|| time.store(1, Relaxed));
        });
    }

    #[test]
    #[ignore = "run by `a_jump_after_a_look_is_rejected`"]
    fn broken_jump_after_a_look() {
        a_jump_meets_a_root(|roots, time| {
            if roots.is_empty() {
                time.store(1, Relaxed);
            }
        });
    }

    #[test]
    fn a_jump_after_a_look_is_rejected() {
        assert_rejected("runtime::roots::loom_tests::broken_jump_after_a_look", "time jumped");
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn nobody_jumps_while_there_is_one() {
        let roots = Roots::default();
        roots.enter();
        assert_eq!(roots.while_empty(|| ()), None);
        roots.leave();
        assert_eq!(roots.while_empty(|| 1), Some(1));
        assert!(roots.is_empty());
    }
}
