//! Gathers inside of gathers that are dropped, raced and timed out while their children run on every worker.

use super::poll_once;
use crate::random::Random;
use crate::tools::{Witness, workers};
use crate::watchdog::Watchdog;
use filch::gather;
use filch::task::{all_tasks, as_completed, race, try_gather, yield_now};
use std::future::{Future, pending};
use std::pin::Pin;

/// Turns of random length, then the end or none.
async fn wander(seed: u64, captured: Witness) -> Result<u64, u64> {
    let mut random = Random::new(seed);
    for _ in 0..random.below(4) {
        yield_now().await;
    }
    match random.below(8) {
        0 => pending().await,
        1 => Err(seed),
        _ => {
            drop(captured);
            Ok(seed)
        }
    }
}

/// A tree of gathers, each polled a few times and then dropped.
fn grow(seed: u64, depth: u32, witness: Witness) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut random = Random::new(seed);
        let seeds: Vec<u64> = (0..4).map(|_| random.below(u64::MAX)).collect();
        let n_polls = random.below(5);
        let leaves: Vec<_> = seeds.iter().map(|&seed| wander(seed, witness.clone())).collect();
        if depth == 0 {
            match random.below(4) {
                0 => poll_some(gather(leaves), n_polls).await,
                1 => poll_some(try_gather(leaves), n_polls).await,
                2 => poll_some(race(leaves), n_polls).await,
                _ => {
                    let mut ends = as_completed(leaves);
                    poll_some(Box::pin(async move { ends.next().await }), n_polls).await;
                }
            }
            return;
        }
        let branches = seeds.into_iter().map(|seed| grow(seed, depth - 1, witness.clone()));
        poll_some(gather(branches), n_polls).await;
    })
}

async fn poll_some<F: Future + Unpin>(mut future: F, n_polls: u64) {
    for _ in 0..n_polls {
        if poll_once(&mut future).await.is_ready() {
            return;
        }
        yield_now().await;
    }
}

#[test]
fn trees_of_gathers_leave_nothing_behind_wherever_they_are_cut() {
    let runtime = workers(2);
    let _watchdog = Watchdog::new();
    for round in 0..40 {
        let witness = Witness::default();
        runtime.block_on(async {
            for child in 0..8 {
                let tree = grow(8 * round + child, 2, witness.clone());
                filch::spawn(tree).await.expect("nothing panics");
            }
            // Why: a child that waited for the very thread that dropped its gather ends soon after.
            while !all_tasks().is_empty() {
                yield_now().await;
            }
        });
        assert_eq!(witness.n_alive(), 0, "round {round}");
    }
}
