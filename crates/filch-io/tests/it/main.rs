//! What filch-io does without a runtime: everything in memory, polled by hand or by a foreign executor.
#![cfg(not(filch_loom))]

mod buffered;
mod codec;
mod copying;
mod duplex;
#[cfg(feature = "hyper")]
mod hyper_io;
mod mock;
mod reading;
mod separators;
#[cfg(target_os = "linux")]
mod signals;
mod split;
mod support;
#[cfg(feature = "tokio-io")]
mod tokio_io;
mod writing;
