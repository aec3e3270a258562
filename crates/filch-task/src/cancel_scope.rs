//! Ending what is inside early: `CancelScope`.
