//! Sockets, signals and stream helpers of the filch runtime.
//!
//! - [`io`]: the futures-io traits under tokio's method names, and what is built on them; needs no runtime.
//! - [`fs`]: files and directories; most calls go to the runtime's threads for what blocks.
//! - [`net`]: TCP, UDP and Unix sockets.
//! - [`signal`]: Ctrl-C and the other signals.
//! - [`process`]: child processes.
//! - [`stdio`]: the standard streams.
//! - `hyper` (a feature): hyper 1.x over this runtime.
//! - `tls` (a feature): TLS by rustls.
//! - `tokio_io` (the feature `tokio-io`): tokio's I/O traits on our streams.
//!
//! It makes system calls on sockets and files, and none of a driver's: what waits, waits on `filch_core`'s slots.

pub mod io;

#[cfg(unix)]
mod per_process;

pub mod fs;

mod source;

#[cfg(unix)]
mod async_fd;
#[cfg(unix)]
mod async_object;

pub mod net;

pub mod signal;

#[cfg(any(unix, windows))]
pub mod process;

#[cfg(unix)]
pub mod stdio;

#[cfg(any(feature = "hyper", feature = "tokio-io"))]
mod streams;

#[cfg(feature = "hyper")]
pub mod hyper;

#[cfg(feature = "tokio-io")]
pub mod tokio_io;

#[cfg(feature = "tls")]
pub mod tls;
