//! Sleeps, timeouts, and what a pending timer costs an idle process.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::{WARM_UP, scaled};
use crate::report::{Meter, Report};
use crate::rt::Rt;

/// A deadline that never comes in a run.
const FAR: Duration = Duration::from_secs(60);

/// 2 tasks each create, poll once and drop 5e5 sleeps.
pub(super) fn timer_cancel<R: Rt>(rt: &R, scale: f64) -> Report {
    /// Why a yield every 64: a task that never yields exhausts tokio's cooperative budget after 128 polls, and
    /// from there on its sleeps answer "pending" without being registered at all.
    const SLEEPS_PER_YIELD: usize = 64;

    async fn cancel<R: Rt>(sleeps: usize) {
        for n in 0..sleeps {
            let mut sleep = pin!(R::sleep(FAR));
            poll_fn(|cx| {
                assert!(sleep.as_mut().poll(cx).is_pending(), "a minute is not over yet");
                Poll::Ready(())
            })
            .await;
            if n % SLEEPS_PER_YIELD == 0 {
                R::yield_now().await;
            }
        }
    }

    two_tasks::<R, _>(rt, scaled(500_000, scale), cancel::<R>)
}

/// 2 tasks × 5e5 timeouts around a future that is ready after one yield.
pub(super) fn timeout_wrap<R: Rt>(rt: &R, scale: f64) -> Report {
    /// Wakes itself once: a yield that belongs to no runtime.
    fn once() -> impl Future<Output = ()> + Send {
        let mut polled = false;
        poll_fn(move |cx| {
            if polled {
                return Poll::Ready(());
            }
            polled = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    async fn wrap<R: Rt>(timeouts: usize) {
        for _ in 0..timeouts {
            assert!(R::timeout(FAR, once()).await.is_some(), "a minute is not over yet");
        }
    }

    two_tasks::<R, _>(rt, scaled(500_000, scale), wrap::<R>)
}

fn two_tasks<R: Rt, F>(rt: &R, each: usize, task: fn(usize) -> F) -> Report
where
    F: Future<Output = ()> + Send + 'static,
{
    rt.run_inside(async move {
        let both = async move |each: usize| {
            let handles = [R::spawn(task(each)), R::spawn(task(each))];
            for handle in handles {
                handle.await;
            }
        };
        both(scaled(each, WARM_UP)).await;
        let meter = Meter::start();
        both(each).await;
        meter.stop(2 * each)
    })
}

/// 1e5 tasks sleep 1 to 1000 ms: CPU per sleep, and how late they wake.
pub(super) fn timer_100k<R: Rt>(rt: &R, scale: f64) -> Report {
    async fn run<R: Rt>(tasks: usize) -> Vec<f64> {
        let sleeping = |n: usize| {
            R::spawn(async move {
                let duration = Duration::from_millis(1 + n as u64 % 1000);
                lateness::<R>(duration).await
            })
        };
        let handles: Vec<_> = (0..tasks).map(sleeping).collect();
        let mut late = Vec::with_capacity(tasks);
        for handle in handles {
            late.push(handle.await.as_secs_f64() * 1e6);
        }
        late
    }
    let tasks = scaled(100_000, scale);
    rt.run_inside(async move {
        run::<R>(1000).await;
        let meter = Meter::start();
        let late = run::<R>(tasks).await;
        meter.stop(tasks).with_percentiles(late)
    })
}

/// One task sleeps 1 ms 500 times: how late it wakes.
pub(super) fn timer_sleep_1ms<R: Rt>(rt: &R, scale: f64) -> Report {
    let sleeps = scaled(500, scale);
    rt.run_inside(async move {
        for _ in 0..10 {
            lateness::<R>(Duration::from_millis(1)).await;
        }
        let mut late = Vec::with_capacity(sleeps);
        let meter = Meter::start();
        for _ in 0..sleeps {
            let lateness = lateness::<R>(Duration::from_millis(1)).await;
            late.push(lateness.as_secs_f64() * 1e6);
        }
        meter.stop(sleeps).with_percentiles(late)
    })
}

/// How much later than asked a sleep ends.
///
/// # Panics
///
/// Panics when it ends early, which no runtime may do.
pub(super) async fn lateness<R: Rt>(duration: Duration) -> Duration {
    let due = Instant::now() + duration;
    R::sleep(duration).await;
    Instant::now().checked_duration_since(due).expect("no sleep ends early")
}

/// CPU in 2 s with one 10 s sleep pending.
pub(super) fn idle_cpu<R: Rt>(rt: &R, scale: f64) -> Report {
    R::detach(rt.spawn_outside(async { R::sleep(Duration::from_secs(10)).await }));
    std::thread::sleep(Duration::from_millis(200)); // Until the workers are parked.
    let meter = Meter::start();
    std::thread::sleep(Duration::from_secs(2).mul_f64(scale.clamp(0.1, 3.0)));
    meter.stop(1)
}
