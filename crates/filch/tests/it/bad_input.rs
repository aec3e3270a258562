//! Wrong numbers, wrong descriptors, wrong places and wrong times: each gets a clear error, and nothing is lost.
//!
//! Panics inside tasks are in `task/panics.rs`.

mod descriptors;
mod endless;
mod late;
mod places;
mod zero;
