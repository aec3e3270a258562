#![doc = include_str!("../README.md")]

mod choice;

#[cfg(any(all(feature = "epoll", target_os = "linux"), feature = "polling"))]
mod refusal;
#[cfg(any(all(feature = "epoll", target_os = "linux"), feature = "polling"))]
mod source;
#[cfg(any(all(feature = "epoll", target_os = "linux"), feature = "polling"))]
mod wait_state;

#[cfg(all(feature = "epoll", target_os = "linux"))]
mod epoll;
#[cfg(feature = "polling")]
mod polling_driver;

pub use choice::{Choice, UnknownDriver, stock};
#[cfg(all(feature = "epoll", target_os = "linux"))]
pub use epoll::Epoll;
#[cfg(feature = "polling")]
pub use polling_driver::Polling;
