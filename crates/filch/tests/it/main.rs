//! The behavior of the facade, as a user sees it.

mod bad_input;
mod broken;
mod clock;
#[path = "../shared/drivers.rs"]
mod drivers;
mod global;
#[cfg(target_os = "linux")]
mod idle;
mod local;
mod macros;
mod net;
#[path = "../shared/random.rs"]
mod random;
mod shutdown;
mod stall;
mod streams;
mod suite;
mod sync;
mod task;
#[cfg(feature = "tls")]
mod tls;
#[path = "../shared/tools.rs"]
mod tools;
#[path = "../shared/watchdog.rs"]
mod watchdog;
