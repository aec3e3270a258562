//! What goes wrong outside of the program, and what it sees of that.

mod descriptors;
mod files;
mod full;
mod interrupted;
mod outlived;
