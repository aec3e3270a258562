//! A tokio context, for libraries that panic with "there is no reactor running" without one.
//!
//! The first use starts one thread, which runs a current-thread tokio runtime until the process ends: its reactor, its
//! timers, and whatever the library spawns through `tokio::spawn`. Futures of the library are polled by filch's
//! workers, inside that runtime's context.
//!
//! # What it costs
//! - One more thread and one more epoll, even while nothing uses them.
//! - Two changes of thread for each event: tokio's thread is woken by the kernel, and wakes a worker of filch.
//! - What the library spawns shares that one thread. A future that computes there delays every other one, and nobody
//!   steals it; spawn through [`filch::spawn`](https://docs.rs/filch) what you can.
//! - Two clocks: a paused clock of filch does not stop tokio's timers.
//!
//! # What it does not do
//! It makes `tokio::task::block_in_place` no more possible than any current-thread runtime does, and it is no reason to
//! use tokio's own sockets where the library takes any stream: filch's have tokio's traits (feature `tokio-io`).
//!
//! # Examples
//! ```
//! use std::time::Duration;
//!
//! filch::run(async {
//!     filch_compat::tokio::in_context(async {
//!         tokio::time::sleep(Duration::from_millis(1)).await;
//!     })
//!     .await;
//! });
//! ```

use ::tokio::runtime::{Builder, EnterGuard, Handle};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::thread;

/// The tokio runtime, which the first call starts.
///
/// # Panics
/// When the system has no thread or no descriptor to spare for it.
pub fn handle() -> &'static Handle {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("the system has descriptors to spare for tokio's reactor");
        let handle = runtime.handle().clone();
        // Detached: it serves whoever has the handle, and a static is never dropped.
        let thread = thread::Builder::new().name("filch-compat-tokio".into());
        let started = thread.spawn(move || runtime.block_on(std::future::pending::<()>()));
        drop(started.expect("the system has a thread to spare for tokio's reactor"));
        handle
    })
}

/// Enters the tokio context on this thread until the guard is dropped, for calls that do not await.
///
/// The guard cannot be held across an `.await` of a task: it is not `Send`, and the thread may go on with another task
/// meanwhile. [`in_context`] is for futures.
///
/// # Panics
/// As [`handle`]; and when guards are dropped in another order than the reverse of their making.
///
/// # Examples
/// ```
/// let listener = {
///     let _context = filch_compat::tokio::enter();
///     let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
///     listener.set_nonblocking(true).unwrap();
///     tokio::net::TcpListener::from_std(listener).unwrap()
/// };
/// # drop(listener);
/// ```
pub fn enter() -> EnterGuard<'static> {
    handle().enter()
}

/// Polls `future` inside the tokio context, and drops it there too.
///
/// Between two polls the worker is outside of it, so other tasks notice nothing.
///
/// # Cancel safety
/// As `future`.
pub fn in_context<F: Future>(future: F) -> InContext<F> {
    InContext { future: Some(future) }
}

pin_project! {
    /// Future of [`in_context`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct InContext<F> {
        // `None` only while it is dropped.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for InContext<F> {
        fn drop(this: Pin<&mut Self>) {
            // Why: a library's drop may spawn its clean-up.
            let _context = enter();
            this.project().future.set(None);
        }
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _context = enter();
        let future = self.project().future.as_pin_mut();
        future.expect("only a drop takes it").poll(cx)
    }
}
