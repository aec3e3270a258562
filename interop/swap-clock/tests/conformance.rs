//! The clock keeps the seam's promises, and a week of virtual time passes at once, on several workers.

use filch::runtime::Builder;
use filch::time::{Duration, sleep};
use swap_clock::SimulationClock;

mod conformance {
    filch_core::clock_suite!(swap_clock::SimulationClock::new);
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn a_week_passes_at_once() {
    let clock = SimulationClock::new();
    let begin = std::time::Instant::now();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .clock({
            let clock = clock.clone();
            move || clock.clone()
        })
        .build()
        .expect("built");
    runtime.block_on(async {
        let days: Vec<_> = (1..=7).map(|day| filch::spawn(sleep(day * DAY))).collect();
        for day in days {
            day.await.expect("a sleep does not panic");
        }
    });
    assert!(begin.elapsed() < Duration::from_secs(10));
    let days: Vec<u64> =
        clock.moments().iter().map(|moment| moment.as_secs() / DAY.as_secs()).collect();
    assert_eq!(days, [1, 2, 3, 4, 5, 6, 7]);
}
