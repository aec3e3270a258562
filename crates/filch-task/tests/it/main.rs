//! Tasks on a runtime that the test drives by hand, one runnable at a time.

#![cfg(not(filch_loom))]

mod budget;
mod gather;
mod group;
mod handles;
mod join_set;
mod rig;
mod spawning;
