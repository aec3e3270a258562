//! Several futures at a time, each a task.

mod all;
mod completions;
mod failures;
mod many;
mod races;
mod stress;
mod tuples;
mod waits;

use crate::tools::{current_thread, workers};
use crate::watchdog::Watchdog;
use filch::runtime::{Builder, Runtime};
use filch::time::Duration;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

const HOUR: Duration = Duration::from_secs(3600);

/// Calls `test` with a runtime of each flavor whose clock stands still.
fn on_each_stopped(test: impl Fn(&Runtime)) {
    let mut builders = [Builder::new_multi_thread(), Builder::new_current_thread()];
    builders[0].worker_threads(2);
    for mut builder in builders {
        let _watchdog = Watchdog::new();
        let runtime = builder.start_paused(true).build().expect("the system has threads");
        test(&runtime);
    }
}

/// Polls `future` once, as a part of the code that calls.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// Runs `test` for each number of polls, after which it drops what it tests, and for each flavor.
fn after_each_poll<F: Future<Output = ()>>(test: impl Fn(usize) -> F) {
    for n_polls in 0..6 {
        for runtime in [workers(2), workers(1), current_thread()] {
            let _watchdog = Watchdog::new();
            runtime.block_on(test(n_polls));
        }
    }
}
