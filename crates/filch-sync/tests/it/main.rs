//! The behavior of the primitives, seen from outside, without any runtime.
#![cfg(not(filch_loom))]

mod cancel;
mod conservation;
mod foreign_code;
mod misuse;
mod mpsc;
mod stress;
mod suite;
mod tools;

#[test]
fn the_suite_passes_under_a_small_executor() {
    suite::run_all(&tools::block_on);
}
