//! Children over borrowed data.

mod blocking;
mod local;
