//! Both stock drivers, checked from outside.
#![cfg(not(filch_loom))]

#[cfg(all(feature = "epoll", feature = "polling", target_os = "linux"))]
mod broken;
mod errors;
mod signals;
mod subprocess;
mod suite;
