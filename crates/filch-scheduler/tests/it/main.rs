//! The core's conformance suite on the stock schedulers.
#![cfg(not(filch_loom))]

mod conformance;
mod flood;
