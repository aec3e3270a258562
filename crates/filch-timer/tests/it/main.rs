//! The wheel against an ordered map; the timers on hand-made cells; sleeps and their kin under a clock that stands still;
//! the core's conformance suites.

#![cfg(not(filch_loom))]

mod allocations;
mod conformance;
mod futures;
mod rig;
mod timeouts;
mod timers;
mod wheel;
