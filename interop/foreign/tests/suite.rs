//! The behavior suite of `filch-sync` under other executors.

#[path = "../../../crates/filch-sync/tests/it/suite/mod.rs"]
mod suite;

use tokio::runtime::Builder;

fn run_all(block_on: suite::BlockOn<'_>) {
    peers::watch();
    suite::run_all(block_on);
}

#[test]
fn the_suite_passes_under_futures_lite() {
    run_all(&foreign::futures_lite);
}

#[test]
fn the_suite_passes_on_a_thread_that_blocks_on_smol() {
    run_all(&foreign::smol_block_on);
}

#[test]
fn the_suite_passes_in_tasks_of_smol() {
    run_all(&foreign::smol_task);
}

#[test]
fn the_suite_passes_on_a_thread_that_blocks_on_tokio() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build();
    let runtime = runtime.expect("the system has threads to spare");
    run_all(&|future| foreign::tokio_multi_thread(&runtime, future));
}

#[test]
fn the_suite_passes_in_tasks_of_tokio() {
    run_all(&foreign::tokio_current_thread);
}
