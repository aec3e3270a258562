//! Values of one task.
