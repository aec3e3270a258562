//! Being told that the end is near.
