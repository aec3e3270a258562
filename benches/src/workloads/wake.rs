//! Tasks that wake each other over a waker cell that belongs to no runtime.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{Duration, Instant};

use super::{WARM_UP, scaled};
use crate::report::{Meter, Report};
use crate::rt::Rt;
use crate::signal::Signal;

/// One pair, round trip.
pub(super) fn pingpong_cell_1<R: Rt>(rt: &R, scale: f64) -> Report {
    pingpong(rt, 1, scaled(500_000, scale))
}

/// 100 pairs.
pub(super) fn pingpong_cell_100<R: Rt>(rt: &R, scale: f64) -> Report {
    pingpong(rt, 100, scaled(20_000, scale))
}

fn pingpong<R: Rt>(rt: &R, pairs: usize, trips: usize) -> Report {
    async fn run<R: Rt>(pairs: usize, trips: usize) {
        let mut handles = Vec::with_capacity(2 * pairs);
        for _ in 0..pairs {
            let there = Arc::new([Signal::default(), Signal::default()]);
            let back = there.clone();
            handles.push(R::spawn(async move {
                for _ in 0..trips {
                    there[0].set();
                    there[1].wait().await;
                }
            }));
            handles.push(R::spawn(async move {
                for _ in 0..trips {
                    back[0].wait().await;
                    back[1].set();
                }
            }));
        }
        for handle in handles {
            handle.await;
        }
    }
    rt.run_inside(async move {
        run::<R>(pairs, scaled(trips, WARM_UP)).await;
        let meter = Meter::start();
        run::<R>(pairs, trips).await;
        meter.stop(pairs * trips)
    })
}

/// A foreign thread wakes a task while all workers are parked; latency.
pub(super) fn idle_wake<R: Rt>(rt: &R, scale: f64) -> Report {
    /// Long enough for every worker to park, short enough to measure thousands.
    const QUIET: Duration = Duration::from_micros(500);

    struct Line {
        start: Instant,
        sent_ns: AtomicUsize,
        received: AtomicUsize,
        signal: Signal,
    }

    let wakes = scaled(4000, scale);
    let line: &'static Line = Box::leak(Box::new(Line {
        start: Instant::now(),
        sent_ns: AtomicUsize::new(0),
        received: AtomicUsize::new(0),
        signal: Signal::default(),
    }));
    let sleeper = rt.spawn_outside(async move {
        let mut latencies_us = Vec::with_capacity(wakes);
        for n in 1..=wakes {
            line.signal.wait().await;
            // ORDERING: Acquire pairs with the Release store of the waking thread.
            let waited = line.start.elapsed().as_nanos() as usize - line.sent_ns.load(Acquire);
            latencies_us.push(waited as f64 / 1e3);
            // ORDERING: Release pairs with the Acquire load of the waking thread.
            line.received.store(n, Release);
        }
        latencies_us
    });
    let meter = Meter::start();
    for n in 0..wakes {
        // ORDERING: Acquire pairs with the Release store of the task.
        while line.received.load(Acquire) < n {
            std::thread::yield_now();
        }
        std::thread::sleep(QUIET);
        // ORDERING: Release pairs with the Acquire load of the task.
        line.sent_ns.store(line.start.elapsed().as_nanos() as usize, Release);
        line.signal.set();
    }
    let mut latencies_us = rt.block_on(sleeper);
    latencies_us.drain(..scaled(wakes, WARM_UP) - 1);
    meter.stop(wakes).with_percentiles(latencies_us)
}
