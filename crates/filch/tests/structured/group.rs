//! Task groups.

mod canceled;
mod dropped;
mod every_await;
mod failures;
mod kept;
mod misuse;
mod overlapping;
mod rules;
mod types;

use crate::clocks::{on_each_stopped as on_each, stopped};
use filch::task::yield_now;
use std::fmt;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Lets everything run that can run without time passing.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Oops(u32);

impl fmt::Display for Oops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oops {}", self.0)
    }
}

impl std::error::Error for Oops {}

/// Fails after a while.
async fn fail_after(after: Duration, number: u32) -> Result<(), Oops> {
    filch::time::sleep(after).await;
    Err(Oops(number))
}

/// The numbers of the failures of a group that fails with nothing else.
fn numbers(error: &filch::task::GroupError) -> Vec<u32> {
    let number = |error: &filch::Error| error.downcast_ref::<Oops>().expect("it is an Oops").0;
    error.errors().map(number).collect()
}
