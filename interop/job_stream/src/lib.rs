//! Scaling out with an engine that is there already: any number of filch processes share one stream of jobs in Redis.
//!
//! # The life of a job
//! 1. [`Jobs::submit`] appends it to the stream.
//! 2. [`Jobs::take`] delivers it to one worker of the group, and Redis notes it as *pending* under that worker's name.
//! 3. While it works, the worker says so every now and then ([`Jobs::keep`]).
//! 4. [`Jobs::finish`] stores the output and acknowledges the job, both or neither.
//!
//! A worker that dies between 2 and 4 leaves a pending job that nobody keeps. After a while another worker takes it over
//! ([`Jobs::take_over`]) and does it again from the start.
//!
//! # Nothing is lost, nothing is acknowledged twice
//! - A job leaves Redis' books in step 4 only, together with its output. Whoever dies before has changed nothing.
//! - A worker may be slow rather than dead, and come back after its job was taken over. So steps 3 and 4 first look
//!   whose job it is, in the same script that acts, and Redis runs scripts one at a time: of two workers with the same
//!   job one finishes it, and the other is told that it is not its own any more. The same goes for a worker that was so
//!   slow that it took over a job of its own.
//! - What a job does *outside* of Redis it may do twice; only its output is stored once.
//!
//! # What it does not do
//! It has no limit on retries: a job that kills each worker goes on to the next one.

mod jobs;
mod worker;

pub use jobs::{Job, Jobs};
pub use worker::Worker;
