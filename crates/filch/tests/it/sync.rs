//! The behavior suite of `filch-sync`, under filch itself: where a budget makes tasks yield, and workers wake each other.

#[path = "../../../filch-sync/tests/it/suite/mod.rs"]
mod suite;

use crate::watchdog::Watchdog;
use filch::runtime::{Builder, LocalRuntime, Runtime};
use filch::task::spawn_local;

fn run_under(runtime: &Runtime) {
    let _watchdog = Watchdog::new();
    suite::run_all(&|future| runtime.block_on(future));
}

#[test]
fn the_suite_passes_on_a_thread_that_blocks_on_workers() {
    run_under(&Builder::new_multi_thread().worker_threads(2).build().expect("it has threads"));
}

#[test]
fn the_suite_passes_on_threads_that_share_a_current_thread_runtime() {
    run_under(&Builder::new_current_thread().build().expect("the stock parts fit"));
}

#[test]
fn the_suite_passes_in_tasks() {
    let _watchdog = Watchdog::new();
    suite::run_all(&|future| {
        let runtime = LocalRuntime::new().expect("the stock parts fit");
        runtime.block_on(async { spawn_local(future).await.expect("the case does not panic") });
    });
}
