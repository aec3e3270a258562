//! Spawning, joining, yielding and sharing out work.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::{WARM_UP, scaled};
use crate::countdown::Countdown;
use crate::report::{Meter, Report};
use crate::rt::Rt;

const BATCH: usize = 1000;

/// 1e6 no-op tasks spawned from a worker in batches of 1000, all handles joined.
pub(super) fn spawn_join<R: Rt>(rt: &R, scale: f64) -> Report {
    join_batches(rt, scaled(1000, scale), BATCH)
}

/// 5 batches of 1e5, all handles joined.
pub(super) fn spawn_join_100k<R: Rt>(rt: &R, scale: f64) -> Report {
    join_batches(rt, scaled(5, scale), 100_000)
}

fn join_batches<R: Rt>(rt: &R, batches: usize, size: usize) -> Report {
    rt.run_inside(async move {
        join_batch::<R>(batches.div_ceil(10), size).await;
        let meter = Meter::start();
        join_batch::<R>(batches, size).await;
        meter.stop(batches * size)
    })
}

async fn join_batch<R: Rt>(batches: usize, size: usize) {
    let mut handles = Vec::with_capacity(size);
    for _ in 0..batches {
        handles.extend((0..size).map(|_| R::spawn(async {})));
        for handle in handles.drain(..) {
            handle.await;
        }
    }
}

/// 1e6 no-op children in groups of 1000.
pub(super) fn group_spawn<R: Rt>(rt: &R, scale: f64) -> Report {
    in_batches(rt, scaled(1000, scale), BATCH, R::group)
}

/// 1e6 no-op tasks in sets of 1000, joined in the order in which they end.
pub(super) fn join_set<R: Rt>(rt: &R, scale: f64) -> Report {
    in_batches(rt, scaled(1000, scale), BATCH, R::join_set)
}

/// 5 times 1e5 tasks, their numbers gathered in order.
pub(super) fn gather_100k<R: Rt>(rt: &R, scale: f64) -> Report {
    in_batches(rt, scaled(5, scale), 100_000, async |n| assert_eq!(R::gather(n).await.len(), n))
}

fn in_batches<R, F, Fut>(rt: &R, batches: usize, size: usize, batch: F) -> Report
where
    R: Rt,
    F: Fn(usize) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    rt.run_inside(async move {
        for _ in 0..batches.div_ceil(10) {
            batch(size).await;
        }
        let meter = Meter::start();
        for _ in 0..batches {
            batch(size).await;
        }
        meter.stop(batches * size)
    })
}

/// 1e6 detached no-ops in batches of 1000; a counter ends a batch.
pub(super) fn spawn_detached<R: Rt>(rt: &R, scale: f64) -> Report {
    async fn run<R: Rt>(batches: usize) {
        let counter = Countdown::leaked();
        for _ in 0..batches {
            counter.start(BATCH);
            for _ in 0..BATCH {
                R::detach(R::spawn(async move { counter.done() }));
            }
            counter.wait().await;
        }
    }
    let batches = scaled(1000, scale);
    rt.run_inside(async move {
        run::<R>(batches.div_ceil(10)).await;
        let meter = Meter::start();
        run::<R>(batches).await;
        meter.stop(batches * BATCH)
    })
}

/// 3e5 spawned from a foreign thread in batches of 1000, joined there.
pub(super) fn spawn_outside<R: Rt>(rt: &R, scale: f64) -> Report {
    let run = |batches: usize| {
        let mut handles = Vec::with_capacity(BATCH);
        for _ in 0..batches {
            handles.extend((0..BATCH).map(|_| rt.spawn_outside(async {})));
            rt.block_on(async {
                for handle in handles.drain(..) {
                    handle.await;
                }
            });
        }
    };
    let batches = scaled(300, scale);
    run(batches.div_ceil(10));
    let meter = Meter::start();
    run(batches);
    meter.stop(batches * BATCH)
}

/// A foreign thread spawns one task and blocks for it.
pub(super) fn spawn_outside_one<R: Rt>(rt: &R, scale: f64) -> Report {
    let run = |n: usize| (0..n).for_each(|_| rt.block_on(rt.spawn_outside(async {})));
    let n = scaled(20_000, scale);
    run(n.div_ceil(10));
    let meter = Meter::start();
    run(n);
    meter.stop(n)
}

/// Each task spawns the next, 1e6 deep.
pub(super) fn chained_spawn<R: Rt>(rt: &R, scale: f64) -> Report {
    /// One link. A type of its own, as an async block cannot spawn itself.
    struct Link<R> {
        left: usize,
        end: &'static Countdown,
        runtime: std::marker::PhantomData<R>,
    }

    impl<R: Rt> Future for Link<R> {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            let &Link { left, end, runtime } = self.as_ref().get_ref();
            if left == 0 {
                end.done();
            } else {
                R::detach(R::spawn(Link { left: left - 1, end, runtime }));
            }
            Poll::Ready(())
        }
    }

    async fn run<R: Rt>(depth: usize) {
        let end = Countdown::leaked();
        end.start(1);
        let runtime = std::marker::PhantomData;
        R::detach(R::spawn(Link::<R> { left: depth - 1, end, runtime }));
        end.wait().await;
    }

    let depth = scaled(1_000_000, scale);
    rt.run_inside(async move {
        run::<R>(scaled(depth, WARM_UP)).await;
        let meter = Meter::start();
        run::<R>(depth).await;
        meter.stop(depth)
    })
}

/// 1000 tasks × 2000 yields.
pub(super) fn yield_many<R: Rt>(rt: &R, scale: f64) -> Report {
    yields(rt, 1000, scaled(2000, scale))
}

/// One task yields 1e6 times, nothing else runs.
pub(super) fn yield_one<R: Rt>(rt: &R, scale: f64) -> Report {
    yields(rt, 1, scaled(1_000_000, scale))
}

fn yields<R: Rt>(rt: &R, tasks: usize, each: usize) -> Report {
    async fn run<R: Rt>(tasks: usize, each: usize) {
        let yielding = || {
            R::spawn(async move {
                for _ in 0..each {
                    R::yield_now().await;
                }
            })
        };
        let handles: Vec<_> = (0..tasks).map(|_| yielding()).collect();
        for handle in handles {
            handle.await;
        }
    }
    rt.run_inside(async move {
        run::<R>(tasks, scaled(each, WARM_UP)).await;
        let meter = Meter::start();
        run::<R>(tasks, each).await;
        meter.stop(tasks * each)
    })
}

/// 200 rounds of 64 tasks with 50 µs of work each, joined. Ideal on two workers: 25 µs per task.
pub(super) fn cpu_chunks<R: Rt>(rt: &R, scale: f64) -> Report {
    const TASKS: usize = 64;

    /// Why a clock and not a count of iterations: the ideal is then exact on every machine.
    fn work() {
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(50) {
            std::hint::spin_loop();
        }
    }

    async fn run<R: Rt>(rounds: usize) {
        let mut handles = Vec::with_capacity(TASKS);
        for _ in 0..rounds {
            handles.extend((0..TASKS).map(|_| R::spawn(async { work() })));
            for handle in handles.drain(..) {
                handle.await;
            }
        }
    }

    let rounds = scaled(200, scale);
    rt.run_inside(async move {
        run::<R>(rounds.div_ceil(10)).await;
        let meter = Meter::start();
        run::<R>(rounds).await;
        meter.stop(rounds * TASKS)
    })
}

/// fib(27), one task per node, no cutoff; per spawn.
pub(super) fn fib_27<R: Rt>(rt: &R, scale: f64) -> Report {
    /// One node. A type of its own, as an async block cannot spawn itself.
    enum Fib<R: Rt> {
        Start(u32),
        Children { first: R::Join<u64>, second: R::Join<u64>, sum: u64, first_done: bool },
    }

    impl<R: Rt> Future for Fib<R> {
        type Output = u64;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
            let node = &mut *self;
            if let Fib::Start(n) = *node {
                if n < 2 {
                    return Poll::Ready(n.into());
                }
                let [first, second] = [n - 1, n - 2].map(|child| R::spawn(Fib::<R>::Start(child)));
                *node = Fib::Children { first, second, sum: 0, first_done: false };
            }
            let Fib::Children { first, second, sum, first_done } = node else {
                unreachable!("the lines above left `Start`");
            };
            if !*first_done {
                *sum = std::task::ready!(Pin::new(first).poll(cx));
                *first_done = true;
            }
            Pin::new(second).poll(cx).map(|output| *sum + output)
        }
    }

    /// Nodes of the call tree of fib(n).
    fn nodes(n: u32) -> usize {
        if n < 2 { 1 } else { 1 + nodes(n - 1) + nodes(n - 2) }
    }

    // The scale takes whole levels off the tree: each is a factor of about 1.6.
    let n = (27.0 + scale.min(1.0).ln() / 1.618_f64.ln()).round().max(5.0) as u32;
    rt.run_inside(async move {
        R::spawn(Fib::<R>::Start(n - 4)).await;
        let meter = Meter::start();
        R::spawn(Fib::<R>::Start(n)).await;
        meter.stop(nodes(n))
    })
}
