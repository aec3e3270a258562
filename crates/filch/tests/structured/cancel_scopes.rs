//! Deadlines, cancel scopes, shields and deferred clean-up.

mod deadlines;
mod deferred;
mod ends;
mod nesting;
mod shields;

use crate::clocks::{on_each_stopped as on_each, stopped};
use filch::spawn;
use filch::time::{Duration, sleep};
use std::future::Future;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
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
