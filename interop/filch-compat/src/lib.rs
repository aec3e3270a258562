//! Lets libraries that insist on another runtime's context run on filch.
//!
//! First look at [the table of what needs no such thing](https://github.com/filch-rs/filch/blob/main/docs/interop.md):
//! most libraries take a stream, an executor or a runtime trait, and then no second runtime is there at all.

pub mod tokio;
