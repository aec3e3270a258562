//! Time for the filch runtime: one shared timer wheel, and what is built on it.
//!
//! Read on in this order:
//! - [`wheel`]: the pure data structure that orders deadlines.
//! - [`WheelTimers`]: the wheel behind the seam of timers.
//! - [`StockClock`]: the system's time, or a virtual one.
//! - [`Instant`]: a moment by the runtime's clock.
//! - [`Sleep`], [`Timeout`], [`Interval`]: what a task awaits.
//! - [`pause`], [`resume`], [`advance`]: time at the test's command.
//!
//! **Invariant:** the wheel has never heard of clocks, the timers have never heard of tasks, and nothing here waits for
//! a thread or reads a socket: when a deadline comes is found out by whoever parks.

mod clock;
pub mod error;
mod instant;
mod interval;
mod pause;
mod sleep;
mod timeout;
mod timers;
pub mod wheel;

pub use clock::StockClock;
pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use pause::{advance, pause, resume};
pub use sleep::{Sleep, sleep, sleep_until};
pub use std::time::Duration;
pub use timeout::{ELAPSED, Timeout, poll_in_time, timeout, timeout_at};
pub use timers::WheelTimers;
