//! Each runtime's own lock, semaphore, notification and oneshot channel.

use super::{WARM_UP, scaled};
use crate::report::{Meter, Report};
use crate::rt::Rt;

/// One task locks 5e6 times.
pub(super) fn mutex_free<R: Rt>(rt: &R, scale: f64) -> Report {
    mutex(rt, 1, scaled(5_000_000, scale), false)
}

/// 8 tasks × 2e5 locks, nothing awaited inside.
pub(super) fn mutex_contended<R: Rt>(rt: &R, scale: f64) -> Report {
    mutex(rt, 8, scaled(200_000, scale), false)
}

/// 8 tasks × 1e5 locks, one yield while held.
pub(super) fn mutex_held<R: Rt>(rt: &R, scale: f64) -> Report {
    mutex(rt, 8, scaled(100_000, scale), true)
}

fn mutex<R: Rt>(rt: &R, tasks: usize, each: usize, yields: bool) -> Report {
    async fn run<R: Rt>(tasks: usize, each: usize, yields: bool) {
        let mutex: &'static R::Mutex = Box::leak(Box::new(R::mutex()));
        let locking = || {
            R::spawn(async move {
                for _ in 0..each {
                    let mut guard = R::lock(mutex).await;
                    *guard += 1;
                    if yields {
                        R::yield_now().await;
                    }
                }
            })
        };
        let handles: Vec<_> = (0..tasks).map(|_| locking()).collect();
        for handle in handles {
            handle.await;
        }
        assert_eq!(*R::lock(mutex).await, (tasks * each) as u64, "the lock excludes nobody");
    }
    rt.run_inside(async move {
        run::<R>(tasks, scaled(each, WARM_UP), yields).await;
        let meter = Meter::start();
        run::<R>(tasks, each, yields).await;
        meter.stop(tasks * each)
    })
}

/// Semaphore of 2, 1000 tasks × 200 acquires, one yield while held.
pub(super) fn semaphore_2<R: Rt>(rt: &R, scale: f64) -> Report {
    const TASKS: usize = 1000;

    async fn run<R: Rt>(each: usize) {
        let semaphore: &'static R::Semaphore = Box::leak(Box::new(R::semaphore(2)));
        let acquiring = || {
            R::spawn(async move {
                for _ in 0..each {
                    let permit = R::acquire(semaphore).await;
                    R::yield_now().await;
                    drop(permit);
                }
            })
        };
        let handles: Vec<_> = (0..TASKS).map(|_| acquiring()).collect();
        for handle in handles {
            handle.await;
        }
    }
    let each = scaled(200, scale);
    rt.run_inside(async move {
        run::<R>(scaled(each, WARM_UP)).await;
        let meter = Meter::start();
        run::<R>(each).await;
        meter.stop(TASKS * each)
    })
}

/// One pair over each runtime's own notification, round trip.
pub(super) fn event_ping<R: Rt>(rt: &R, scale: f64) -> Report {
    async fn run<R: Rt>(trips: usize) {
        let [there, back]: [&'static R::Notify; 2] =
            std::array::from_fn(|_| &*Box::leak(Box::new(R::notify())));
        let answering = R::spawn(async move {
            for _ in 0..trips {
                R::notified(there).await;
                R::notify_one(back);
            }
        });
        let asking = R::spawn(async move {
            for _ in 0..trips {
                R::notify_one(there);
                R::notified(back).await;
            }
        });
        asking.await;
        answering.await;
    }
    let trips = scaled(500_000, scale);
    rt.run_inside(async move {
        run::<R>(scaled(trips, WARM_UP)).await;
        let meter = Meter::start();
        run::<R>(trips).await;
        meter.stop(trips)
    })
}

/// Batches of 1000: spawn a pair, a value there and back over oneshot channels, per pair.
pub(super) fn pingpong_oneshot<R: Rt>(rt: &R, scale: f64) -> Report {
    const PAIRS: usize = 1000;

    async fn run<R: Rt>(batches: usize) {
        let mut handles = Vec::with_capacity(2 * PAIRS);
        for _ in 0..batches {
            for _ in 0..PAIRS {
                let (there, here) = R::oneshot();
                let (back, home) = R::oneshot();
                handles.push(R::spawn(async move {
                    R::send(there, 1);
                    R::receive(home).await;
                }));
                handles.push(R::spawn(async move { R::send(back, R::receive(here).await) }));
            }
            for handle in handles.drain(..) {
                handle.await;
            }
        }
    }
    let batches = scaled(200, scale);
    rt.run_inside(async move {
        run::<R>(scaled(batches, WARM_UP)).await;
        let meter = Meter::start();
        run::<R>(batches).await;
        meter.stop(PAIRS * batches)
    })
}
