//! What filch-io does without a runtime: everything in memory, polled by hand or by a foreign executor.
#![cfg(not(filch_loom))]

mod buffered;
mod copying;
mod duplex;
#[cfg(feature = "hyper")]
mod hyper_io;
mod reading;
#[cfg(target_os = "linux")]
mod signals;
mod split;
mod support;
mod writing;
