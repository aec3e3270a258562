//! Work that a cancel does not reach.
