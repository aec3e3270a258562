//! An async runtime that brings what people love in asyncio to every core.
//!
//! Start an event loop with one [`run`], spawn tasks, await them:
//!
//! ```
//! use filch::prelude::*;
//!
//! async fn double(n: u32) -> u32 {
//!     sleep(Duration::from_millis(10)).await;
//!     2 * n
//! }
//!
//! filch::run(async {
//!     let tasks: Vec<_> = (1..=3).map(|n| spawn(double(n))).collect();
//!     for task in tasks {
//!         println!("{}", task.await.expect("double does not panic"));
//!     }
//! });
//! ```
//!
//! This crate holds no mechanism of its own: it wires the parts together and re-exports them.
//!
//! | to | use |
//! |---|---|
//! | run a program | [`run`], [`main`](macro@main), [`runtime::Runtime`] |
//! | do two things at a time | [`spawn`], [`join!`], [`select!`], [`task::JoinSet`] |
//! | call what blocks | [`to_thread`] |
//! | wait for time | [`time`] |
//! | share and signal | [`sync`] |
//! | talk to the world | [`net`], [`io`], [`signal`] |
//! | replace a part | [`runtime::Builder::driver`] and its neighbors, [`core`] |

pub use filch_core as core;
pub use runtime::{block_on, run};
pub use task::{create_task, spawn, to_thread};

#[cfg(feature = "macros")]
pub mod macros;
#[cfg(feature = "macros")]
pub use macros::{main, test};

pub mod runtime;
pub mod task;

#[cfg(feature = "time")]
pub mod time {
    //! Sleeping, timeouts, intervals, and a clock that tests can stop.
    pub use filch_timer::{
        Duration, Instant, Interval, MissedTickBehavior, Sleep, Timeout, advance, error, interval,
        interval_at, pause, resume, sleep, sleep_until, timeout, timeout_at,
    };
}

#[cfg(feature = "sync")]
pub use filch_sync as sync;

#[cfg(feature = "hyper")]
pub use filch_io::hyper;
#[cfg(feature = "io-util")]
pub use filch_io::io;
#[cfg(feature = "net")]
pub use filch_io::net;
#[cfg(feature = "signal")]
pub use filch_io::signal;

pub mod prelude {
    //! What most programs use: `use filch::prelude::*;`.
    #[cfg(feature = "io-util")]
    pub use crate::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
    #[cfg(feature = "time")]
    pub use crate::time::{Duration, sleep, timeout};
    pub use crate::{create_task, run, spawn, to_thread};
}
