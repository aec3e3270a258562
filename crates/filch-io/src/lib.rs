//! Sockets, signals and stream helpers of the filch runtime.
//!
//! - [`io`]: the futures-io traits under tokio's method names, and what is built on them; needs no runtime.
//! - [`net`]: TCP, UDP and Unix sockets.
//! - [`signal`]: Ctrl-C and the other signals.
//! - `hyper` (a feature): hyper 1.x over this runtime.
//!
//! It makes system calls on sockets, and none of a driver's: what waits, waits on `filch_core`'s slots.

pub mod io;

mod source;

#[cfg(unix)]
mod async_fd;

pub mod net;

pub mod signal;

#[cfg(feature = "hyper")]
pub mod hyper;
