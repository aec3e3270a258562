//! Whether to look at the injector a little longer before parking.
//!
//! Parking and being woken costs about 20 µs on two threads. When tasks arrive more often than that, looking a moment
//! longer is cheaper; when they do not, it is waste. The worker learns which from its last tries.

use filch_core::sys::hint;

/// How many looks a try takes: about 2 µs.
// Why: a tenth of what parking costs on the reference machine, so that a vain try hardly matters.
const N_LOOKS: u32 = 48;
/// After so many parks without a try there is one again, in case the times have changed.
const PROBE_EVERY: u32 = 32;
const MAX_CREDIT: u32 = 8;

/// What a worker has learned about looking longer.
#[derive(Debug, Default)]
pub(crate) struct Spin {
    /// Rises by two with a try that found something, falls by one with a vain one.
    credit: u32,
    n_parks: u32,
}

impl Spin {
    /// Looks until `found` or in vain. Answers whether it was found.
    pub(crate) fn wait_for(&mut self, found: impl Fn() -> bool) -> bool {
        self.n_parks += 1;
        if self.credit == 0 && self.n_parks % PROBE_EVERY != 0 {
            return false;
        }
        let found = (0..N_LOOKS).any(|_| {
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
    fn a_worker_gives_up_looking_when_nothing_comes_and_tries_again_later() {
        let mut spin = Spin { credit: MAX_CREDIT, n_parks: 0 };
        assert!(!(0..MAX_CREDIT).any(|_| spin.wait_for(|| false)));
        assert_eq!(spin.credit, 0);
        let n_until_found = (1..=PROBE_EVERY).find(|_| spin.wait_for(|| true));
        assert!(n_until_found.is_some_and(|n| n > 1), "without credit it only probes");
        assert!(spin.wait_for(|| true), "what helped once is tried again");
    }
}
