//! Threads for calls that block and for work that computes.
