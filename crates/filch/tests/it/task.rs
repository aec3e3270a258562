//! Tasks: spawned, joined, aborted, detached, listed; and what is left when they panic.

mod ends;
mod join_set;
mod local;
mod many;
mod panics;
mod places;
mod threads;
mod turns;
