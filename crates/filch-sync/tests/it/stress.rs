//! Threads that lock, wait and give up at random, and a count at the end.

use crate::tools::{poll, poll_n_then_drop, ready};
use filch_sync::{Barrier, CapacityLimiter, Condition, Mutex, Notify, Semaphore};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::thread;

const N_THREADS: u64 = 4;
const N_ROUNDS: usize = 3000;

/// A xorshift generator; the seed is the thread's number, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % n
    }
}

fn on_threads(work: impl Fn(Random) + Sync) {
    thread::scope(|scope| {
        for seed in 1..=N_THREADS {
            let work = &work;
            scope.spawn(move || work(Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))));
        }
    });
}

#[test]
fn a_mutex_survives_random_cancellation() {
    let (mutex, n_locked) = (Mutex::new(0), AtomicUsize::new(0));
    on_threads(|mut random| {
        for _ in 0..N_ROUNDS {
            let guard = match random.below(3) {
                0 => poll_n_then_drop(random.below(3), mutex.lock()),
                1 => mutex.try_lock().ok(),
                _ => Some(mutex.blocking_lock()),
            };
            if let Some(mut count) = guard {
                *count += 1;
                n_locked.fetch_add(1, Relaxed);
            }
        }
    });
    assert_eq!(*mutex.try_lock().expect("all have unlocked"), n_locked.into_inner());
}

#[test]
fn a_semaphore_survives_random_cancellation() {
    let semaphore = Semaphore::new(3);
    on_threads(|mut random| {
        for _ in 0..N_ROUNDS {
            let n = 1 + random.below(3) as u32;
            match random.below(3) {
                0 => drop(poll_n_then_drop(random.below(3), semaphore.acquire_many(n))),
                1 => drop(semaphore.try_acquire_many(n)),
                _ => drop(semaphore.blocking_acquire_many(n)),
            }
        }
    });
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn a_baton_is_never_lost() {
    // Each thread takes the one wake-up there is, or gives up waiting for it, and passes on what it took.
    let notify = Notify::new();
    notify.notify_one();
    on_threads(|mut random| {
        for _ in 0..N_ROUNDS {
            let mut notified = pin!(notify.notified());
            if poll(notified.as_mut()).is_ready()
                || (random.below(2) == 0 && poll(notified).is_ready())
            {
                if random.below(2) == 0 { notify.notify_one() } else { notify.notify_last() }
            }
        }
    });
    assert!(poll(pin!(notify.notified())).is_ready());
}

#[test]
fn a_notification_is_never_lost() {
    // Each thread takes the one thing there is, or gives up waiting for it, and puts back what it took.
    let (n_there, put) = (Mutex::new(1), Condition::new());
    on_threads(|mut random| {
        for _ in 0..N_ROUNDS {
            let take = async || {
                let guard = n_there.lock().await;
                *put.wait_for(guard, |n_there| *n_there > 0).await -= 1;
            };
            let is_taken = match random.below(3) {
                0 => poll_n_then_drop(random.below(4), take()).is_some(),
                _ => {
                    let guard = n_there.blocking_lock();
                    *put.blocking_wait_for(guard, |n_there| *n_there > 0) -= 1;
                    true
                }
            };
            if is_taken {
                *n_there.blocking_lock() += 1;
                put.notify_one();
            }
        }
    });
    assert_eq!(n_there.into_inner(), 1);
}

#[test]
fn a_barrier_survives_random_cancellation() {
    let (barrier, n_led, n_passed) = (Barrier::new(3), AtomicUsize::new(0), AtomicUsize::new(0));
    on_threads(|mut random| {
        for _ in 0..N_ROUNDS {
            match random.below(20) {
                0 => barrier.abort(),
                1 => barrier.reset(),
                _ => {
                    if let Some(result) = poll_n_then_drop(random.below(4), barrier.wait()) {
                        n_led.fetch_add(usize::from(result.is_leader()), Relaxed);
                        let passed = !result.is_leader() && !result.is_broken();
                        n_passed.fetch_add(usize::from(passed), Relaxed);
                    }
                }
            }
        }
    });
    assert_eq!(barrier.n_waiting(), 0);
    assert!(n_passed.into_inner() <= 2 * n_led.into_inner(), "at most two pass with each leader");
    barrier.reset();
    let (mut one, mut other) = (pin!(barrier.wait()), pin!(barrier.wait()));
    assert!(poll(one.as_mut()).is_pending());
    assert!(poll(other.as_mut()).is_pending());
    assert!(ready(pin!(barrier.wait())).is_leader());
    assert!(!ready(one).is_broken());
    assert!(!ready(other).is_broken());
}

#[test]
fn a_capacity_limiter_survives_random_cancellation_and_resizing() {
    let (limiter, n_inside) = (CapacityLimiter::new(2), AtomicUsize::new(0));
    on_threads(|mut random| {
        for round in 0..N_ROUNDS {
            let token = match random.below(4) {
                0 => poll_n_then_drop(random.below(3), limiter.acquire()),
                1 => limiter.try_acquire().ok(),
                2 => {
                    limiter.set_total_tokens(1 + random.below(3));
                    continue;
                }
                _ => Some(limiter.blocking_acquire()),
            };
            if token.is_some() {
                assert!(n_inside.fetch_add(1, SeqCst) < 3, "in round {round}");
                n_inside.fetch_sub(1, SeqCst);
            }
        }
    });
    let statistics = limiter.statistics();
    assert_eq!((statistics.borrowed_tokens, statistics.n_waiting), (0, 0));
}
