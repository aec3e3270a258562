//! Clean-up that outlives who asked for it.
