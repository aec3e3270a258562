//! Programs written against `tokio::sync` that do the same with filch's names in their place.
//!
//! Each file in `programs/` has a function `run`, which returns what the program observed, line by line. The build script
//! writes a copy of each with `tokio::` replaced by `filch::`, and nothing else. Both are compiled and run, and must
//! observe the same. Nothing in a program depends on chance: where tasks race, it looks at what every order has in common.
//!
//! What differs on purpose stands in no program:
//!
//! - The words of messages and `Debug` output: those are filch's own.
//! - `Barrier::new(0)`: tokio makes it one of 1, filch panics.
//! - `broadcast::channel(n)`: tokio rounds `n` up to a power of two, filch keeps as many as asked for. Its values must be
//!   `Sync`, for receivers clone them at the same time; in tokio they clone one after the other.
//! - Who gets a `Mutex` that is unlocked while others wait: tokio's next in line, in filch whoever comes first, for a
//!   while. No task starves under either.
//! - `mpsc::Sender::send_timeout`: filch's locks and channels know no clock; write `timeout(d, sender.reserve())`.

/// Adds a line to what a program observed.
#[cfg(test)]
macro_rules! note {
    ($seen:ident, $($format:tt)+) => { $seen.push(format!($($format)+)) };
}

include!(concat!(env!("OUT_DIR"), "/list.rs"));

#[cfg(test)]
fn same(tokio: fn() -> Vec<String>, filch: fn() -> Vec<String>) {
    let (theirs, ours) = (tokio(), filch());
    assert!(!theirs.is_empty(), "a program that observes nothing");
    assert_eq!(ours, theirs, "filch on the left, tokio on the right");
}

/// What a future gives at its next poll, if it does.
#[cfg(test)]
async fn now<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    use std::task::Poll;
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Whether it panics.
#[cfg(test)]
fn panics<T>(f: impl FnOnce() -> T) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err()
}
