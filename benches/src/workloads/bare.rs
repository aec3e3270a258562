//! The work of a row by hand: what no runtime can beat.

pub(super) mod net;

use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::process::CHILDREN;
use super::{WARM_UP, scaled};
use crate::report::{Meter, Report};

/// [`mutex_free`](super::sync::mutex_free), with a pair of compare-exchanges in place of the lock, by the main thread.
pub(super) fn mutex_free(_: usize, scale: f64) -> Report {
    fn run(times: usize) {
        let (lock, mut counter) = (&AtomicUsize::new(0), 0);
        for _ in 0..times {
            // Why a black box: an atomic that never leaves a function need not be one.
            let lock = black_box(lock);
            // ORDERING: Acquire pairs with the Release below, as a lock's would.
            while lock.compare_exchange(0, 1, Acquire, Relaxed).is_err() {}
            *black_box(&mut counter) += 1;
            // ORDERING: Release pairs with the Acquire above.
            lock.compare_exchange(1, 0, Release, Relaxed).expect("nobody else has the lock");
        }
        assert_eq!(counter, times);
    }
    let times = scaled(5_000_000, scale);
    run(scaled(times, WARM_UP));
    let meter = Meter::start();
    run(times);
    meter.stop(times)
}

/// [`process_spawn`](super::process::process_spawn), by a thread that blocks until the child has ended.
pub(super) fn process_spawn(_: usize, scale: f64) -> Report {
    fn run(times: usize) {
        for _ in 0..times {
            let status = Command::new("true").status().expect("there is such a program");
            assert!(status.success());
        }
    }
    let times = scaled(CHILDREN, scale);
    run(scaled(times, WARM_UP));
    let meter = Meter::start();
    run(times);
    meter.stop(times)
}
