//! Canceling a task through its handle.
