//! The behavior of the primitives, seen from outside, without any runtime.
#![cfg(not(filch_loom))]

mod auto_traits;
mod barrier;
mod broadcast;
mod cancel;
mod cancellation;
mod condition;
mod conservation;
mod foreign_code;
mod guards;
mod limits;
mod misuse;
mod mpmc;
mod mpsc;
mod once;
mod oneshot;
mod promise;
mod queue;
mod rendezvous;
mod rwlock;
mod stress;
mod suite;
mod tools;
mod wait_group;
mod watch;

#[test]
fn the_suite_passes_under_a_small_executor() {
    suite::run_all(&tools::block_on);
}
