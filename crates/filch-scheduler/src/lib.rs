//! The scheduler of the filch runtime: which task runs next, on which thread, and who sleeps meanwhile.
//!
//! - [`idle`]: who is parked, who searches, and the promise that no task waits while everybody sleeps.
//! - `injector`: where threads that are no workers leave tasks.
//! - `local`: a worker's own queue and its one-task shortcut.
//! - `pace`: whether queued work is worth another worker.
//! - `spin`: whether to look a little longer before parking.
//! - `worker`: the loop.
//! - `sleeper`: how a parked worker is reached.
//! - `lookout`: the thread that notices work behind a worker that is stuck in a poll.
//! - `signals`: which signals that thread takes.
//! - `hold`: the right to the driver.
//! - `hook`: what the user wants called on our threads.
//! - `baton`: which thread drives a current-thread scheduler.
//! - [`MultiThread`], [`CurrentThread`]: the two schedulers.
//! - [`BlockingPool`]: threads for calls that block or compute.
//!
//! It has never heard of sockets or timers: its threads wait in a [`Park`](filch_core::seam::Park).

mod baton;
mod blocking;
mod current_thread;
mod hold;
mod hook;
pub mod idle;
mod injector;
mod local;
mod lookout;
mod multi_thread;
mod neighbor;
mod pace;
mod signals;
mod sleeper;
mod spin;
#[cfg(all(test, not(filch_loom)))]
mod testing;
mod worker;

pub use blocking::{BlockingPool, Leftover, PoolSettings};
pub use current_thread::CurrentThread;
pub use hook::{ThreadHook, ThreadNames};
pub use multi_thread::{MultiThread, Settings};
