//! Whether to look for work a little longer before sleeping.
//!
//! Sleeping and being woken costs about 20 µs on two threads. When work arrives more often than that, looking a moment
//! longer is cheaper; when it does not, it is waste. Who looks learns which from the last tries.

use filch_core::sys::hint;

/// After so many sleeps without a try there is one again, in case the times have changed.
const PROBE_EVERY: u32 = 32;
const MAX_CREDIT: u32 = 8;

/// What was learned about looking longer.
#[derive(Debug)]
pub(crate) struct Spin {
    /// How many looks a try takes; each some 40 ns on the reference machine.
    n_looks: u32,
    /// Rises by two with a try that found something, falls by one with a vain one.
    credit: u32,
    n_sleeps: u32,
}

impl Spin {
    pub(crate) fn new(n_looks: u32) -> Self {
        Spin { n_looks, credit: 0, n_sleeps: 0 }
    }

    /// Somebody is about to sleep: whether to [look](Self::look_for) before.
    pub(crate) fn is_due(&mut self) -> bool {
        self.n_sleeps = self.n_sleeps.wrapping_add(1);
        self.credit != 0 || self.n_sleeps % PROBE_EVERY == 0
    }

    /// Looks until `found` or in vain. Answers whether it was found.
    pub(crate) fn look_for(&mut self, found: impl Fn() -> bool) -> bool {
        let found = (0..self.n_looks).any(|_| {
            hint::spin_loop();
            found()
        });
        self.credit =
            if found { (self.credit + 2).min(MAX_CREDIT) } else { self.credit.saturating_sub(1) };
        found
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_looks_gives_up_when_nothing_comes_and_tries_again_later() {
        let mut spin = Spin { credit: MAX_CREDIT, ..Spin::new(48) };
        let mut is_found = |found| spin.is_due() && spin.look_for(|| found);
        assert!(!(0..MAX_CREDIT).any(|_| is_found(false)));
        let n_until_found = (1..=PROBE_EVERY).find(|_| is_found(true));
        assert!(n_until_found.is_some_and(|n| n > 1), "without credit it only probes");
        assert!(is_found(true), "what helped once is tried again");
    }
}
