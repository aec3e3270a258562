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
//! | start tasks that end together | [`TaskGroup`] |
//! | do several things at a time | [`gather`](gather()), [`try_gather`], [`join!`], [`select!`], [`task::race`], [`task::as_completed`] |
//! | start a task that goes on by itself | [`spawn`], [`task::JoinSet`] |
//! | end something early | [`time::timeout`], [`task::move_on_after`], [`task::CancelScope`] |
//! | finish something all the same | [`task::shield`], [`task::defer_async`] |
//! | hand a value to whatever is started | [`context!`], [`task_local!`] |
//! | call what blocks, or computes | [`to_thread`], [`compute`], [`runtime::Pool`] |
//! | wait for time | [`time`] |
//! | share and signal | [`sync`] |
//! | talk to the world | [`net`], [`io`], [`fs`], [`process`], [`signal`] |
//! | replace a part | [`runtime::Builder::driver`] and its neighbors, [`core`] |

pub use filch_core as core;
pub use runtime::{block_on, run};
/// # Examples
/// ```
/// use filch::prelude::*;
///
/// async fn read_port(text: &str) -> Result<u16, filch::Error> {
///     let port: u16 = text.trim().parse()?;
///     if port < 1024 {
///         return Err(filch::Error::msg(format!("port {port} is not ours")));
///     }
///     Ok(port)
/// }
///
/// filch::run(async {
///     assert_eq!(read_port("8080").await.expect("a port"), 8080);
///     assert_eq!(read_port("80").await.unwrap_err().to_string(), "port 80 is not ours");
///     assert!(read_port("http").await.unwrap_err().is::<std::num::ParseIntError>());
/// });
/// ```
pub use task::Error;
/// # Examples
/// ```
/// use filch::prelude::*;
///
/// async fn length_of(text: &'static str) -> Result<usize, std::fmt::Error> {
///     sleep(Duration::from_millis(text.len() as u64)).await;
///     if text.is_empty() { Err(std::fmt::Error) } else { Ok(text.len()) }
/// }
///
/// filch::run(async {
///     let total = TaskGroup::scope(async |tg| {
///         let one = tg.create_task(length_of("one"));
///         let two = tg.create_task(length_of("three"));
///         Ok(one.await + two.await)
///     });
///     assert_eq!(total.await.expect("both have a length"), 8);
///
///     let failed = TaskGroup::scope(async |tg| {
///         tg.create_task(length_of(""));
///         let long = tg.spawn(sleep(Duration::from_secs(3600)));
///         long.await; // The failure of its sibling ends it, and the body as well.
///         Ok(())
///     });
///     let error = failed.await.unwrap_err();
///     assert_eq!(error.failures().len(), 1);
///     println!("{error}");
/// });
/// ```
pub use task::TaskGroup;
/// # Examples
/// ```
/// filch::run(async {
///     let sum = filch::compute(|| (1..=1_000_000_u64).sum::<u64>()).await;
///     assert_eq!(sum, 500_000_500_000);
/// });
/// ```
pub use task::compute;
/// # Examples
/// ```
/// filch::context! {
///     static REQUEST: String;
/// }
///
/// async fn log(text: &str) -> String {
///     REQUEST.with(|request| format!("{request}: {text}"))
/// }
///
/// filch::run(async {
///     let handling = REQUEST.scope("GET /".to_owned(), async {
///         let task = filch::spawn(log("opened")); // Inherits it.
///         task.await.expect("it does not panic")
///     });
///     assert_eq!(handling.await, "GET /: opened");
///     assert!(REQUEST.try_get().is_err());
/// });
/// ```
pub use task::context;
/// # Examples
/// ```
/// use filch::prelude::*;
///
/// async fn double(n: u32) -> u32 {
///     sleep(Duration::from_millis(10)).await;
///     2 * n
/// }
///
/// filch::run(async {
///     assert_eq!(gather((1..=3).map(double)).await, [2, 4, 6]);
/// });
/// ```
///
/// With the panics of single children as errors:
///
/// ```
/// # filch::run(async {
/// let halves = [8, 0].map(|n| async move { 16_u32.checked_div(n).expect("not zero") });
/// let outcomes = filch::gather(halves).settled().await;
/// assert_eq!(*outcomes[0].as_ref().unwrap(), 2);
/// assert!(outcomes[1].as_ref().unwrap_err().is_panic());
/// # });
/// ```
pub use task::gather;
/// # Examples
/// ```
/// filch::task_local! {
///     static DEPTH: u32;
/// }
///
/// filch::run(DEPTH.scope(1, async {
///     assert_eq!(DEPTH.get(), 1);
///     DEPTH.scope(2, async { assert_eq!(DEPTH.get(), 2) }).await;
///
///     let task = filch::spawn(async { DEPTH.try_get() }); // Has none of its own.
///     assert!(task.await.expect("it does not panic").is_err());
/// }));
/// ```
pub use task::task_local;
/// # Examples
/// ```
/// use std::num::ParseIntError;
///
/// async fn parse(text: &'static str) -> Result<u32, ParseIntError> {
///     text.parse()
/// }
///
/// # filch::run(async {
/// assert_eq!(filch::try_gather(["1", "2"].map(parse)).await, Ok(vec![1, 2]));
/// assert!(filch::try_gather(["1", "two"].map(parse)).await.is_err());
/// # });
/// ```
pub use task::try_gather;
pub use task::{create_task, run_in_executor, spawn, to_thread};

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

#[cfg(feature = "io-util")]
pub mod io {
    //! Asynchronous reading and writing: the futures-io traits under tokio's method names, what is built on them, and the
    //! standard streams.
    pub use filch_io::io::*;
    #[cfg(all(unix, feature = "io-std"))]
    pub use filch_io::stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
}

#[cfg(feature = "fs")]
pub use filch_io::fs;
#[cfg(feature = "hyper")]
pub use filch_io::hyper;
#[cfg(feature = "net")]
pub use filch_io::net;
#[cfg(all(any(unix, windows), feature = "process"))]
pub use filch_io::process;
#[cfg(feature = "signal")]
pub use filch_io::signal;
#[cfg(feature = "tls")]
pub use filch_io::tls;
#[cfg(feature = "tokio-io")]
pub use filch_io::tokio_io;

pub mod prelude {
    //! What most programs use: `use filch::prelude::*;`.
    #[cfg(feature = "io-util")]
    pub use crate::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
    #[cfg(feature = "time")]
    pub use crate::time::{Duration, sleep, timeout};
    pub use crate::{TaskGroup, create_task, gather, run, spawn, to_thread, try_gather};
}
