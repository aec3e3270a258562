//! The timers keep the seam's promises, and a runtime runs on them.

use filch::runtime::Builder;
use filch::time::{Duration, Instant, sleep, timeout};
use swap_timers::MapTimers;

mod conformance {
    filch_core::timers_suite!(swap_timers::MapTimers::default);
}

#[test]
fn a_runtime_sleeps_by_them() {
    let runtime = Builder::new_multi_thread().timers(MapTimers::default).build().expect("built");
    runtime.block_on(async {
        let start = Instant::now();
        let sleeps: Vec<_> =
            (1..=20).map(|ms| filch::spawn(sleep(Duration::from_millis(ms)))).collect();
        for sleep in sleeps {
            sleep.await.expect("a sleep does not panic");
        }
        assert!(Duration::from_millis(20) <= start.elapsed());
        let late = timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
        assert!(late.is_err());
    });
}
