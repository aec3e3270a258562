//! Values that tasks inherit.
