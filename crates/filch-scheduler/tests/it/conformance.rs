//! The core's suite on one thread that is handed around, and on one, two and four workers.

use filch_core::coop::Budget;
use filch_scheduler::{CurrentThread, MultiThread, Settings};
use std::sync::Arc;

mod current_thread {
    filch_core::scheduler_suite!(super::on_the_current_thread);
}

mod one_worker {
    filch_core::scheduler_suite!(|| super::on_workers(1));
}

mod two_workers {
    filch_core::scheduler_suite!(|| super::on_workers(2));
}

mod four_workers {
    filch_core::scheduler_suite!(|| super::on_workers(4));
}

mod four_workers_started_lazily {
    filch_core::scheduler_suite!(super::on_workers_started_lazily);
}

const BUDGET: u32 = 128;
pub(crate) const INTERVAL: u32 = 61;

pub(crate) fn on_the_current_thread() -> CurrentThread {
    CurrentThread::new(Budget::new(BUDGET), INTERVAL)
}

pub(crate) fn on_workers(n_workers: usize) -> MultiThread {
    MultiThread::new(settings(n_workers))
}

fn on_workers_started_lazily() -> MultiThread {
    MultiThread::new(Settings { starts_lazily: true, ..settings(4) })
}

fn settings(n_workers: usize) -> Settings {
    Settings {
        n_workers,
        thread_name: Arc::new(|index| format!("worker-{index}")),
        stack_size: None,
        budget: Budget::new(BUDGET),
        event_interval: INTERVAL,
        injector_interval: INTERVAL,
        seed: None,
        on_start: None,
        on_stop: None,
        starts_lazily: false,
    }
}
