//! Where a scheduler's threads wait: driver, timers and clock joined.
//!
//! Decides how long a turn lasts and when a virtual clock jumps; knows nothing about tasks.

use filch_core::runtime::{Roots, TimerBuffers};
use filch_core::seam::{Blocking, Clock, Driver, Limit, Park, Timers};
use filch_core::timer::NEVER;
use filch_core::{RuntimeRef, WakeBatch};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long sources must stay quiet before a virtual clock jumps although somebody waits for them.
// Why: a peer in the same process answers within microseconds; 2 ms covers a busy machine.
const QUIET: Duration = Duration::from_millis(2);
/// From this many timers on they fire in batches.
// Why: with fewer, waking for each is cheap; a thousand and more would each cost a turn of 5 µs (design 0006).
const CROWD: usize = 256;
/// The least time between two batches.
// Why: the mean delay is half of it, 75 µs, which keeps the median of a crowd less than 150 µs late.
const BATCH_NS: u64 = 150_000;
/// How long a virtual clock that may not jump waits before it looks again: for the end of a blocking call, say.
const ASK_AGAIN: Duration = Duration::from_millis(1);

pub(super) struct DriverPark {
    pub(super) driver: Arc<dyn Driver>,
    pub(super) timers: Arc<dyn Timers>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) blocking: Arc<dyn Blocking>,
    pub(super) compute: Arc<dyn Blocking>,
    /// Calls in pools that are not the runtime's.
    pub(super) calls_elsewhere: Arc<AtomicUsize>,
    pub(super) buffers: Arc<TimerBuffers>,
    /// Threads in `block_on` whose future is in a poll or about to be.
    pub(super) roots: Arc<Roots>,
    pub(super) origin: Instant,
    pub(super) is_held: AtomicBool,
    /// When timers fired last, in nanoseconds since the origin. Written by the holder.
    pub(super) last_fired: AtomicU64,
    /// Set once the runtime lives.
    pub(super) runtime: OnceLock<RuntimeRef>,
}

impl Park for DriverPark {
    fn try_hold(&self) -> bool {
        // Why here: every thread comes by before it sleeps; and a turn in a fork would take events from its parent.
        if let Some(runtime) = self.runtime.get() {
            runtime.check_process();
        }
        // ORDERING: [hold] Acquire pairs with the Release in `release`.
        !self.is_held.load(Relaxed) && !self.is_held.swap(true, Acquire)
    }

    fn release(&self) {
        self.is_held.store(false, Release); // ORDERING: [hold] pairs with `try_hold`.
    }

    fn turn(&self, limit: Limit, alone: &dyn Fn() -> bool, wakes: &mut WakeBatch) {
        if limit == Limit::Zero {
            self.wait(Limit::Zero, wakes);
        } else {
            // Why first: who arms a timer from here on knows that it must unpark this thread.
            self.buffers.set_park_until(NEVER);
            self.buffers.drain_all(&*self.timers);
            if self.clock.is_virtual() {
                self.turn_virtual(limit, alone, wakes);
            } else {
                self.turn_real(limit, wakes);
            }
            self.buffers.set_park_until(0);
        }
        self.expire(wakes);
    }

    fn unpark(&self) {
        self.driver.unpark();
    }

    fn all_parked(&self) {
        if self.clock.is_virtual() {
            self.driver.unpark();
        }
    }

    fn flush_timers(&self, worker: usize) {
        self.buffers.drain(worker, &*self.timers);
        self.unpark_if_late();
    }

    fn flush_all_timers(&self) {
        self.buffers.drain_all(&*self.timers);
        self.unpark_if_late();
    }
}

impl DriverPark {
    fn turn_real(&self, limit: Limit, wakes: &mut WakeBatch) {
        let deadline = self.timers.next_deadline().map(|deadline| deadline.max(self.next_batch()));
        self.buffers.set_park_until(deadline.unwrap_or(NEVER));
        let wait =
            deadline.map(|deadline| Duration::from_nanos(deadline.saturating_sub(self.now())));
        self.wait(shorter(limit, wait), wakes);
    }

    /// When timers may fire next: at any time while there are few, else a little after those that fired last.
    fn next_batch(&self) -> u64 {
        match self.last_fired.load(Relaxed) {
            0 => 0,
            last if self.timers.n_filed() >= CROWD => last.saturating_add(BATCH_NS),
            _ => 0,
        }
    }

    /// Time stands still, so nobody waits for a deadline: it comes by a jump when nothing else is left to do.
    fn turn_virtual(&self, limit: Limit, alone: &dyn Fn() -> bool, wakes: &mut WakeBatch) {
        if !alone() || !self.roots.is_empty() {
            return self.wait(limit, wakes);
        }
        if self.n_calls() != 0 {
            return self.wait(shorter(limit, Some(ASK_AGAIN)), wakes);
        }
        let Some(deadline) = self.timers.next_live_deadline() else {
            return self.wait(limit, wakes);
        };
        if deadline <= self.now() {
            return;
        }
        let has_sources = self.runtime.get().is_some_and(|runtime| runtime.n_sources() != 0);
        let begin = Instant::now();
        self.wait(if has_sources { Limit::For(QUIET) } else { Limit::Zero }, wakes);
        // Why the time: an event that nobody waits for, or an unpark, ends the wait without waking a task.
        let was_quiet = !has_sources || begin.elapsed() >= QUIET;
        // Why in this order: who ends a blocking call or polls a root has woken a worker before.
        let is_quiet = || was_quiet && self.n_calls() == 0 && wakes.is_empty() && alone();
        let jumped = self.roots.while_empty(|| is_quiet().then(|| self.try_jump())).flatten();
        if jumped == Some(false) {
            // Why: this would be asked again at once, and for ever.
            self.wait(shorter(limit, Some(ASK_AGAIN)), wakes);
        }
    }

    /// How many calls run or wait on threads that are no workers.
    fn n_calls(&self) -> usize {
        // ORDERING: [elsewhere] Acquire pairs with the Release of a call that has ended.
        let n_elsewhere = self.calls_elsewhere.load(Acquire);
        self.blocking.n_busy() + self.compute.n_busy() + n_elsewhere
    }

    /// `false`: the clock refuses, or cannot tell a moment that late.
    fn try_jump(&self) -> bool {
        let deadline = self.timers.next_live_deadline();
        let at = deadline.and_then(|at| self.origin.checked_add(Duration::from_nanos(at)));
        at.is_some_and(|at| self.clock.try_jump(at))
    }

    fn wait(&self, limit: Limit, wakes: &mut WakeBatch) {
        if let Err(error) = self.driver.turn(limit, wakes) {
            // Why: a driver that fails would make every worker spin here; nothing but a bug or a lost descriptor does.
            panic!(
                "the driver cannot wait for events: {error}; was one of its file descriptors closed by other code?"
            );
        }
    }

    fn expire(&self, wakes: &mut WakeBatch) {
        if let Some(deadline) = self.timers.next_deadline() {
            let now = self.now();
            if deadline <= now {
                self.last_fired.store(now, Relaxed);
                self.timers.expire(now, wakes);
            }
        }
    }

    fn unpark_if_late(&self) {
        if self
            .timers
            .next_deadline()
            .is_some_and(|deadline| self.buffers.would_oversleep(deadline))
        {
            self.driver.unpark();
        }
    }

    fn now(&self) -> u64 {
        let elapsed = self.clock.now().saturating_duration_since(self.origin);
        u64::try_from(elapsed.as_nanos()).unwrap_or(NEVER)
    }
}

fn shorter(limit: Limit, wait: Option<Duration>) -> Limit {
    match (limit, wait) {
        (_, Some(Duration::ZERO)) => Limit::Zero,
        (Limit::Forever, Some(wait)) => Limit::For(wait),
        (Limit::For(limit), Some(wait)) => Limit::For(limit.min(wait)),
        (limit, _) => limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_of_limit_and_deadline_counts() {
        let (one, two) = (Duration::from_secs(1), Duration::from_secs(2));
        assert_eq!(shorter(Limit::Forever, None), Limit::Forever);
        assert_eq!(shorter(Limit::Forever, Some(one)), Limit::For(one));
        assert_eq!(shorter(Limit::For(two), Some(one)), Limit::For(one));
        assert_eq!(shorter(Limit::For(one), Some(two)), Limit::For(one));
        assert_eq!(shorter(Limit::Forever, Some(Duration::ZERO)), Limit::Zero);
    }
}
