//! The pool for blocking calls, and what tasks that block a worker do to the others.

use std::time::{Duration, Instant};

use super::timers::lateness;
use super::{WARM_UP, scaled};
use crate::report::{Meter, Report};
use crate::rt::Rt;

/// Round trips to the blocking pool, one after another.
pub(super) fn blocking_one<R: Rt>(rt: &R, scale: f64) -> Report {
    async fn run<R: Rt>(n: usize) {
        for _ in 0..n {
            R::spawn_blocking(|| ()).await;
        }
    }
    let n = scaled(20_000, scale);
    rt.run_inside(async move {
        run::<R>(scaled(n, WARM_UP)).await;
        let meter = Meter::start();
        run::<R>(n).await;
        meter.stop(n)
    })
}

/// 20 bursts of 1000 no-ops.
pub(super) fn blocking_burst<R: Rt>(rt: &R, scale: f64) -> Report {
    const BURST: usize = 1000;

    async fn run<R: Rt>(bursts: usize) {
        for _ in 0..bursts {
            let jobs: Vec<_> = (0..BURST).map(|_| R::spawn_blocking(|| ())).collect();
            for job in jobs {
                job.await;
            }
        }
    }
    let bursts = scaled(20, scale);
    rt.run_inside(async move {
        run::<R>(bursts.div_ceil(10)).await;
        let meter = Meter::start();
        run::<R>(bursts).await;
        meter.stop(bursts * BURST)
    })
}

/// 1 of 2 workers blocked for 500 ms: lateness of 100 tasks that tick every millisecond.
pub(super) fn blocked_1<R: Rt>(rt: &R, _: f64) -> Report {
    blocked(rt, 1)
}

/// 2 of 2 workers blocked for 500 ms: the same.
pub(super) fn blocked_2<R: Rt>(rt: &R, _: f64) -> Report {
    blocked(rt, 2)
}

/// Counts the ticks that were pending while every blocker was blocking: the others would hide them.
fn blocked<R: Rt>(rt: &R, blockers: usize) -> Report {
    const TICKERS: usize = 100;
    const BLOCK: Duration = Duration::from_millis(500);

    let until = Instant::now() + Duration::from_millis(120) + BLOCK;
    let meter = Meter::start();
    let tickers: Vec<_> = (0..TICKERS).map(|_| rt.spawn_outside(tick_until::<R>(until))).collect();
    std::thread::sleep(Duration::from_millis(100));
    let block = || {
        rt.spawn_outside(async {
            let start = Instant::now();
            std::thread::sleep(BLOCK);
            start
        })
    };
    let blockers: Vec<_> = (0..blockers).map(|_| block()).collect();
    let late_us = rt.block_on(async {
        let mut last_start = Instant::now();
        for blocker in blockers {
            last_start = blocker.await;
        }
        let block = last_start..last_start + BLOCK;
        let mut late_us = Vec::new();
        for ticker in tickers {
            let ticks = ticker.await.into_iter();
            // It was pending for some part of the block.
            let counted =
                ticks.filter(|(due, late)| *due < block.end && block.start < *due + *late);
            late_us.extend(counted.map(|(_, late)| late.as_secs_f64() * 1e6));
        }
        late_us
    });
    meter.stop(late_us.len()).with_percentiles(late_us)
}

/// When each tick was due, and how late it was.
async fn tick_until<R: Rt>(until: Instant) -> Vec<(Instant, Duration)> {
    const TICK: Duration = Duration::from_millis(1);

    let mut ticks = Vec::new();
    while Instant::now() < until {
        let due = Instant::now() + TICK;
        ticks.push((due, lateness::<R>(TICK).await));
    }
    ticks
}

/// A task spawns another, then blocks its worker for 100 ms: how long the other waits.
pub(super) fn blocked_lifo<R: Rt>(rt: &R, scale: f64) -> Report {
    let rounds = scaled(10, scale);
    rt.run_inside(async move {
        let meter = Meter::start();
        let mut delays_us = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            R::sleep(Duration::from_millis(5)).await; // Until the other workers are parked.
            let blocker = R::spawn(async {
                let spawned = Instant::now();
                let other = R::spawn(async move { spawned.elapsed().as_secs_f64() * 1e6 });
                std::thread::sleep(Duration::from_millis(100));
                other.await
            });
            delays_us.push(blocker.await);
        }
        meter.stop(rounds).with_percentiles(delays_us)
    })
}
