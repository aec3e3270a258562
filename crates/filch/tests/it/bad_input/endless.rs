//! `Duration::MAX` means never, everywhere.

use crate::tools::{Hand, current_thread, workers};
use crate::watchdog::Watchdog;
use filch::runtime::{Builder, Runtime};
use filch::spawn;
use filch::time::{
    self, Duration, Instant, interval, interval_at, sleep, sleep_until, timeout, timeout_at,
};
use std::future::{pending, ready};
use std::pin::Pin;

fn on_each_flavor(test: impl Fn(&Runtime)) {
    for runtime in [workers(2), current_thread()] {
        let _watchdog = Watchdog::new();
        test(&runtime);
    }
}

#[test]
fn an_endless_sleep_neither_ends_nor_hurts_others() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let endless = [
                spawn(sleep(Duration::MAX)),
                spawn(sleep_until(Instant::now() + Duration::MAX)),
                spawn(async {
                    let mut interval = interval(Duration::MAX);
                    interval.tick().await; // The first tick is at once.
                    interval.tick().await;
                }),
                spawn(async {
                    interval_at(Instant::now() + Duration::MAX, Duration::MAX).tick().await;
                }),
            ];
            sleep(Duration::from_millis(1)).await;
            for task in endless {
                assert!(!task.is_finished());
                task.abort();
                assert!(task.await.expect_err("it was aborted").is_cancelled());
            }
        });
    });
}

#[test]
fn an_endless_timeout_lets_its_future_end() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            assert_eq!(timeout(Duration::MAX, ready(1)).await, Ok(1));
            let soon = sleep(Duration::from_millis(1));
            assert!(timeout_at(Instant::now() + Duration::MAX, soon).await.is_ok());
            assert!(timeout(Duration::from_millis(1), sleep(Duration::MAX)).await.is_err());
        });
    });
}

#[test]
fn an_endless_sleep_can_be_reset_to_an_end() {
    on_each_flavor(|runtime| {
        runtime.block_on(async {
            let mut nap = Box::pin(sleep(Duration::MAX));
            assert!(Hand::default().poll(&mut nap).is_pending());
            nap.as_mut().reset(Instant::now() + Duration::from_millis(1));
            nap.as_mut().await;
            nap.as_mut().reset(Instant::now() + Duration::MAX);
            assert!(Hand::default().poll(&mut nap).is_pending());
        });
    });
}

#[test]
fn a_stopped_clock_stands_an_endless_advance() {
    let runtime =
        Builder::new_current_thread().start_paused(true).build().expect("the clock can stop");
    let _watchdog = Watchdog::new();
    runtime.block_on(async {
        let nap = spawn(sleep(Duration::from_secs(1 << 40)));
        filch::task::yield_now().await;
        time::advance(Duration::MAX).await;
        time::advance(Duration::MAX).await;
        nap.await.expect("its time has come");
        assert!(timeout(Duration::from_secs(1), ready(())).await.is_ok());
    });
}

#[test]
fn an_endless_keep_alive_and_an_endless_grace_end_with_the_runtime() {
    let _watchdog = Watchdog::new();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_keep_alive(Duration::MAX)
        .build()
        .expect("the system has threads");
    assert_eq!(runtime.block_on(async { filch::to_thread(|| 2).await }), 2);
    drop(runtime.spawn(pending::<()>()));
    let report = runtime.shutdown(Duration::MAX);
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_grace_of_zero_ends_an_idle_runtime() {
    for runtime in [workers(2), current_thread()] {
        let _watchdog = Watchdog::new();
        drop(runtime.spawn(pending::<()>()));
        runtime.shutdown_timeout(Duration::ZERO);
    }
}

#[test]
fn time_beyond_its_ends_saturates() {
    let now = Instant::now();
    let last = now + Duration::MAX;
    assert_eq!(last + Duration::MAX, last);
    assert!(last > now);
    assert_eq!(now - last, Duration::ZERO);
    let runtime = current_thread();
    runtime.block_on(async {
        // In the past without end: due at once.
        sleep_until(Instant::now() - Duration::MAX).await;
        let mut nap = Box::pin(sleep_until(last));
        assert!(Hand::default().poll(&mut nap).is_pending());
        assert!(!Pin::new(&nap).is_elapsed());
    });
}
