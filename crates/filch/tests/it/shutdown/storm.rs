//! Runtimes that end at random times while other threads wake, spawn, abort and join.

use crate::random::Random;
use crate::tools::{OnDrop, current_thread, eventually, workers};
use crate::watchdog::Watchdog;
use filch::runtime::{Handle, Runtime};
use filch::spawn;
use filch::sync::Notify;
use filch::task::yield_now;
use filch::time::{sleep, timeout};
use std::env;
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, SystemTime};

/// What the threads and tasks of one round share.
#[derive(Clone, Default)]
struct Round {
    bells: Arc<[Notify; 8]>,
    is_over: Arc<AtomicBool>,
    n_made: Arc<AtomicUsize>,
    n_dropped: Arc<AtomicUsize>,
}

impl Round {
    /// What every task of the round holds.
    fn counted(&self) -> OnDrop<impl FnMut() + Send + use<>> {
        self.n_made.fetch_add(1, SeqCst);
        let n_dropped = self.n_dropped.clone();
        OnDrop(move || {
            n_dropped.fetch_add(1, SeqCst);
        })
    }

    /// A task that waits in many ways, wakes others, and spawns more.
    fn task(&self, seed: u64) -> impl Future<Output = u64> + Send + use<> {
        let counted = self.counted();
        let round = self.clone();
        async move {
            let _counted = counted;
            let mut random = Random::new(seed);
            for _ in 0..random.below(50) {
                let bell = random.below(8) as usize;
                match random.below(6) {
                    0 => yield_now().await,
                    1 => round.bells[bell].notified().await,
                    2 => round.bells[bell].notify_waiters(),
                    3 => sleep(Duration::from_micros(random.below(300))).await,
                    4 => {
                        let patience = Duration::from_micros(random.below(100));
                        let _ = timeout(patience, round.bells[bell].notified()).await;
                    }
                    _ => {
                        let counted = round.counted();
                        let bell = round.bells.clone();
                        drop(spawn(async move {
                            let _counted = counted;
                            bell[7].notified().await;
                        }));
                    }
                }
            }
            seed
        }
    }

    /// A thread without a runtime that does to `handle` what threads do.
    fn meddle(&self, handle: Handle, seed: u64) {
        let mut random = Random::new(seed);
        let mut tasks = Vec::new();
        while !self.is_over.load(SeqCst) {
            match random.below(8) {
                0 | 1 => tasks.push(handle.spawn(self.task(random.below(u64::MAX)))),
                2 => {
                    let counted = self.counted();
                    drop(handle.spawn_blocking(move || drop(counted)));
                }
                3 if !tasks.is_empty() => {
                    let index = random.below(tasks.len() as u64) as usize;
                    tasks[index].abort();
                }
                4 if !tasks.is_empty() => {
                    let index = random.below(tasks.len() as u64) as usize;
                    drop(tasks.swap_remove(index));
                }
                5 => drop(handle.tasks()),
                _ => self.bells[random.below(8) as usize].notify_waiters(),
            }
        }
        // Whatever happened to the runtime, every handle answers.
        for task in tasks {
            if let Err(error) = futures_lite::future::block_on(task) {
                assert!(error.is_cancelled(), "{error}");
            }
        }
    }
}

/// One runtime, three meddling threads, and an end after a random time.
fn weather(runtime: Runtime, random: &mut Random) {
    let round = Round::default();
    let handle = *runtime.handle();
    for _ in 0..random.below(50) {
        drop(runtime.spawn(round.task(random.below(u64::MAX))));
    }
    let seeds = [(); 3].map(|()| random.below(u64::MAX));
    let (patience, way) = (random.below(60_000), random.below(4));
    thread::scope(|threads| {
        for seed in seeds {
            threads.spawn({
                let round = round.clone();
                move || round.meddle(handle, seed)
            });
        }
        if way % 2 == 0 {
            runtime.block_on(async { sleep(Duration::from_nanos(10 * patience)).await });
        } else {
            (0..patience).for_each(|_| spin_loop());
        }
        match way {
            0 | 1 => drop(runtime),
            2 => drop(runtime.shutdown(Duration::from_secs(60))),
            _ => runtime.shutdown_background(),
        }
        round.is_over.store(true, SeqCst);
    });
    eventually(|| round.n_made.load(SeqCst) == round.n_dropped.load(SeqCst));
}

#[test]
fn a_runtime_may_end_at_any_time() {
    let _watchdog = Watchdog::new();
    let seed = env::var("FILCH_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        let now =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
        now.as_nanos() as u64
    });
    println!("FILCH_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    for n in 0..150 {
        let runtime = match n % 4 {
            0 => current_thread(),
            n_workers => workers(n_workers),
        };
        weather(runtime, &mut random);
    }
}
