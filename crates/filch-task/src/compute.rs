//! Work that computes, off the workers.
