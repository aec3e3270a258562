//! The stock [`Clock`]: the system's monotonic time, until it is paused.
//!
//! A paused clock stands still; it moves by [`advance`](Clock::advance), and jumps to the next deadline when the runtime
//! finds that nothing else is left to do. A resumed clock runs on from where it stood. It knows nothing of timers.

use filch_core::seam::Clock;
use filch_core::sys::sync::Mutex;
use filch_core::sys::sync::atomic::AtomicU8;
use filch_core::sys::sync::atomic::Ordering::Relaxed;
use std::fmt;
use std::time::{Duration, Instant};

/// Never paused: the answer is the system's.
const SYSTEM: u8 = 0;
/// Standing still.
const PAUSED: u8 = 1;
/// Running, but behind or ahead of the system.
const SHIFTED: u8 = 2;

/// The system's monotonic clock, or a virtual one.
pub struct StockClock {
    /// Written under the lock of `time`. Relaxed: what it says is only used after taking that lock, except for `SYSTEM`,
    /// where there is nothing to read.
    mode: AtomicU8,
    time: Mutex<Time>,
}

/// The virtual time `at` corresponds to the system's time `since`; a paused clock has no `since`.
struct Time {
    at: Instant,
    since: Option<Instant>,
}

impl StockClock {
    /// A clock that runs.
    pub fn new() -> Self {
        let now = Instant::now();
        StockClock {
            mode: AtomicU8::new(SYSTEM),
            time: Mutex::new(Time { at: now, since: Some(now) }),
        }
    }

    /// A clock that stands still from the beginning.
    pub fn paused() -> Self {
        let clock = Self::new();
        clock.pause();
        clock
    }

    /// Changes a paused clock's time; `false` when it is not paused.
    fn move_paused(&self, change: impl FnOnce(&mut Instant)) -> bool {
        let mut time = self.time.lock();
        let is_paused = time.since.is_none();
        if is_paused {
            change(&mut time.at);
        }
        is_paused
    }
}

impl Clock for StockClock {
    fn now(&self) -> Instant {
        if self.mode.load(Relaxed) == SYSTEM { Instant::now() } else { self.time.lock().now() }
    }

    fn try_jump(&self, deadline: Instant) -> bool {
        self.mode.load(Relaxed) == PAUSED && self.move_paused(|at| *at = deadline.max(*at))
    }

    fn is_virtual(&self) -> bool {
        self.mode.load(Relaxed) == PAUSED
    }

    fn pause(&self) -> bool {
        let mut time = self.time.lock();
        *time = Time { at: time.now(), since: None };
        self.mode.store(PAUSED, Relaxed);
        true
    }

    fn resume(&self) -> bool {
        let mut time = self.time.lock();
        let was_paused = time.since.is_none();
        if was_paused {
            time.since = Some(Instant::now());
            self.mode.store(SHIFTED, Relaxed);
        }
        was_paused
    }

    fn advance(&self, by: Duration) -> bool {
        self.move_paused(|at| *at = crate::instant::saturating_add(*at, by))
    }
}

impl Time {
    fn now(&self) -> Instant {
        match self.since {
            Some(since) => crate::instant::saturating_add(self.at, since.elapsed()),
            None => self.at,
        }
    }
}

impl Default for StockClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StockClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StockClock").field("is_virtual", &self.is_virtual()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_paused_clock_moves_only_when_told() {
        let clock = StockClock::paused();
        let start = clock.now();
        assert!(clock.is_virtual());
        assert_eq!(clock.now(), start);
        assert!(clock.advance(HOUR));
        assert_eq!(clock.now(), start + HOUR);
        assert!(clock.try_jump(start + 3 * HOUR));
        assert_eq!(clock.now(), start + 3 * HOUR);
        assert!(clock.try_jump(start), "a jump to the past is a jump to the present");
        assert_eq!(clock.now(), start + 3 * HOUR);
    }

    #[test]
    fn a_resumed_clock_runs_on_from_where_it_stood() {
        let clock = StockClock::paused();
        clock.advance(HOUR);
        let stood = clock.now();
        assert!(clock.resume());
        assert!(!clock.resume(), "it runs already");
        assert!(clock.now() >= stood);
        assert!(!clock.is_virtual() && !clock.advance(HOUR) && !clock.try_jump(stood + HOUR));
        assert!(clock.now() < stood + HOUR);
        assert!(clock.pause());
        assert!(clock.now() >= stood);
    }

    #[test]
    fn a_running_clock_is_neither_advanced_nor_jumped() {
        let clock = StockClock::new();
        assert!(
            !clock.is_virtual() && !clock.advance(HOUR) && !clock.try_jump(Instant::now() + HOUR)
        );
        assert!(clock.now() <= Instant::now());
    }

    #[test]
    fn advancing_beyond_the_end_of_time_stays_there() {
        let clock = StockClock::paused();
        assert!(clock.advance(Duration::MAX));
        let end = clock.now();
        assert!(clock.advance(HOUR));
        assert_eq!(clock.now(), end);
    }
}
