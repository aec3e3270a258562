//! Runtimes of each flavor with each driver.

use filch::runtime::{Builder, Runtime};
use std::future::Future;
use std::time::Duration;

/// Long enough for the slowest machine; a test that hangs fails instead.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(30);

/// A runtime of each flavor with each driver.
pub(crate) fn runtimes() -> Vec<Runtime> {
    [Builder::new_multi_thread, Builder::new_current_thread]
        .into_iter()
        .flat_map(|flavor| {
            [
                flavor().driver(filch_driver::Epoll::new).build(),
                flavor().driver(filch_driver::Polling::new).build(),
            ]
        })
        .map(|runtime| runtime.expect("the stock parts fit"))
        .collect()
}

/// Runs the test on each runtime.
pub(crate) fn on_each<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for runtime in runtimes() {
        runtime.block_on(in_time(test()));
    }
}

/// Fails when `future` takes too long.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    filch::time::timeout(TOO_LONG, future).await.expect("this should have ended long ago")
}
