//! Threads that lock, wait and give up at random, and a count at the end.

use crate::tools::{poll, poll_n_then_drop};
use filch_sync::{Mutex, Notify, Semaphore};
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
