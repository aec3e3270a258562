//! Runtimes whose clock stands still unless all wait.

use crate::watchdog::Watchdog;
use filch::runtime::{Builder, Runtime};

/// A runtime of each kind with a stopped clock.
pub(crate) fn stopped() -> Vec<Runtime> {
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
pub(crate) fn on_each_stopped<F: Future<Output = ()> + Send + 'static>(test: impl Fn() -> F) {
    let _watchdog = Watchdog::new();
    for runtime in stopped() {
        runtime.block_on(test());
        let task = runtime.spawn(test());
        runtime.block_on(task).expect("the test does not panic");
    }
}
