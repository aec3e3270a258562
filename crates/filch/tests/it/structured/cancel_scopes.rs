//! Deadlines, cancel scopes, shields and deferred clean-up.

mod deadlines;
mod deferred;
mod ends;
mod nesting;
mod shields;

use crate::watchdog::Watchdog;
use filch::runtime::{Builder, Runtime};
use filch::spawn;
use filch::time::{Duration, sleep};
use std::future::Future;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A runtime of each kind with a stopped clock.
fn stopped() -> Vec<Runtime> {
    let mut builders = vec![Builder::new_current_thread()];
    builders.extend([1, 2].map(|n_workers| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(n_workers);
        builder
    }));
    let build = |mut builder: Builder| builder.start_paused(true).build();
    builders.into_iter().map(|builder| build(builder).expect("the system has threads")).collect()
}

/// Runs the test on each of them, as the root and as a task.
fn on_each<F: Future<Output = ()> + Send + 'static>(test: impl Fn() -> F) {
    let _watchdog = Watchdog::new();
    for runtime in stopped() {
        runtime.block_on(test());
        let task = runtime.spawn(test());
        runtime.block_on(task).expect("the test does not panic");
    }
}

/// Counts the tasks of a test that have come to their end.
#[derive(Clone, Default)]
struct Tally(std::sync::Arc<std::sync::Mutex<Vec<&'static str>>>);

impl Tally {
    fn note(&self, what: &'static str) {
        self.0.lock().expect("no panic").push(what);
    }

    fn all(&self) -> Vec<&'static str> {
        self.0.lock().expect("no panic").clone()
    }
}

/// Lets everything run that can run: the clock moves on only when nothing is left to do.
async fn settle() {
    sleep(Duration::from_nanos(1)).await;
}

/// Spawns what is not awaited.
fn detach(future: impl Future<Output = ()> + Send + 'static) {
    drop(spawn(future));
}
